"""Backup, drop, restore, verify: `make drill-backup`.

Makes a database on the embedded PostgreSQL (or on DATABASE_URL's server), stores documents with
files and analyses in it, backs it up with pg_dump, drops it, restores it with pg_restore and runs
`manage.py verify_integrity` on it; then compares every table's rows with what there was. The same
commands are in docs/backup.md. pg_dump and pg_restore are those of the embedded PostgreSQL: an
older one refuses a newer server.
"""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from ultrai import embedded_postgres  # noqa: E402

# What the service stores, made by its own code.
FILL = """
from django.core.files.base import ContentFile
from accounts.models import User
from analysis.services import draft_analysis, request_analysis
from documents.services import replace_file, upload_document, write_document
for name in ("ada", "bob"):
    user = User.objects.create_user(f"{name}@example.com", name, "a long enough password")
    pdf = ContentFile(open("docs/sample.pdf", "rb").read(), "sample.pdf")
    stored = upload_document(user=user, filename="sample.pdf", file=pdf).document
    replace_file(document=stored, filename="sample.txt", file=ContentFile(b"new", "sample.txt"))
    for number in range(100):
        text = f"Note {number} of {name}. " * 500
        document = write_document(user=user, filename="note.txt", content=text).document
        request_analysis(draft_analysis(
            user=user, document=document, prompt="What?", models=["builtin:summary"]
        ))
"""


def main() -> None:
    server = os.environ.get("DATABASE_URL") or embedded_postgres.start(ROOT / ".data" / "postgres")
    name = f"backup_drill_{os.getpid()}"
    database = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SECRET": secrets.token_urlsafe(48),
        "ALLOWED_HOSTS": "localhost",
        "LOG_LEVEL": "ERROR",
    }

    def manage(*arguments: str, stdin: str = "") -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=environment, input=stdin.encode(), check=True)

    administer(server, "CREATE DATABASE {}", name)
    try:
        manage("migrate", "--verbosity=0")
        manage("shell", "--verbosity=0", stdin=FILL)
        before = contents(database)
        with tempfile.TemporaryDirectory() as folder:
            dump = str(Path(folder) / "ultrai.dump")
            timed("backup", tool("pg_dump"), "--format=custom", f"--file={dump}", database)
            administer(server, "DROP DATABASE {} WITH (FORCE)", name)
            administer(server, "CREATE DATABASE {}", name)
            restore = ["--exit-on-error", "--no-owner", f"--dbname={database}", dump]
            timed("restore", tool("pg_restore"), *restore)
        manage("migrate", "--check")
        manage("verify_integrity")
        if (after := contents(database)) != before:
            differing = sorted(t for t in before | after if before.get(t) != after.get(t))
            raise SystemExit(f"other rows than before in {', '.join(differing)}")
        rows = sum(count for count, _ in before.values())
        print(f"The same {rows:,} rows in {len(before)} tables as before.")
    finally:
        administer(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def administer(server: str, statement: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def contents(database: str) -> dict[str, tuple[int, str]]:
    """How many rows each table has, and a hash over all of them."""
    found = {}
    with psycopg.connect(database) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            statement = (
                "SELECT count(*), COALESCE(md5(string_agg(h, '' ORDER BY h)), '')"
                " FROM (SELECT md5(t::text) AS h FROM {} t) AS hashed"
            )
            row = connection.execute(sql.SQL(statement).format(sql.Identifier(table))).fetchone()
            assert row
            found[table] = (row[0], row[1])
    return found


def timed(what: str, *command: str) -> None:
    started = time.monotonic()
    subprocess.run(command, check=True)
    print(f"{what}: {time.monotonic() - started:.1f} s")


def tool(name: str) -> str:
    return str(embedded_postgres.binaries() / name)


if __name__ == "__main__":
    main()
