"""A real worker process, real signals, a peer that holds its answer."""

import json
import signal
import time

import psycopg
import pytest
from django.db import connection
from django.urls import reverse
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.utils import connector_params

from analysis.models import Analysis, AnalysisResult
from analysis.tests.factories import make_analysis
from analysis.tests.peers import running_peer
from ultrai.tests.processes import wait_until, worker


@pytest.fixture
def peer():
    with running_peer() as peer:
        peer.release.clear()  # it holds its answers until the test releases them
        yield peer


@pytest.fixture
def variables(peer):
    return {
        "OPENAI_COMPATIBLE": "slow",
        "SLOW_BASE_URL": peer.url,
        "SLOW_API_KEY": "sk-x",
        "SLOW_MODELS": "a,b",
    }


@pytest.fixture
def analysis(transactional_db, alice):
    return make_analysis(
        user=alice, document=None, prompt="Why?", models=["slow:a", "slow:b"], mode="answers"
    )


def test_workers_are_told_of_a_job_once_when_it_is_there(transactional_db, alice, client_of):
    with psycopg.connect(**connector_params(), autocommit=True) as workers:
        workers.execute("LISTEN procrastinate_any_queue_v1")
        question = {"prompt": "Why?", "models": ["builtin:summary"]}
        client_of(alice).post(reverse("analysis-list"), question)
        told = [json.loads(one.payload) for one in workers.notifies(timeout=1)]

    (job,) = ProcrastinateJob.objects.all()
    assert told == [{"type": "job_inserted", "job_id": job.pk}]


def as_if_a_minute_had_passed():
    """What otherwise takes half a minute: heartbeats and leases of the dead run out."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 min'")
        cursor.execute("UPDATE analyses SET lease_expires_at = now() - interval '1 min'")


def has_job(analysis_id):
    """Whether a job of this analysis is left."""
    return ProcrastinateJob.objects.filter(args__analysis_id=analysis_id).exists()


def status_of(analysis):
    analysis.refresh_from_db()
    return analysis.status


def test_kill_9_of_the_worker_loses_nothing(analysis, peer, variables):
    with worker(**variables) as first:
        wait_until(lambda: len(peer.requests) == 2)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert status_of(analysis) == "running"
    peer.release.set()
    as_if_a_minute_had_passed()

    with worker(**variables):
        wait_until(lambda: status_of(analysis) == "succeeded")

    results = analysis.results.order_by("id")
    # Each was asked twice, and each row says that one of its requests may have been billed.
    assert [(r.response, r.attempts, r.interrupted) for r in results] == [
        ("Answer of a.", 2, 1),
        ("Answer of b.", 2, 1),
    ]


def test_sigterm_hands_the_analysis_to_the_next_worker_at_once(analysis, peer, variables):
    with worker(WORKER_GRACE_SECONDS="0", **variables) as first:
        wait_until(lambda: len(peer.requests) == 2)
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=20) == 0
    assert status_of(analysis) == "queued"
    peer.release.set()

    with worker(**variables):
        wait_until(lambda: status_of(analysis) == "succeeded")

    assert analysis.runs == 1


def test_an_answer_that_was_received_is_not_asked_for_again(analysis, peer, variables):
    AnalysisResult.objects.filter(model="slow:a").update(status="succeeded", response="Kept.")
    peer.release.set()

    with worker(**variables):
        wait_until(lambda: status_of(analysis) == "succeeded")

    assert peer.models == ["b"]
    assert list(analysis.results.order_by("id").values_list("response", flat=True)) == [
        "Kept.",
        "Answer of b.",
    ]


def test_a_cancelled_analysis_stops_its_calls_and_keeps_what_came(
    analysis, peer, variables, alice, client_of
):
    AnalysisResult.objects.filter(model="slow:a").update(status="succeeded", response="Kept.")
    with worker(**variables):
        wait_until(lambda: peer.requests)
        analysis_id = analysis.pk
        response = client_of(alice).post(reverse("analysis-cancel", args=[analysis.pk]))
        wait_until(lambda: not has_job(analysis_id))
        peer.release.set()

    rows = analysis.results.order_by("id")
    assert response.json()["status"] == "cancelled"
    assert [(r.status, r.response, r.interrupted) for r in rows] == [
        ("succeeded", "Kept.", 0),
        ("cancelled", None, 1),
    ]


def test_a_deleted_analysis_stops_its_calls(analysis, peer, variables):
    with worker(**variables) as process:
        wait_until(lambda: len(peer.requests) == 2)
        analysis_id = analysis.pk
        analysis.delete()
        wait_until(lambda: not has_job(analysis_id))
        assert process.poll() is None

    assert not AnalysisResult.objects.exists()


def test_an_analysis_without_a_job_is_adopted(analysis, run_jobs):
    """As after a job was lost: the sweep queues it again, and it comes to an end."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
        cursor.execute("UPDATE analyses SET created_at = now() - interval '2 min'")
    app.configure_task("analysis.adopt", queue="upkeep").defer(timestamp=0)
    run_jobs()  # the sweep
    run_jobs()  # what it queued

    # Nobody has configured `slow` in this process, so each call fails; but it was run.
    assert status_of(analysis) == "failed"
    assert set(analysis.results.values_list("error_code", flat=True)) == {"unknown_model"}


def test_an_analysis_that_keeps_killing_workers_is_given_up(analysis, run_jobs):
    Analysis.objects.update(runs=5)
    run_jobs()

    assert status_of(analysis) == "failed"
    assert set(analysis.results.values_list("error_code", flat=True)) == {"internal_error"}


def test_only_runs_that_get_no_further_are_counted(analysis, peer, variables):
    """Each answer is progress: an analysis whose workers are killed is not given up for that."""
    Analysis.objects.update(runs=4)
    peer.release.set()
    with worker(**variables):
        wait_until(lambda: status_of(analysis) == "succeeded")

    assert analysis.runs == 1


def test_a_worker_that_lost_its_lease_writes_nothing(analysis):
    assert analysis.claim()
    stale = Analysis.objects.get()
    as_if_a_minute_had_passed()
    assert analysis.claim()  # another worker took over
    assert stale.lease
    assert analysis.lease

    assert Analysis.objects.renew_leases([stale.lease, analysis.lease]) == {analysis.lease}
    assert not stale.finish(Analysis.Status.FAILED)
    assert not analysis.results.first().fail(stale.lease, "timeout", "too late")
    assert analysis.results.first().fail(analysis.lease, "timeout", "in time")


def test_of_two_workers_one_claims(analysis):
    assert [Analysis.objects.get().claim() for _ in range(2)] == [True, False]


def test_a_worker_that_is_behind_leaves_the_rest_to_the_fair_order(
    transactional_db, alice, bob, client_of
):
    """Whoever asks for little while it is behind comes before the rest of who asked for much."""

    def ask(user):
        question = {"prompt": "Why?", "models": ["builtin:summary"]}
        return client_of(user).post(reverse("analysis-list"), question).json()["id"]

    many = [ask(alice) for _ in range(40)]
    with psycopg.connect(**connector_params()) as other, worker():
        other.execute("SELECT FROM analyses FOR UPDATE")  # what the worker has begun waits for this
        wait_until(is_taking_no_more)
        one = ask(bob)
        other.rollback()
        wait_until(lambda: not Analysis.objects.filter(finished_at=None).exists())

    order = list(Analysis.objects.order_by("started_at").values_list("id", flat=True))
    assert order.index(one) < len(many) / 2


def is_taking_no_more():
    """Whether the worker has taken jobs, and none in half a second."""
    jobs = ProcrastinateJob.objects.filter(queue_name="analyses", status="doing")
    before = jobs.count()
    time.sleep(0.5)
    return before > 0 and jobs.count() == before
