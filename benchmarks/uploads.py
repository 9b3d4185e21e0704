"""Ten parallel uploads of 50 MB: how much memory the web process takes, and how long they do.

`.venv/bin/python benchmarks/uploads.py [uploads] [megabytes]`: starts gunicorn with one worker of
eight threads on the development database, sends the files, prints the highest memory that the
worker had while it took them, and deletes what it made. Linux only: it reads /proc.
"""

import hashlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DEBUG", "True")
os.environ["MAX_UPLOAD_MB"] = "60"
os.environ["LOG_LEVEL"] = "WARNING"
os.environ["DJANGO_SETTINGS_MODULE"] = "ultrai.settings"

from ultrai.development import prepare  # noqa: E402

prepare()

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.tokens import start_session  # noqa: E402
from documents.models import Document  # noqa: E402

LIMIT_MB = 250
BOUNDARY = "----uploads"
HEADERS = {"X-Forwarded-Proto": "https"}  # as the platform's proxy says


def main() -> None:
    uploads = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    size = int(sys.argv[2]) * 1_000_000 if len(sys.argv) > 2 else 50_000_000
    call_command("migrate", verbosity=0)
    user = User.objects.create_user(f"uploads-{os.getpid()}@example.com", "Uploads", None)
    token = start_session(user).access_token
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-c", "python:ultrai.gunicorn_conf"]
    server = subprocess.Popen(
        [*command, "--workers=1", f"--bind=127.0.0.1:{port}", "--log-level=warning", "ultrai.wsgi"],
        cwd=ROOT,
        # As in production: in development Django keeps the text of every query.
        env=os.environ | {"DEBUG": "False", "ALLOWED_HOSTS": "127.0.0.1"},
    )
    try:
        wait_for(port)
        watch = Watch(child_of(server.pid))
        watch.start()
        before = watch.now()
        started = time.monotonic()
        with ThreadPoolExecutor(uploads) as pool:
            answers = list(pool.map(lambda n: send(port, token, n, size), range(uploads)))
        seconds = time.monotonic() - started
        watch.is_over = True
        watch.join()
        digests = set(Document.objects.filter(user=user).values_list("sha256", flat=True))
        assert [status for status, _ in answers] == [201] * uploads, answers
        assert digests == {digest for _, digest in answers}
        print(f"{uploads} uploads of {size / 1e6:.0f} MB in {seconds:.1f} s, all stored correctly")
        print(f"memory of the web process: {before} MB before, {watch.highest} MB at most")
        got = download(port, token, Document.objects.filter(user=user).earliest("pk").pk)
        print(f"memory after a download of {got / 1e6:.0f} MB as well: {watch.now()} MB")
    finally:
        server.terminate()
        server.wait()
        user.delete()
    if watch.highest >= LIMIT_MB:
        sys.exit(f"This is more than {LIMIT_MB} MB.")


class Watch(threading.Thread):
    """Looks at a process's resident memory all the time."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.highest, self.is_over = pid, 0, False

    def now(self) -> int:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000

    def run(self) -> None:
        while not self.is_over:
            self.highest = max(self.highest, self.now())
            time.sleep(0.02)


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/health/live", headers=HEADERS)
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("gunicorn did not start.")


def content(number: int, size: int) -> Iterator[bytes]:
    """A file that begins like a PDF and compresses badly, no two alike."""
    yield b"%PDF-1.7\n"
    block = hashlib.shake_256(str(number).encode()).digest(1_000_000)
    left = size - 9
    while left > 0:
        yield block[:left]
        left -= len(block)


def send(port: int, token: str, number: int, size: int) -> tuple[int, str]:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; '
        f'filename="{number}.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.putrequest("POST", "/documents")
    connection.putheader("X-Forwarded-Proto", "https")
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    connection.putheader("Content-Length", str(len(head) + size + len(tail)))
    connection.endheaders()
    digest = hashlib.sha256()
    connection.send(head)
    for block in content(number, size):
        digest.update(block)
        connection.send(block)
    connection.send(tail)
    return connection.getresponse().status, digest.hexdigest()


def download(port: int, token: str, pk: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request(
        "GET", f"/documents/{pk}/file", headers=HEADERS | {"Authorization": f"Bearer {token}"}
    )
    answer = connection.getresponse()
    count = 0
    while block := answer.read(1_000_000):
        count += len(block)
    return count


if __name__ == "__main__":
    main()
