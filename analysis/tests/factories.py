from typing import Any

from accounts.models import User
from analysis.models import Analysis, WebhookDelivery, WebhookEndpoint
from analysis.services import draft_analysis, request_analysis
from analysis.webhooks.models import Event
from analysis.webhooks.services import create_endpoint
from documents.models import Document


def make_analysis(
    user: User, document: Document | None = None, prompt: str = "What?", **asked: Any
) -> Analysis:
    """A queued analysis, by default of one built-in model."""
    models = asked.pop("models", ["builtin:summary"])
    return request_analysis(
        draft_analysis(user=user, document=document, prompt=prompt, models=models, **asked)
    )


def make_webhook(user: User, url: str = "https://example.com/hook") -> WebhookEndpoint:
    return create_endpoint(user=user, url=url)


def make_delivery(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """A delivery that was given up."""
    payload = {"type": Event.FAILED, "timestamp": "2026-11-24T12:00:00+00:00", "data": {}}
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint, event=Event.FAILED, payload=payload
    )
    delivery.give_up(500, "It answered 500.")
    delivery.refresh_from_db()
    return delivery
