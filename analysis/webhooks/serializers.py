from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.authentication import signed_in
from analysis.webhooks.destinations import URL, Refused, destination_of
from analysis.webhooks.models import Event, WebhookDelivery, WebhookEndpoint
from analysis.webhooks.services import create_endpoint
from ultrai.parameters import ChosenFieldsMixin
from ultrai.representation import RowSerializer
from ultrai.updates import SentColumnsMixin

MAX_URL_LENGTH = 2_000


@extend_schema_field(
    {
        "type": "string",
        "format": "uri",
        "maxLength": MAX_URL_LENGTH,
        "pattern": f"^{URL}$",
        "examples": ["https://example.com/hooks/ultrai"],
        "description": "By https, to a host on the public internet, without user name or fragment.",
    }
)
class DestinationField(serializers.CharField):
    """A URL that webhooks may go to, as far as can be told without asking a name server."""

    def to_internal_value(self, data: Any) -> str:
        url = super().to_internal_value(data)
        try:
            destination_of(url)
        except Refused as error:
            raise serializers.ValidationError(str(error), "destination_refused") from None
        return url


class WebhookSerializer(
    SentColumnsMixin[WebhookEndpoint], ChosenFieldsMixin, RowSerializer[WebhookEndpoint]
):
    """A webhook as it is shown: never its secret."""

    url = DestinationField(max_length=MAX_URL_LENGTH)
    events = serializers.ListField(
        child=serializers.ChoiceField(Event.choices),
        min_length=1,
        required=False,
        help_text="What it is told of; absent: everything.",
    )
    enabled = serializers.BooleanField(
        source="is_enabled",
        default=True,
        help_text="Enabling it again forgets `disabled_reason` and `failing_since`.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id",
            "url",
            "description",
            "events",
            "enabled",
            "disabled_reason",
            "failing_since",
            "created_at",
        ]
        read_only_fields = ["disabled_reason", "failing_since", "created_at"]

    def validate_events(self, value: list[str]) -> list[str]:
        return sorted(set(value))

    def create(self, validated_data: dict[str, Any]) -> WebhookEndpoint:
        return create_endpoint(user=signed_in(self.context["request"]), **validated_data)

    def update(self, instance: WebhookEndpoint, validated_data: dict[str, Any]) -> WebhookEndpoint:
        if validated_data.get("is_enabled"):
            validated_data |= {"disabled_reason": "", "failing_since": None}
        return super().update(instance, validated_data)


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="Shown here, and never again.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class EventDataSerializer(serializers.Serializer[Any]):
    """Of an analysis that has ended; of a test the webhook only."""

    analysis_id = serializers.IntegerField(required=False)
    status = serializers.CharField(required=False)
    mode = serializers.CharField(required=False)
    document_id = serializers.IntegerField(required=False, allow_null=True)
    created_at = serializers.DateTimeField(required=False)
    finished_at = serializers.DateTimeField(required=False)
    webhook_id = serializers.IntegerField(required=False)


class EventMessageSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    timestamp = serializers.DateTimeField()
    data = EventDataSerializer()  # type: ignore[assignment]  # a field, not the property


@extend_schema_field(EventMessageSerializer)
class PayloadField(serializers.JSONField):
    pass


class DeliverySerializer(ChosenFieldsMixin, RowSerializer[WebhookDelivery]):
    webhook_id = serializers.IntegerField(source="endpoint_id", read_only=True)
    message_id = serializers.SerializerMethodField(
        help_text="`webhook-id`, the same in every attempt."
    )
    payload = PayloadField(read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "webhook_id",
            "message_id",
            "event",
            "payload",
            "status",
            "attempts",
            "response_status",
            "error",
            "next_attempt_at",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_message_id(self, delivery: WebhookDelivery) -> str:
        return delivery.message
