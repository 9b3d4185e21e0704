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
        "reasons": [],
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


@pytest.fixture
def waiting_job(db):
    """A job that has waited for so many seconds."""

    def wait(seconds):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('analyses', 'x')"
            )
            cursor.execute(
                "UPDATE procrastinate_events SET at = now() - make_interval(secs => %s)", [seconds]
            )

    return wait


def test_ready_tells_of_worker_and_queues(anonymous, worker_heartbeat, waiting_job):
    worker_heartbeat(1)
    waiting_job(seconds=60)

    response = anonymous.get(reverse("health-ready"))

    body = response.json()
    assert 60 <= body["queues"][0].pop("oldest_seconds") < 100
    assert 1 <= body.pop("heartbeat_seconds") < 20
    assert (response.status_code, body) == (
        200,
        {
            "status": "ok",
            "reasons": [],
            "database": "connected",
            "worker": "ok",
            "queues": [{"name": "analyses", "waiting": 1, "scheduled": 0, "running": 0}],
        },
    )


@pytest.mark.parametrize("name", ["health", "health-ready"])
def test_a_job_that_waits_too_long_degrades_with_the_reason(
    anonymous, worker_heartbeat, waiting_job, name
):
    worker_heartbeat(1)
    waiting_job(seconds=1_000)

    response = anonymous.get(reverse(name))

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    [reason] = response.json()["reasons"]
    assert reason.startswith("The oldest of 1 jobs in the queue analyses has waited for 100")


def test_ready_says_why_nothing_gets_done(anonymous, worker_heartbeat):
    worker_heartbeat(60)

    response = anonymous.get(reverse("health-ready"))

    assert (response.status_code, response.json()["worker"]) == (200, "away")
    assert "the last sign of life is 60 s old" in response.json()["reasons"][0]


def test_a_probe_costs_few_queries(anonymous, worker_heartbeat, django_assert_max_num_queries):
    worker_heartbeat(1)
    anonymous.get(reverse("health-ready"))

    with django_assert_max_num_queries(1):  # the queues are known for some seconds
        anonymous.get(reverse("health-ready"))
