import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from analysis.models import Analysis
from analysis.webhooks.models import TEST_EVENT, WebhookDelivery, WebhookEndpoint
from ultrai import jobs
from ultrai.exceptions import DomainError

if TYPE_CHECKING:
    from analysis.webhooks.sending import Outcome  # the web process needs no HTTP client

MAX_ENDPOINTS = 20  # of one user
DELIVER, QUEUE = "webhooks.deliver", "webhooks"
MAIL_DISABLED, MAIL_QUEUE = "webhooks.mail_disabled", "mail"
# As standard-webhooks recommends: the first attempt at once, the last after three days.
DELAYS = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
]
LONGEST_DELAY = timedelta(hours=24)  # whatever Retry-After says
# An endpoint at which nothing has arrived for so long is disabled.
PATIENCE = timedelta(days=3)
GONE = 410


class TooManyWebhooks(DomainError):
    status = 409
    code = "too_many_webhooks"


class WebhookDisabled(DomainError):
    status = 409
    code = "webhook_disabled"


class DeliveryPending(DomainError):
    status = 409
    code = "delivery_pending"


def job_lock(delivery_id: int | str) -> str:
    return f"webhook-delivery-{delivery_id}"


@transaction.atomic
def create_endpoint(*, user: User, **values: Any) -> WebhookEndpoint:
    """Raises TooManyWebhooks."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # one at a time: they are counted
    if user.webhook_endpoints.count() >= MAX_ENDPOINTS:
        raise TooManyWebhooks(f"There are {MAX_ENDPOINTS} webhooks already; delete one first.")
    return WebhookEndpoint.objects.create(user=user, **values)


def announce(analysis_id: int) -> None:
    """Write and queue what the owner's endpoints are to be told of an analysis that has ended.

    Called in the transaction that ends it: it is announced if and only if it has ended.
    """
    analysis = Analysis.objects.defer("prompt").get(pk=analysis_id)
    assert analysis.finished_at
    event = f"analysis.{analysis.status}"
    payload = {
        "type": event,
        "timestamp": analysis.finished_at.isoformat(),
        "data": {
            "analysis_id": analysis.pk,
            "status": analysis.status,
            "mode": analysis.mode,
            "document_id": analysis.document_id,
            "created_at": analysis.created_at.isoformat(),
            "finished_at": analysis.finished_at.isoformat(),
        },
    }
    listening = WebhookEndpoint.objects.listening(analysis.user_id, event).order_by("id")
    # Locked, or one that is deleted at this moment would take the analysis's end along.
    for endpoint in listening.select_for_update(of=("self",), no_key=True):
        write(endpoint, event, payload)


def write(endpoint: WebhookEndpoint, event: str, payload: dict[str, Any]) -> WebhookDelivery:
    delivery = WebhookDelivery.objects.create(endpoint=endpoint, event=event, payload=payload)
    enqueue(delivery)
    return delivery


def enqueue(delivery: WebhookDelivery, at: datetime | None = None) -> None:
    """Queue the next attempt, in the transaction that says so. The more an owner has waiting, the
    later it comes: nobody's slow receiver holds up another one's messages."""
    owners = WebhookEndpoint.objects.filter(user=delivery.endpoint.user_id)
    waiting = WebhookDelivery.objects.pending().filter(endpoint__in=owners).count()
    jobs.enqueue(
        DELIVER,
        QUEUE,
        lock=job_lock(delivery.pk),
        priority=-min(waiting, 30_000),
        at=at,
        delivery_id=delivery.pk,
    )


@transaction.atomic
def send_test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Queue a message that says nothing but that it arrives.

    Raises WebhookDisabled, DeliveryPending.
    """
    WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    refuse_disabled(endpoint)
    if endpoint.deliveries.pending().filter(event=TEST_EVENT).exists():
        raise DeliveryPending("The last test is still on its way.")
    payload = {
        "type": TEST_EVENT,
        "timestamp": timezone.now().isoformat(),
        "data": {"webhook_id": endpoint.pk},
    }
    return write(endpoint, TEST_EVENT, payload)


@transaction.atomic
def redeliver(delivery: WebhookDelivery) -> None:
    """Send an ended delivery anew, with its old message id. Raises as `send_test` does."""
    refuse_disabled(delivery.endpoint)
    if not delivery.restart():
        raise DeliveryPending("This delivery is still on its way.")
    enqueue(delivery)


def refuse_disabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.is_enabled:
        raise WebhookDisabled("The webhook is disabled; enable it first.")


def begin(delivery_id: int) -> WebhookDelivery | None:
    """Return a delivery of which an attempt is to be made now, claimed."""
    found = WebhookDelivery.objects.select_related("endpoint__user").filter(pk=delivery_id)
    delivery = found.first()
    if delivery is None or not delivery.claim():
        return None
    endpoint = delivery.endpoint
    if not (endpoint.is_enabled and endpoint.user.is_active):
        delivery.give_up(None, "The webhook was disabled before this could be sent.")
        return None
    return delivery


@transaction.atomic
def record(delivery: WebhookDelivery, outcome: "Outcome") -> None:
    """Write what came of an attempt, and with it the job of the next one or the endpoint's end."""
    endpoint = delivery.endpoint
    is_test = delivery.event == TEST_EVENT
    if not outcome.error:
        assert outcome.status
        delivery.succeed(outcome.status)
        endpoint.note_success()
        return
    # Before the delivery, as deletion locks them; and there may be none any more.
    if not WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint.pk).exists():
        return
    is_over = is_test or outcome.status == GONE or delivery.attempts > len(DELAYS)
    if not is_test:
        endpoint.note_failure()
    if outcome.status == GONE:
        disable(endpoint, "It answered 410 Gone.")
    elif endpoint.failing_since and timezone.now() - endpoint.failing_since > PATIENCE:
        disable(
            endpoint, f"Nothing has arrived for {PATIENCE.days} days. The last: {outcome.error}"
        )
        is_over = True
    if is_over:
        delivery.give_up(outcome.status, outcome.error)
        return
    at = timezone.now() + pause(delivery.attempts, outcome.retry_after)
    if delivery.try_again(at, outcome.status, outcome.error):
        enqueue(delivery, at)


def disable(endpoint: WebhookEndpoint, reason: str) -> None:
    """Disable it, and queue the mail that tells its owner."""
    if endpoint.disable(reason):
        jobs.enqueue(MAIL_DISABLED, MAIL_QUEUE, endpoint_id=endpoint.pk)


def pause(attempts: int, retry_after: int | None) -> timedelta:
    """Return how long to wait after so many attempts; spread, so that not all come at once."""
    planned = DELAYS[attempts - 1] * random.uniform(1, 1.1)  # noqa: S311
    asked = timedelta(seconds=retry_after or 0)
    return max(planned, min(asked, LONGEST_DELAY))
