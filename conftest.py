import os

# The tests' own configuration, before anything reads the environment: no key or setting of the
# developer's shell may reach a test. Only the database is theirs to choose.
for name in list(os.environ):
    if (
        name.endswith(
            ("_API_KEY", "_BASE_URL", "_CONCURRENCY", "_MODELS", "_PER_MINUTE", "_SECRET")
        )
        or name
        in {
            "ALLOWED_HOSTS",
            "CORS_ALLOWED_ORIGINS",
            "CSRF_TRUSTED_ORIGINS",
            "OPENAI_COMPATIBLE",
            "REDIS_URL",
            "LOG_FORMAT",
            "LOG_LEVEL",
            "METRICS_TOKEN",
            "RENDER",
            "RENDER_EXTERNAL_HOSTNAME",
            "SECRET_KEY",
            "EMAIL_URL",
            "TRUSTED_PROXY_HOPS",
        }
        or name.startswith(("THROTTLE_", "WEBHOOK_"))
    ):
        del os.environ[name]
os.environ["DEBUG"] = "True"
os.environ["DJANGO_SETTINGS_MODULE"] = "ultrai.settings"

from ultrai.development import prepare  # noqa: E402

prepare()

import django  # noqa: E402

django.setup()

import asyncio  # noqa: E402
from collections.abc import Callable  # noqa: E402

import pytest  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402
from procrastinate import PsycopgConnector  # noqa: E402
from procrastinate.contrib.django import app  # noqa: E402
from procrastinate.contrib.django.utils import connector_params  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.tokens import start_session  # noqa: E402

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """No test meets the rates that another one has used up."""
    cache.clear()


@pytest.fixture
def alice(db) -> User:
    return User.objects.create_user("alice@example.com", "Alice", PASSWORD)


@pytest.fixture
def bob(db) -> User:
    return User.objects.create_user("bob@example.com", "Bob", PASSWORD)


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()


@pytest.fixture
def client_of() -> Callable[[User], APIClient]:
    """A client that is logged in as this user, with a real token."""

    def client_of(user: User) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {start_session(user).access_token}")
        return client

    return client_of


@pytest.fixture
def transactional_db(transactional_db) -> None:
    """An empty database, its queue too: Django's flush passes over tables it does not manage."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def run_jobs(transactional_db, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Run a real worker on the test's database until its queues are empty.

    Periodic tasks are left out: whether one is due depends on the minute a test runs in. Tests
    queue those they are about.
    """
    monkeypatch.setattr(app.periodic_registry, "periodic_tasks", {})

    async def work() -> None:
        connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=2)
        with app.replace_connector(connector):
            async with app.open_async():
                await app.run_worker_async(
                    wait=False, concurrency=20, install_signal_handlers=False, listen_notify=False
                )

    return lambda: asyncio.run(work())
