"""Messages to a real receiver, verified by an implementation of standard-webhooks not ours."""

import asyncio
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.utils import connector_params
from standardwebhooks.webhooks import Webhook

from analysis import jobs
from analysis.models import Analysis, WebhookDelivery, WebhookEndpoint
from analysis.services import cancel_analysis
from analysis.tests.factories import make_analysis, make_delivery, make_webhook
from analysis.webhooks import services
from analysis.webhooks.sending import Outcome
from documents.tests.factories import make_document
from ultrai.jobs import in_database


@pytest.fixture
def webhook(transactional_db, alice, receiver):
    return make_webhook(alice, receiver.url)


@pytest.fixture
def delivery(alice, webhook):
    """Of an analysis that has just ended, not sent yet."""
    cancel_analysis(make_analysis(alice))
    return WebhookDelivery.objects.get()


def as_if_it_were_due():
    """What otherwise takes seconds to hours: the time of the next attempt comes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE webhook_deliveries SET next_attempt_at = now() WHERE status = 'pending'"
        )
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now()"
            " WHERE task_name = 'webhooks.deliver' AND status = 'todo'"
        )


def jobs_of(delivery):
    jobs = ProcrastinateJob.objects.filter(task_name="webhooks.deliver", status="todo")
    return jobs.filter(args__delivery_id=delivery.pk)


def begin(delivery):
    begun = services.begin(delivery.pk)
    assert begun
    return begun


def only_delivery():
    return WebhookDelivery.objects.select_related("endpoint").get()


def test_the_end_of_an_analysis_is_delivered_and_signed(alice, webhook, receiver, run_jobs):
    document = make_document(alice, content="A confidential text.")
    analysis = make_analysis(alice, document)
    run_jobs()  # the analysis
    run_jobs()  # what it queued

    [message] = receiver.messages
    verified = Webhook(webhook.secret).verify(message.body, message.headers)
    analysis.refresh_from_db()
    assert analysis.finished_at
    assert message.path == "/hook"
    assert verified == {
        "type": "analysis.succeeded",
        "timestamp": analysis.finished_at.isoformat(),
        "data": {
            "analysis_id": analysis.pk,
            "status": "succeeded",
            "mode": "answers",
            "document_id": document.pk,
            "created_at": analysis.created_at.isoformat(),
            "finished_at": analysis.finished_at.isoformat(),
        },
    }
    assert (only_delivery().status, only_delivery().response_status) == ("delivered", 204)


@pytest.mark.parametrize(
    ("models", "event"),
    [
        (["builtin:summary", "nobody:x"], "analysis.partial"),
        (["nobody:x"], "analysis.failed"),
    ],
)
def test_failures_are_told_as_well(models, event, alice, webhook, run_jobs):
    make_analysis(alice, make_document(alice, content="Water boils."), models=models)
    run_jobs()

    assert [d.event for d in WebhookDelivery.objects.all()] == [event]


@pytest.mark.parametrize(("method", "route"), [("post", "cancel"), ("delete", "detail")])
def test_what_the_web_process_ends_is_told(method, route, alice, webhook, client_of):
    analysis = make_analysis(alice)

    getattr(client_of(alice), method)(reverse(f"analysis-{route}", args=[analysis.pk]))

    delivery = only_delivery()
    assert (delivery.event, delivery.status) == ("analysis.cancelled", "pending")
    assert jobs_of(delivery).exists()


def test_only_the_owners_enabled_webhooks_for_the_event_are_told(alice, bob, client_of, run_jobs):
    client = client_of(alice)
    make_webhook(bob)
    for body in ({"events": ["analysis.failed"]}, {"enabled": False}, {}):
        client.post(reverse("webhook-list"), {"url": "https://192.0.2.1.example/"} | body)
    cancel_analysis(make_analysis(alice))

    assert only_delivery().endpoint == WebhookEndpoint.objects.latest("id")


def test_in_the_worker_too_analysis_message_and_job_are_written_together(alice, webhook):
    analysis = make_analysis(alice)
    written = []
    assert analysis.claim()

    def finish_and_fail():
        with transaction.atomic():
            jobs.finish(analysis, Analysis.Status.SUCCEEDED)
            written.append(only_delivery())
            assert jobs_of(written[0]).exists()
            transaction.set_rollback(True)

    async def work():
        connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=1)
        with app.replace_connector(connector):
            async with app.open_async():
                await in_database(finish_and_fail)

    asyncio.run(work())

    assert not WebhookDelivery.objects.exists()
    assert not jobs_of(written[0]).exists()


def test_a_failed_attempt_is_repeated_with_the_same_id(webhook, delivery, receiver, run_jobs):
    receiver.replies = [(500, {}), (204, {})]
    run_jobs()
    first = only_delivery()
    as_if_it_were_due()
    run_jobs()

    assert (first.status, first.attempts, first.error) == ("pending", 1, "It answered 500.")
    assert (only_delivery().status, only_delivery().attempts) == ("delivered", 2)
    for message in receiver.messages:
        Webhook(webhook.secret).verify(message.body, message.headers)
    assert {m.headers["webhook-id"] for m in receiver.messages} == {first.message}
    assert len(receiver.messages) == 2


def test_attempts_are_spread_over_three_days_as_recommended(webhook):
    delivery = make_delivery(webhook)
    services.redeliver(delivery)
    pauses = []
    for _ in range(10):
        as_if_it_were_due()
        services.record(begin(delivery), Outcome(500, "It answered 500."))
        delivery.refresh_from_db()
        if delivery.next_attempt_at:
            pauses.append((delivery.next_attempt_at - timezone.now()).total_seconds())

    recommended = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert all(0.9 < p / r < 1.2 for p, r in zip(pauses, recommended, strict=True))
    assert (delivery.status, delivery.attempts) == ("failed", 10)


def test_retry_after_is_heeded(webhook, delivery, receiver, run_jobs):
    receiver.replies = [(503, {"Retry-After": "3600"})]
    run_jobs()

    wait = only_delivery().next_attempt_at - timezone.now()
    assert timedelta(minutes=59) < wait < timedelta(minutes=61)


def test_410_disables_at_once_and_is_mailed(
    alice, webhook, delivery, receiver, run_jobs, mailoutbox
):
    receiver.replies = [(410, {})]
    run_jobs()  # the message
    run_jobs()  # the mail

    webhook.refresh_from_db()
    assert (webhook.is_enabled, webhook.disabled_reason) == (False, "It answered 410 Gone.")
    assert only_delivery().status == "failed"
    assert [(m.to, webhook.url in m.body) for m in mailoutbox] == [([alice.email], True)]


def test_what_fails_for_days_is_disabled_until_it_is_enabled_again(
    alice, webhook, delivery, receiver, run_jobs, client_of
):
    receiver.replies = [(500, {})]
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=3, hours=1))
    run_jobs()

    address, client = reverse("webhook-detail", args=[webhook.pk]), client_of(alice)
    before = client.get(address).json()
    after = client.patch(address, {"enabled": True}).json()
    reason = "Nothing has arrived for 3 days. The last: It answered 500."
    assert (before["enabled"], before["disabled_reason"]) == (False, reason)
    assert (after["enabled"], after["disabled_reason"], after["failing_since"]) == (True, "", None)


def test_a_success_forgets_that_it_was_failing(webhook, delivery, receiver, run_jobs):
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=2))
    run_jobs()

    webhook.refresh_from_db()
    assert webhook.failing_since is None


def test_a_disabled_webhook_is_not_sent_what_waits(
    alice, webhook, delivery, receiver, run_jobs, client_of
):
    client_of(alice).patch(reverse("webhook-detail", args=[webhook.pk]), {"enabled": False})
    run_jobs()

    assert receiver.messages == []
    assert (only_delivery().status, only_delivery().attempts) == ("failed", 1)


def test_a_receiver_that_never_answers_is_given_up_in_time(delivery, receiver, run_jobs, settings):
    settings.WEBHOOK_TIMEOUT_SECONDS = 1
    receiver.release.clear()
    run_jobs()

    assert only_delivery().error == "No answer within 1 seconds."


def test_an_answer_without_end_is_not_read(webhook, delivery, receiver, run_jobs):
    receiver.endless = True
    run_jobs()

    assert only_delivery().status == "delivered"


def test_a_redirect_is_a_failure_and_not_followed(webhook, delivery, receiver, run_jobs):
    receiver.replies = [(302, {"Location": f"{receiver.url}/internal"})]
    run_jobs()

    assert [m.path for m in receiver.messages] == ["/hook"]
    assert only_delivery().error == "It answered 302."


def test_of_two_workers_one_sends(webhook):
    delivery = make_delivery(webhook)
    services.redeliver(delivery)

    begun = [services.begin(delivery.pk) for _ in range(2)]

    assert [one is not None for one in begun] == [True, False]


def test_a_worker_that_comes_late_writes_nothing(webhook):
    delivery = make_delivery(webhook)
    services.redeliver(delivery)
    late = begin(delivery)
    as_if_it_were_due()  # its time is over
    current = begin(delivery)
    services.record(late, Outcome(500, "It answered 500."))
    services.record(current, Outcome(204))

    assert (only_delivery().status, only_delivery().attempts) == ("delivered", 2)


def test_a_delivery_that_has_lost_its_job_is_adopted(delivery, receiver, run_jobs):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
        cursor.execute("UPDATE webhook_deliveries SET next_attempt_at = now() - interval '1 min'")
    app.configure_task("webhooks.adopt", queue="upkeep").defer(timestamp=0)
    run_jobs()  # the sweep
    run_jobs()  # what it queued

    assert len(receiver.messages) == 1


def test_nobodys_backlog_holds_up_another_one(alice, bob, webhook):
    backlog = [services.send_test(make_webhook(alice)) for _ in range(3)]
    later = services.send_test(make_webhook(bob))

    first, *others = (jobs_of(one).get().priority for one in [*backlog, later])
    assert (first, others) == (-1, [-2, -3, -1])


def test_old_deliveries_are_forgotten_and_waiting_ones_are_not(webhook, run_jobs):
    make_delivery(webhook)
    waiting = WebhookDelivery.objects.create(
        endpoint=webhook, event="x", payload={}, next_attempt_at=timezone.now() + timedelta(hours=1)
    )
    WebhookDelivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    app.configure_task("webhooks.clean", queue="upkeep").defer(timestamp=0)
    run_jobs()

    assert only_delivery() == waiting


def test_every_attempt_carries_the_id_of_the_request_behind_it(
    alice, client_of, webhook, receiver, run_jobs
):
    receiver.replies = [(500, {})]
    analysis = make_analysis(alice)
    url = reverse("analysis-cancel", args=[analysis.pk])
    client_of(alice).post(url, headers={"X-Request-ID": "ada-1"})
    first = jobs_of(only_delivery()).get().args["request_id"]
    run_jobs()

    second = jobs_of(only_delivery()).get().args["request_id"]
    assert (first, second, len(receiver.messages)) == ("ada-1", "ada-1", 1)
