"""The whole service in one container: `python -m ultrai.container` migrates, then runs both parts.

For plans that have one process and no command before a deploy. gunicorn listens on 0.0.0.0:$PORT.
"""

from ultrai.supervisor import GUNICORN, MIGRATE, WORKER, Supervisor, run


def main() -> None:
    run(MIGRATE)
    raise SystemExit(Supervisor({"web": GUNICORN, "worker": WORKER}).run())


if __name__ == "__main__":
    main()
