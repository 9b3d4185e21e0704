"""The command-line client as people and scripts run it, against the running service."""

import json
import os
import pty
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings

from accounts.models import Session
from accounts.tokens import make_personal_access_token
from analysis.models import Analysis
from analysis.tests.factories import make_analysis
from conftest import PASSWORD
from documents.models import Document
from documents.tests.factories import make_document
from ultrai.tests.processes import THROTTLES_OFF, database_url, fetch, web, worker

PYTHON = [sys.executable, "-m", "ultrai.client"]
ALICE = "alice@example.com"


@pytest.fixture(scope="module")
def service(django_db_setup):
    with web(DATABASE_URL=database_url(), **THROTTLES_OFF) as url:
        yield url


@pytest.fixture
def variables(service, transactional_db, tmp_path):
    """All that the client has: no Django settings, no database, an empty home."""
    home = {"XDG_CONFIG_HOME": str(tmp_path), "PATH": os.defpath}
    return home | {"ULTRAI_URL": service, "ULTRAI_PASSWORD": PASSWORD}


@pytest.fixture
def run(variables):
    """Run one command; the result has `returncode`, `stdout` and `stderr`."""

    def run(*arguments, stdin="", **more):
        return subprocess.run(
            [*PYTHON, *map(str, arguments)],
            env=variables | more,
            cwd=settings.BASE_DIR,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def data(run):
    """The JSON of a command that must succeed."""

    def data(*arguments):
        result = run(*arguments, "--json")
        assert (result.returncode, result.stderr) == (0, "")
        return json.loads(result.stdout)

    return data


@pytest.fixture
def credentials(alice, data, tmp_path):
    """The file where Alice's tokens are."""
    data("login", ALICE)
    return tmp_path / "ultrai" / "credentials.json"


class LossyProxy(ThreadingHTTPServer):
    """Hands every request on to the service; the first answer is lost on the way back."""

    def __init__(self, service):
        super().__init__(("127.0.0.1", 0), Hop)
        self.service, self.seen = service, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Hop(BaseHTTPRequestHandler):
    server: LossyProxy

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        status, headers, content = fetch(self.server.service + self.path, body, **self.headers)
        self.server.seen.append((self.path, status))
        if len(self.server.seen) == 1:
            return  # the connection is closed
        self.send_response(status)
        for name in ["Content-Type", "Content-Length"]:
            self.send_header(name, headers[name])
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.do_POST()

    def log_message(self, *args):
        pass


@pytest.fixture
def lossy(service):
    with LossyProxy(service) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()


def expire(credentials):
    stored = json.loads(credentials.read_text())
    for tokens in stored.values():
        tokens["expires_at"] = 0
    credentials.write_text(json.dumps(stored))


def in_a_terminal(variables, *arguments):
    """What a person sees, and the exit code."""
    ours, theirs = pty.openpty()
    command = [*PYTHON, *map(str, arguments)]
    process = subprocess.Popen(
        command, env=variables, cwd=settings.BASE_DIR, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:  # Linux's end of a terminal
        pass
    os.close(ours)
    return seen.decode(), process.wait(10)


def test_from_registration_to_export(run, data, variables, tmp_path):
    report = tmp_path / "report.md"

    assert run("register", "carol@example.com", "Carol").returncode == 0
    [document] = data("upload", settings.BASE_DIR / "docs/sample.pdf")
    models = [argument for m in data("models")[:2] for argument in ("--model", m["id"])]
    asked = data("ask", document["id"], "What will it cost?", *models, "--max-cost", "1")
    with worker():
        seen, code = in_a_terminal(variables, "watch", asked["id"])
    assert run("export", asked["id"], "--format", "md", "-o", report).returncode == 0

    assert code == 0
    assert "█ 2/2" in seen
    shown = run("show", asked["id"]).stdout
    assert shown.startswith("# What will it cost?")
    assert shown.splitlines()[-1] in report.read_text()
    assert [row["id"] for row in data("documents", "--search", "cost")] == [document["id"]]


def test_watching_without_a_terminal_prints_a_line_for_each_call(alice, run, credentials):
    analysis = make_analysis(alice, make_document(alice), models=["builtin:summary"])

    with worker():
        result = run("watch", analysis.pk)

    assert result.returncode == 0
    assert result.stderr.startswith("answer builtin:summary succeeded (")
    assert "1 of 1 calls succeeded" in result.stdout


def test_the_exit_code_says_that_no_model_has_answered(alice, run, credentials):
    analysis = make_analysis(alice)
    analysis.cancel()

    assert run("watch", analysis.pk).returncode == 6


def test_tokens_are_kept_where_only_their_owner_reads_them(credentials):
    modes = [oct(path.stat().st_mode & 0o777) for path in (credentials, credentials.parent)]

    assert modes == ["0o600", "0o700"]


def test_a_spent_access_token_is_refreshed_also_by_two_clients_at_once(variables, credentials):
    expire(credentials)

    both = [
        subprocess.Popen([*PYTHON, "models"], env=variables, cwd=settings.BASE_DIR)
        for _ in range(2)
    ]

    assert [process.wait(60) for process in both] == [0, 0]
    assert Session.objects.count() == 1


def test_a_session_that_has_ended_is_said_and_forgotten(alice, run, credentials):
    Session.objects.all().delete()
    expire(credentials)

    result = run("documents")

    assert result.returncode == 3
    assert "The session has ended. Log in with: " in result.stderr
    assert credentials.read_text() == "{}"


def test_logging_out_ends_the_session_and_forgets_the_tokens(run, credentials):
    result = run("logout")

    assert result.returncode == 0
    assert not Session.objects.exists()
    assert run("documents").returncode == 3


@pytest.mark.parametrize("way", ["login", "variable"])
def test_a_personal_access_token_will_do(way, alice, run, variables):
    token = make_personal_access_token(user=alice, name="script", scopes=["read"], expires_at=None)[
        1
    ]
    if way == "variable":
        variables["ULTRAI_TOKEN"] = token
    else:
        assert run("login", "--token", stdin=f"{token}\n").returncode == 0

    assert run("documents").returncode == 0


def test_a_file_that_is_refused_takes_no_other_with_it(run, credentials, tmp_path):
    good, bad = tmp_path / "good.md", tmp_path / "bad.exe"
    good.write_text("Water boils.")
    bad.write_bytes(b"MZ\x90\x00\x03")

    result = run("upload", bad, tmp_path / "missing.md", good)

    assert result.returncode == 1
    assert Document.objects.get().filename == "good.md"
    assert "bad.exe: " in result.stderr
    assert "missing.md: No such file" in result.stderr


def test_errors_are_shown_by_field_with_their_code(run, credentials):
    result = run("ask", "-", "What?", "--model", "nobody:nothing", "--max-cost", "much")

    assert result.returncode == 1
    assert "(invalid)\n" in result.stderr
    assert "  max_cost_usd: A valid number is required." in result.stderr


def test_scripts_get_the_problem_document(run, credentials):
    result = run("show", "999", "--json")

    problem = json.loads(result.stderr)
    assert (result.returncode, result.stdout) == (1, "")
    assert (problem["status"], problem["code"]) == (404, "not_found")


def test_nobody_there_is_an_exit_code_of_its_own(run):
    result = run("login", ALICE, "--url", "http://127.0.0.1:9")

    assert result.returncode == 4
    assert "http://127.0.0.1:9 does not answer" in result.stderr


def test_an_answer_that_is_lost_costs_nothing(alice, run, lossy):
    result = run("login", ALICE, "--url", lossy.url)

    assert (result.returncode, Session.objects.count()) == (0, 1)
    assert lossy.seen == [("/auth/login", 200), ("/auth/login", 200), ("/auth/me", 200)]


def test_a_question_sent_twice_with_one_key_is_asked_once(data, credentials):
    question = ["ask", "-", "What?", "--model", "builtin:summary", "--idempotency-key", "one"]

    first, second = data(*question), data(*question)

    assert first["id"] == second["id"] == Analysis.objects.get().pk


def test_a_list_is_read_page_by_page(alice, data, credentials):
    for _ in range(101):
        make_document(alice)

    assert len(data("documents", "--limit", "500")) == 101


def test_an_answer_cannot_steer_the_terminal(alice, run, credentials):
    analysis = make_analysis(alice, prompt="Ring \x1b[31m\x07 twice")

    assert run("show", analysis.pk).stdout.startswith("# Ring [31m twice\n")


def test_it_needs_neither_django_nor_a_database():
    code = "import sys, ultrai.client.__main__; print('django' in sys.modules)"

    output = subprocess.check_output([sys.executable, "-c", code], cwd=settings.BASE_DIR)

    assert output == b"False\n"
