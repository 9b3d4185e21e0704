from django.contrib import admin

from analysis.models import WebhookDelivery, WebhookEndpoint
from ultrai.admin import MachineWrittenAdmin
from ultrai.admin.dates import DateDrillDown


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(MachineWrittenAdmin):
    list_display = ["id", "user", "url", "is_enabled", "failing_since", "created_at"]
    list_select_related = ["user"]
    list_filter = [DateDrillDown]
    exclude = ["secret_salt", "previous_secret_salt"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(MachineWrittenAdmin):
    list_display = [
        "id",
        "endpoint",
        "event",
        "status",
        "attempts",
        "response_status",
        "next_attempt_at",
        "created_at",
    ]
    list_select_related = ["endpoint"]
    list_filter = [DateDrillDown]
    owner = "endpoint__user"
