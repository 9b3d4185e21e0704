"""Fills the benchmark's database by COPY: users, documents, analyses and their results."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
from django.conf import settings
from psycopg import sql

from benchmarks.service.texts import Texts

RESULTS = 5  # of each document's one analysis
MEASURED_USERS = 50  # whose documents can be searched, and who send the requests
BATCH = 10_000  # documents at once: the triggers keep the new rows in memory
MODELS = ("openai:gpt-5-mini", "anthropic:claude-sonnet-5", "google:gemini-2.5-pro")
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = ("documents", "document_passages", "analyses", "analysis_results")

DOCUMENTS = (
    "documents (id, user_id, filename, content, file_type, size_bytes, sha256, status,"
    " word_count, created_at, updated_at)"
)
ANALYSES = (
    "analyses (id, user_id, document_id, prompt, models, mode, status, document_sha256,"
    " characters_sent, characters_total, runs, created_at, started_at, finished_at)"
)
RESULT_ROWS = (
    "analysis_results (id, user_id, analysis_id, document_id, llm_provider, model,"
    " resolved_model, stage, part, prompt, response, status, attempts, input_tokens,"
    " output_tokens, cost_usd, latency_ms, finish_reason, created_at, started_at, finished_at)"
)


def users_for(documents: int) -> int:
    return max(MEASURED_USERS, documents // 1_000)


def owner_of(number: int, users: int) -> int:
    """Every tenth document is the first user's; the others share the rest evenly."""
    return 1 if number % 10 == 0 else 2 + number % (users - 1)


def seed(connection: psycopg.Connection, documents: int) -> None:
    """Fill an empty database with a migrated schema."""
    users = users_for(documents)
    texts = Texts()
    say = Clock()
    # Checked row by row, 15 million foreign keys would take longer than all the rest.
    try:
        connection.execute("SET session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege:
        connection.rollback()
        print("  not a superuser: each foreign key is checked, which takes longer")
    copy(connection, "users (id, email, username, hashed_password)", user_rows(users))
    dropped = drop_indexes(connection)
    for start in range(1, documents + 1, BATCH):
        batch = range(start, min(start + BATCH, documents + 1))
        rows = [document_row(number, users, texts) for number in batch]
        copy(connection, DOCUMENTS, rows)
        copy(connection, ANALYSES, (analysis_row(row) for row in rows))
        copy(connection, RESULT_ROWS, result_rows(rows, texts))
        connection.commit()
        if batch[-1] % (10 * BATCH) == 0:
            say(f"{batch[-1]:,} documents")
    index_passages(connection)
    say("passages")
    for definition in dropped:
        connection.execute(definition)
    say(f"{len(dropped)} indexes")
    count_usage(connection)
    for table in ("users", *TABLES):
        if table != "document_passages":
            connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE")
    say("vacuumed and analysed")


class Clock:
    """Prints what is done, with the seconds it took."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, what: str) -> None:
        now = time.monotonic()
        print(f"  {what} ({now - self.last:.0f} s)", flush=True)
        self.last = now


def copy(connection: psycopg.Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    """COPY rows whose texts have no tabs, backslashes or line breaks."""
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as stream:
        lines = []
        for row in rows:
            lines.append("\t".join(map(str, row)))
            if len(lines) == 500:
                stream.write("\n".join(lines) + "\n")
                lines = []
        if lines:
            stream.write("\n".join(lines) + "\n")


def user_rows(users: int) -> Iterator[tuple[object, ...]]:
    for number in range(1, users + 1):
        yield number, f"user-{number}@example.com", f"User {number}", "!"


def time_of(number: int) -> datetime:
    return STARTED + timedelta(seconds=20 * number)


def document_row(number: int, users: int, texts: Texts) -> tuple[object, ...]:
    text = texts.document(number)
    at = time_of(number)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    words = text.count(" ") + 1
    owner = owner_of(number, users)
    name = f"report-{number}.txt"
    return number, owner, name, text, "txt", len(text), sha256, "ready", words, at, at


def analysis_row(document: tuple[object, ...]) -> tuple[object, ...]:
    number, user, _, _, _, size, sha256, *_, at = document
    models = json.dumps(list(MODELS)).replace("[", "{").replace("]", "}")
    question = f"What does report {number} say about money?"
    return (
        *(number, user, number, question, models, "answers", "succeeded", sha256),
        *(size, size, 1, at, at, at),
    )


def result_rows(
    documents: Iterable[tuple[object, ...]], texts: Texts
) -> Iterator[tuple[object, ...]]:
    for number, user, *_, at in documents:
        assert isinstance(number, int)
        for place in range(RESULTS):
            pk = (number - 1) * RESULTS + place + 1
            model = MODELS[place % len(MODELS)]
            provider, _, name = model.partition(":")
            question = f"What does report {number} say about money?"
            yield (
                *(pk, user, number, number, provider, model, name, "answer", place, question),
                *(texts.piece(400), "succeeded", 1, 1_200, 110, "0.00123400", 900 + pk % 700),
                *("stop", at, at, at),
            )


def drop_indexes(connection: psycopg.Connection) -> list[str]:
    """Drop what is faster made anew at the end; return the statements that do so."""
    found = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        " AND tablename = ANY(%s) AND NOT EXISTS"
        " (SELECT FROM pg_constraint WHERE conname = indexname)",
        [list(TABLES)],
    ).fetchall()
    for name, _ in found:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    return [definition for _, definition in found]


def index_passages(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO document_passages (user_id, document_id, number, text, vector)"
        " SELECT user_id, id, 0, content, to_tsvector(%s::regconfig, content)"
        " FROM documents WHERE user_id <= %s",
        [settings.SEARCH_LANGUAGE, MEASURED_USERS],
    )


def count_usage(connection: psycopg.Connection) -> None:
    """As the triggers do it, where they were not asleep."""
    connection.execute("DELETE FROM document_usage")
    connection.execute(
        "INSERT INTO document_usage (user_id, documents, bytes)"
        " SELECT user_id, count(*), sum(size_bytes) FROM documents GROUP BY user_id"
    )
