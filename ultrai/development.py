"""A laptop without any configuration: secrets and a database of its own, and `make run`.

Development is DEBUG=True, or nothing configured at all. Production never comes past `prepare`'s
first line: it runs gunicorn on `ultrai.wsgi`, or `manage.py` with its variables set.
"""

import os
import secrets
import urllib.request
from urllib.error import URLError

from ultrai import embedded_postgres
from ultrai.supervisor import BASE_DIR, GUNICORN, MIGRATE, WORKER, Supervisor, run

DATA_DIR = BASE_DIR / ".data"
SECRETS = ("SECRET_KEY", "JWT_SECRET")
PRODUCTION_MARKS = ("DATABASE_URL", "SECRET_KEY", "RENDER")


def is_development() -> bool:
    if debug := os.environ.get("DEBUG"):
        return debug.lower() == "true"
    return not any(os.environ.get(name) for name in PRODUCTION_MARKS)


def prepare() -> None:
    """In development, set what is unset: DEBUG, the secrets, and an embedded PostgreSQL."""
    if not is_development():
        return
    os.environ["DEBUG"] = "True"
    for name, value in development_secrets().items():
        os.environ.setdefault(name, value)
    if not os.environ.get("DATABASE_URL"):
        try:
            os.environ["DATABASE_URL"] = embedded_postgres.start(DATA_DIR / "postgres")
        except embedded_postgres.EmbeddedPostgresUnavailable as error:
            raise SystemExit(str(error)) from None


def development_secrets() -> dict[str, str]:
    """Return this checkout's secrets, made at the first call and kept in .data/."""
    path = DATA_DIR / "secrets.env"
    if not path.exists():
        DATA_DIR.mkdir(exist_ok=True)
        lines = "".join(f"{name}={secrets.token_urlsafe(48)}\n" for name in SECRETS)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(lines)
        try:
            path.hardlink_to(draft)  # of two processes that start at once, one makes the secrets
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def is_answering(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def announce(url: str) -> None:
    print(
        f"\n  UltrAI Core is running. Ctrl-C stops it.\n"
        f"    API    {url}/\n"
        f"    Docs   {url}/docs\n"
        f"    Admin  {url}/admin/   (.venv/bin/python manage.py createsuperuser)\n",
        flush=True,
    )


def main() -> None:
    """Migrate, then run web and worker until a signal comes."""
    has_embedded_database = not os.environ.get("DATABASE_URL")
    prepare()
    port = os.environ.get("PORT", "8000")
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise SystemExit("PORT must be a number from 1 to 65535. Example: PORT=8000")
    run([*MIGRATE, "--verbosity=0"])
    url = f"http://127.0.0.1:{port}"
    is_announced = False

    def look_after() -> None:
        nonlocal is_announced
        if has_embedded_database:
            embedded_postgres.start(DATA_DIR / "postgres")
        if not is_announced and is_answering(f"{url}/health/live"):
            announce(url)
            is_announced = True

    web = [*GUNICORN, "--log-level=warning", f"--bind=127.0.0.1:{port}"]
    raise SystemExit(Supervisor({"web": web, "worker": WORKER}).run(look_after))


if __name__ == "__main__":
    main()
