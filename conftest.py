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
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client, TransactionTestCase  # noqa: E402
from procrastinate import PsycopgConnector  # noqa: E402
from procrastinate.contrib.django import app  # noqa: E402
from procrastinate.contrib.django.utils import connector_params  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.tokens import start_session  # noqa: E402
from ultrai.kept import Kept  # noqa: E402

PASSWORD = "correct horse battery staple"


def empty_database(_: TransactionTestCase) -> None:
    """Delete every row but those that `migrate` has put there, the queue's too.

    After each test with real commits; Django's flush takes ten times as long: it truncates all
    tables, and then makes content types and permissions anew.
    """
    kept = {"django_migrations", "django_content_type", "auth_permission"}
    kept |= {"auth_group", "auth_group_permissions"}
    tables = set(connection.introspection.table_names()) - kept
    # First what refers to rows of others; a user's rows go with the user.
    first = ["procrastinate_periodic_defers", "users"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE documents SET legal_hold_at = NULL WHERE legal_hold_at IS NOT NULL")
        cursor.execute(
            ";".join(f'DELETE FROM "{table}"' for table in [*first, *sorted(tables - set(first))])
        )


TransactionTestCase._fixture_teardown = empty_database  # type: ignore[attr-defined]  # noqa: SLF001


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> None:
    """No commit waits for the disk, whichever process makes it: nobody needs these rows later."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        # What is connected already does not have it.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """No test meets the rates that another one has used up, or what its admin pages showed."""
    cache.clear()
    for kept in Kept.ageing:
        kept.clear()


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Of PASSWORD, by the hasher of production: made once, not for each user of each test."""
    return make_password(PASSWORD)


@pytest.fixture
def alice(db, password_hash) -> User:
    return User.objects.create(email="alice@example.com", username="Alice", password=password_hash)


@pytest.fixture
def bob(db, password_hash) -> User:
    return User.objects.create(email="bob@example.com", username="Bob", password=password_hash)


@pytest.fixture
def staff(db) -> Client:
    """Somebody who may do everything, logged in to the admin."""
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "Root"))
    return client


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
