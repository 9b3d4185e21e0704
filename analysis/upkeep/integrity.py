"""Whether what is stored fits together: after a restore, or when something looks wrong.

Each check yields what it found, a sentence each. Files are read a part at a time, and rows that are
compared are compared in the database, so memory stays flat however much there is.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor

from documents.models import Document, DocumentVersion, FilePart
from documents.search import index_text
from documents.storage import read_file

OWN_APPS = ("accounts", "documents", "analysis")
BATCH = 500
# What migrations made and no model knows.
TRIGGERS = {
    "usage_of_new_documents",
    "usage_of_deleted_documents",
    "usage_of_replaced_documents",
    "usage_of_new_versions",
    "usage_of_deleted_versions",
    "held_documents_stay",
    "versions_of_held_documents_stay",
    "files_of_held_documents_stay",
    "analyses_of_held_documents_stay",
    "results_of_held_documents_stay",
}
TRUE_USAGE = """
    SELECT user_id, sum(documents)::bigint AS documents, sum(bytes)::bigint AS bytes FROM (
        SELECT user_id, 1 AS documents, size_bytes AS bytes FROM documents
        UNION ALL SELECT user_id, 0, size_bytes FROM document_versions
    ) AS kept GROUP BY user_id
"""
UNINDEXED = """
    SELECT id FROM documents WHERE status = 'ready' AND content ~ '\\S'
    AND NOT EXISTS (SELECT FROM document_passages WHERE document_id = documents.id)
"""
# Rows that contradict each other: what it is, and a query for the ids.
CONTRADICTIONS = {
    "document {} has its text but no passages: search does not find it": UNINDEXED,
    "document {} has passages of another owner": """
        SELECT DISTINCT d.id FROM documents d JOIN document_passages p ON p.document_id = d.id
        WHERE p.user_id <> d.user_id""",
    "document {} waits to be read and has no file": """
        SELECT id FROM documents WHERE status = 'pending' AND NOT EXISTS (
            SELECT FROM document_files f WHERE document_id = documents.id
            AND f.version = documents.version)""",
    "document {} has an earlier version that is not earlier": """
        SELECT DISTINCT d.id FROM documents d JOIN document_versions v ON v.document_id = d.id
        WHERE v.number >= d.version""",
    "document {} has a version of another owner": """
        SELECT DISTINCT d.id FROM documents d JOIN document_versions v ON v.document_id = d.id
        WHERE v.user_id <> d.user_id""",
    "document {} has a file of a version that there is not": """
        SELECT DISTINCT f.document_id FROM document_files f
        WHERE NOT EXISTS (SELECT FROM documents WHERE id = f.document_id AND version = f.version)
        AND NOT EXISTS (SELECT FROM document_versions v
                        WHERE v.document_id = f.document_id AND v.number = f.version)""",
    "analysis {} has ended, and a call of it has not": """
        SELECT DISTINCT a.id FROM analyses a JOIN analysis_results r ON r.analysis_id = a.id
        WHERE r.status IN ('pending', 'running')
        AND a.finished_at < now() - interval '5 minutes'""",
    "analysis {} succeeded without any answer": """
        SELECT id FROM analyses a WHERE status = 'succeeded' AND NOT EXISTS (
            SELECT FROM analysis_results WHERE analysis_id = a.id AND status = 'succeeded')""",
    "analysis {} has ended, and money is still set aside for it": """
        SELECT id FROM analyses
        WHERE finished_at < now() - interval '5 minutes' AND reserved_usd <> 0""",
    "analysis {} is about a document of another owner": """
        SELECT a.id FROM analyses a JOIN documents d ON d.id = a.document_id
        WHERE a.user_id <> d.user_id""",
    "result {} is not its analysis's owner's, or about another document": """
        SELECT r.id FROM analysis_results r JOIN analyses a ON a.id = r.analysis_id
        WHERE r.user_id <> a.user_id OR r.document_id IS DISTINCT FROM a.document_id""",
}


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    find: Callable[[], Iterator[str]]
    fix: Callable[[], None] | None = None  # only where nothing can be lost by it


def rows(sql: str) -> Iterator[tuple[Any, ...]]:
    """Rows of a query, held by the server and fetched a few hundred at a time."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(sql)
        while batch := cursor.fetchmany(BATCH):
            yield from batch


def own_models() -> list[type[models.Model]]:
    return [model for label in OWN_APPS for model in apps.get_app_config(label).get_models()]


def unapplied_migrations() -> Iterator[str]:
    executor = MigrationExecutor(connection)
    for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
        yield f"migration {migration.app_label}.{migration.name} is not applied"


def broken_schema() -> Iterator[str]:
    """Constraints, indexes and triggers that are missing, or there and not in force."""
    for table, name in rows(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE NOT convalidated"
        " AND connamespace = current_schema()::regnamespace"
    ):
        yield f"constraint {name} of {table} is not validated"
    for (name,) in rows(
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = indexrelid"
        " WHERE NOT indisvalid AND c.relnamespace = current_schema()::regnamespace"
    ):
        yield f"index {name} is not valid"
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in own_models():
            meta = model._meta  # noqa: SLF001
            if meta.db_table not in tables:
                yield f"table {meta.db_table} is missing"
                continue
            there = set(connection.introspection.get_constraints(cursor, meta.db_table))
            for needed in [*meta.constraints, *meta.indexes]:
                if needed.name not in there:
                    yield f"{needed.name} of {meta.db_table} is missing"
            cursor.execute(
                "SELECT count(*) FROM pg_constraint"
                " WHERE contype = 'f' AND conrelid = %s::regclass AND convalidated",
                [f'"{meta.db_table}"'],
            )
            if cursor.fetchone()[0] < len(foreign_keys(model)):
                yield f"a foreign key of {meta.db_table} is missing"
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'")
        for name in sorted(TRIGGERS - {row[0] for row in cursor.fetchall()}):
            yield f"trigger {name} is missing or disabled"


def foreign_keys(model: type[models.Model]) -> list[models.ForeignKey]:
    return [f for f in model._meta.local_fields if isinstance(f, models.ForeignKey)]  # noqa: SLF001


def orphans() -> Iterator[str]:
    """Rows that refer to rows which are not there: a foreign key that was not watched let them."""
    for model in own_models():
        table = model._meta.db_table  # noqa: SLF001
        for key in foreign_keys(model):
            parent = key.related_model._meta.db_table  # noqa: SLF001
            sql = (
                f'SELECT count(*), min(child."{key.column}") FROM "{table}" child'  # noqa: S608
                f' WHERE child."{key.column}" IS NOT NULL AND NOT EXISTS'
                f' (SELECT FROM "{parent}" WHERE id = child."{key.column}")'
            )
            for count, example in rows(sql):
                if count:
                    yield f"{count} rows of {table} refer to {parent} {example}, which is not there"


def contradictions() -> Iterator[str]:
    for sentence, sql in CONTRADICTIONS.items():
        for (pk,) in rows(sql):
            yield sentence.format(pk)


def wrong_usage() -> Iterator[str]:
    for user_id, counted, true in rows(
        "SELECT COALESCE(u.user_id, t.user_id), (u.documents, u.bytes)::text,"  # noqa: S608
        f" (COALESCE(t.documents, 0), COALESCE(t.bytes, 0))::text FROM document_usage u"
        f" FULL JOIN ({TRUE_USAGE}) t ON t.user_id = u.user_id"
        " WHERE (u.documents, u.bytes) IS DISTINCT FROM"
        " (COALESCE(t.documents, 0), COALESCE(t.bytes, 0))"
    ):
        yield f"the usage of user {user_id} is counted as {counted}, and is {true}"


@transaction.atomic
def count_usage_again() -> None:
    with connection.cursor() as cursor:
        # Nobody stores or deletes meanwhile: their triggers would wait for these rows anyway.
        cursor.execute("LOCK TABLE document_usage, documents, document_versions IN SHARE MODE")
        cursor.execute("DELETE FROM document_usage")
        cursor.execute(f"INSERT INTO document_usage (user_id, documents, bytes) {TRUE_USAGE}")


def index_again() -> None:
    for (pk,) in list(rows(UNINDEXED)):
        with transaction.atomic():
            document = Document.objects.select_for_update().filter(pk=pk).first()
            if document:  # nobody has deleted it meanwhile
                has_pages = document.page_count is not None
                index_text(document, document.content or "", has_pages=has_pages)


def wrong_files() -> Iterator[str]:
    """Bytes that are not those that came: by size, and by sha256."""
    for model, number in ((Document, "version"), (DocumentVersion, "number")):
        document_id = "id" if model is Document else "document_id"
        columns = (document_id, number, "size_bytes", "sha256", "content")
        last = 0
        while (
            batch := list(
                model._default_manager.filter(pk__gt=last)  # noqa: SLF001
                .order_by("pk")
                .values_list("pk", *columns[:-1])[:BATCH]
            )
        ):
            for pk, document, version, size, sha256 in batch:
                content = None
                if not FilePart.objects.filter(document=document, version=version).exists():
                    # Sent as text: the text is what came. One without a text is told elsewhere.
                    rows_of = model._default_manager.filter(pk=pk)  # noqa: SLF001
                    content = rows_of.values_list("content", flat=True).first()
                    if content is None:
                        continue
                yield from wrong_bytes(document, version, size, sha256, content)
            last = batch[-1][0]


def wrong_bytes(
    document: int, version: int, size: int, sha256: str, content: str | None
) -> Iterator[str]:
    found, length = hashlib.sha256(), 0
    pieces = read_file(document, version) if content is None else [content.encode()]
    for piece in pieces:
        found.update(piece)
        length += len(piece)
    what = f"version {version} of document {document}"
    if length != size:
        yield f"{what} has {length} bytes, and came with {size}"
    elif found.hexdigest() != sha256:
        yield f"{what} is not what came: its sha256 is another"


CHECKS = [
    Check("migrations", unapplied_migrations),
    Check("schema", broken_schema),
    Check("references", orphans),
    Check("rows", contradictions, index_again),
    Check("usage", wrong_usage, count_usage_again),
    Check("files", wrong_files),
]
