import pytest
from django.db import connection
from django.urls import reverse

from ultrai.settings import VERSION


@pytest.fixture
def worker_heartbeat(db):
    def beat(age_seconds):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - make_interval(secs => %s))",
                [age_seconds],
            )

    return beat


def test_the_root_says_it_is_alive_and_where_to_go(anonymous):
    assert anonymous.get("/").json() == {
        "status": "alive",
        "name": "UltrAI Core",
        "version": VERSION,
        "docs": "http://testserver/docs",
        "schema": "http://testserver/schema",
        "health": "http://testserver/health",
    }


def test_live_asks_no_database(anonymous):
    # Without the `db` fixture any query would raise.
    assert anonymous.get(reverse("health-live")).json() == {"status": "ok"}


def test_health_is_ok_with_a_living_worker(anonymous, worker_heartbeat):
    worker_heartbeat(1)

    response = anonymous.get(reverse("health"))

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "version": VERSION,
        "services": {
            "api": "ok",
            "auth": "ok",
            "database": "connected",
            "cache": "in_memory",
            "worker": "ok",
        },
    }


def test_health_is_degraded_when_the_worker_is_away(anonymous, worker_heartbeat):
    worker_heartbeat(60)

    response = anonymous.get(reverse("health"))

    assert response.status_code == 200
    assert (response.json()["status"], response.json()["services"]["worker"]) == (
        "degraded",
        "away",
    )


def test_a_cache_that_does_not_answer_degrades(anonymous, worker_heartbeat, settings):
    worker_heartbeat(1)
    settings.CACHES = {
        "default": {
            "BACKEND": "ultrai.cache.FallbackRedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }

    body = anonymous.get(reverse("health")).json()

    assert (body["status"], body["services"]["cache"]) == ("degraded", "unreachable")


@pytest.mark.django_db
def test_database_health_reports_version_latency_and_migrations(anonymous):
    body = anonymous.get(reverse("health-database")).json()

    assert body | {"latency_ms": 0, "server_version": ""} == {
        "status": "ok",
        "database": "connected",
        "server_version": "",
        "latency_ms": 0,
        "migrations_applied": True,
    }
    assert 0 < body["latency_ms"] < 1_000
    assert int(body["server_version"].split(".")[0]) >= 15


@pytest.mark.django_db
def test_an_unapplied_migration_is_an_error(anonymous):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'analysis'")

    response = anonymous.get(reverse("health-database"))

    assert response.status_code == 503
    assert response.json()["database"] == "migrations_pending"
