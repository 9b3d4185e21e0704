from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import connection

# Straight from the database's own catalogue: what is described is what `psql` shows.
COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           CASE WHEN a.attidentity <> '' THEN 'identity' ELSE pg_get_expr(d.adbin, d.adrelid) END
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
CONSTRAINTS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s::regclass AND contype <> 'n' ORDER BY contype, conname
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s ORDER BY indexname"

HEAD = """# Tables

Generated from the database by `make docs` (`manage.py describe_schema`); not to be edited.
Django's own tables (`auth_*`, `django_*`) and the queue's (`procrastinate_*`) are not shown.
"""


class Command(BaseCommand):
    help = "Describe the tables of the database as Markdown. Writes only when --file is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", type=Path, help="write here instead of to standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        text = "\n".join([HEAD, *(describe(table) for table in our_tables())])
        if options["file"]:
            options["file"].write_text(text)
        else:
            self.stdout.write(text)


def our_tables() -> list[str]:
    labels = ("accounts", "documents", "analysis")
    models = [model for label in labels for model in apps.get_app_config(label).get_models()]
    return [model._meta.db_table for model in models]  # noqa: SLF001  its public name


def describe(table: str) -> str:
    """Return one table's section: columns, constraints, indexes."""
    lines = [f"## {table}", "", "| column | type | null | default |", "|---|---|---|---|"]
    for name, kind, is_not_null, default in rows(COLUMNS, table):
        lines.append(f"| {name} | {kind} | {'no' if is_not_null else 'yes'} | {code(default)} |")
    lines += ["", "| constraint | definition |", "|---|---|"]
    lines += [f"| {name} | {code(text)} |" for name, text in rows(CONSTRAINTS, table)]
    lines += ["", "| index | definition |", "|---|---|"]
    lines += [
        f"| {name} | {code(text.partition(' USING ')[2])} |" for name, text in rows(INDEXES, table)
    ]
    return "\n".join([*lines, ""])


def rows(query: str, table: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, [table])
        return list(cursor.fetchall())


def code(text: str | None) -> str:
    return "`" + " ".join(text.split()).replace("|", "\\|") + "`" if text else ""
