"""The benchmark's own database: made once for each size, used again as long as the seed is."""

import hashlib
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from psycopg import sql

from benchmarks.service import seeding, texts
from benchmarks.service.figures import count_figures


def prepare_database(server: str, documents: int) -> None:
    """Have a database of this size, seeded by this code, migrated to this schema."""
    name = settings.DATABASES["default"]["NAME"]
    mark = fingerprint(documents)
    with psycopg.connect(server, autocommit=True) as connection:
        if mark_of(connection, name) == mark:
            print(f"{name} is there already.")
            call_command("migrate", verbosity=0)
            count_figures()
            return
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        connection.execute(drop.format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    print(f"Seeding {name} with {documents:,} documents ...", flush=True)
    call_command("migrate", verbosity=0)
    with connect() as connection:
        seeding.seed(connection, documents)
        # Last of all: a database whose seeding was interrupted does not have it.
        comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
        connection.execute(comment.format(sql.Identifier(name), sql.Literal(mark)))
    count_figures()


def connect() -> psycopg.Connection:
    database = settings.DATABASES["default"]
    return psycopg.connect(
        dbname=database["NAME"],
        user=database["USER"] or None,
        password=database["PASSWORD"] or None,
        host=database["HOST"] or None,
        port=database["PORT"] or None,
    )


def mark_of(connection: psycopg.Connection, name: str) -> str | None:
    row = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    return row[0] if row else None


def fingerprint(documents: int) -> str:
    """What a seed depends on: its size, and the code that makes it."""
    sources = [Path(module.__file__ or "").read_bytes() for module in (seeding, texts)]
    return f"{documents} documents, {hashlib.sha256(b''.join(sources)).hexdigest()[:16]}"
