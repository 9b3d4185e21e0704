from collections.abc import Iterator

from accounts.models import User
from accounts.own_data import ExportedFile, json_lines
from analysis.models import Analysis, AnalysisResult, WebhookDelivery, WebhookEndpoint


def exported_analyses(user: User) -> Iterator[ExportedFile]:
    """Every analysis and every result, a JSON object a line."""
    for model, name in ((Analysis, "analyses"), (AnalysisResult, "results")):
        fields = [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001
        rows = model._default_manager.visible_to(user).order_by("pk")  # noqa: SLF001
        yield f"{name}.jsonl", json_lines(rows.values(*fields).iterator(chunk_size=100))


def exported_webhooks(user: User) -> Iterator[ExportedFile]:
    """The webhooks, and what they were sent."""
    endpoints = WebhookEndpoint.objects.visible_to(user).order_by("pk")
    yield (
        "webhooks.jsonl",
        json_lines(
            endpoints.values(
                "id",
                "url",
                "description",
                "events",
                "is_enabled",
                "disabled_reason",
                "failing_since",
                "created_at",
            )
        ),
    )
    fields = [field.attname for field in WebhookDelivery._meta.concrete_fields]  # noqa: SLF001
    deliveries = WebhookDelivery.objects.visible_to(user).order_by("pk")
    yield (
        "webhook_deliveries.jsonl",
        json_lines(deliveries.values(*fields).iterator(chunk_size=100)),
    )
