"""Sending in the worker: claim, one request, record. Whatever is lost on the way is sent again."""

import functools
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models.functions import Now
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from accounts.jobs import send
from analysis.webhooks import services
from analysis.webhooks.models import WebhookDelivery, WebhookEndpoint
from ultrai.jobs import RETRY, in_database, without_job
from ultrai.tracing import traced

if TYPE_CHECKING:
    from analysis.webhooks.sending import Sender

# How long an ended delivery can be looked up and sent anew.
KEPT = timedelta(days=30)

DISABLED_TEXT = """\
The webhook of your UltrAI account to {url} is disabled: nothing is sent there any more.

{reason}

When the receiver works again, enable it: PATCH /webhooks/{id} with {{"enabled": true}}. What was
missed can be sent anew: GET /webhooks/{id}/deliveries lists it.
"""


@app.task(name=services.DELIVER, queue=services.QUEUE, retry=RETRY)
@traced
async def deliver(delivery_id: int) -> None:
    delivery = await in_database(services.begin, delivery_id)
    if delivery is None:  # arrived, given up, deleted, or in a living worker's hands
        return
    headers, body = delivery.request()
    outcome = await sender().post(delivery.endpoint.url, headers, body)
    await in_database(services.record, delivery, outcome)


@functools.cache
def sender() -> "Sender":
    from analysis.webhooks.sending import Sender  # the web process, which queues, needs it never

    return Sender()


@app.periodic(cron="* * * * * */30")  # every 30 seconds: seconds come last
@app.task(name="webhooks.adopt", queue="upkeep", queueing_lock="adopt_webhooks")
async def adopt_orphans(timestamp: int) -> None:
    """Queue again the deliveries that are due and have no job: a worker died, a job was lost."""
    overdue = WebhookDelivery.objects.pending().filter(
        next_attempt_at__lt=Now() - timedelta(seconds=30)
    )
    for delivery_id in await in_database(list, without_job(overdue, services.job_lock(""))):
        with suppress(AlreadyEnqueued):
            await deliver.configure(queueing_lock=services.job_lock(delivery_id)).defer_async(
                delivery_id=delivery_id
            )


@app.task(name=services.MAIL_DISABLED, queue=services.MAIL_QUEUE, retry=RETRY)
@traced
async def mail_disabled(endpoint_id: int) -> None:
    endpoints = WebhookEndpoint.objects.select_related("user")
    endpoint = await in_database(endpoints.filter(pk=endpoint_id, is_enabled=False).first)
    if endpoint is not None:
        text = DISABLED_TEXT.format(
            url=endpoint.url, reason=endpoint.disabled_reason, id=endpoint.pk
        )
        await send("An UltrAI webhook was disabled", text, endpoint.user.email)


@app.periodic(cron="31 4 * * *")
@app.task(name="webhooks.clean", queue="upkeep", queueing_lock="clean_webhooks")
async def delete_old_deliveries(timestamp: int) -> None:
    """Forget what ended long ago."""
    old = WebhookDelivery.objects.filter(created_at__lt=Now() - KEPT, finished_at__isnull=False)
    await in_database(old.delete)
