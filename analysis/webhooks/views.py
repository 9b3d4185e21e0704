from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analysis.webhooks import services
from analysis.webhooks.models import WebhookDelivery, WebhookEndpoint
from analysis.webhooks.serializers import (
    DeliverySerializer,
    WebhookSerializer,
    WebhookWithSecretSerializer,
)
from ultrai.api import RowsViewSet


class WebhookViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    RowsViewSet[WebhookEndpoint],
):
    """Addresses that are told when an analysis has ended, in signed messages."""

    queryset = WebhookEndpoint.objects.none()
    serializer_class = WebhookSerializer
    lookup_value_converter = "int"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        return WebhookEndpoint.objects.visible_to(self.request.user)

    @extend_schema(request=WebhookSerializer, responses={201: WebhookWithSecretSerializer})
    def create(self, request: Request) -> Response:
        """Have an address told. `secret` is in this answer and never again: keep it."""
        form = WebhookSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        endpoint = form.save()
        where = self.address_of(endpoint, "webhook-detail")
        body = with_secret(endpoint)
        return Response(body, status.HTTP_201_CREATED, headers={"Location": where})

    @extend_schema(request=None, responses={200: WebhookWithSecretSerializer})
    @action(["post"], detail=True, url_path="rotate-secret")
    def rotate_secret(self, request: Request, pk: int) -> Response:
        """Sign with a new secret; for a day messages carry a signature of the old one as well."""
        endpoint = self.get_object()
        endpoint.rotate_secret()
        return Response(with_secret(endpoint))

    @extend_schema(request=None, responses={202: DeliverySerializer})
    @action(["post"], detail=True)
    def test(self, request: Request, pk: int) -> Response:
        """Send a `webhook.test` message, once; `GET` the `Location` to see what came of it."""
        delivery = services.send_test(self.get_object())
        where = reverse("webhook-delivery-detail", [pk, delivery.pk], request=request)
        delivery.refresh_from_db()
        body = DeliverySerializer(delivery).data
        return Response(body, status.HTTP_202_ACCEPTED, headers={"Location": where})


def with_secret(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {**WebhookSerializer(endpoint).data, "secret": endpoint.secret}


class DeliveryFilter(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=WebhookDelivery.Status.choices)

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []


class DeliveryViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    RowsViewSet[WebhookDelivery],
):
    """What a webhook was sent, and what came of it; kept for 30 days."""

    queryset = WebhookDelivery.objects.none()
    serializer_class = DeliverySerializer
    lookup_value_converter = "int"
    filterset_class = DeliveryFilter

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        endpoints = WebhookEndpoint.objects.visible_to(self.request.user)
        endpoint = get_object_or_404(endpoints, pk=self.kwargs["webhook_id"])
        return endpoint.deliveries.select_related("endpoint")

    @extend_schema(request=None, responses={202: DeliverySerializer})
    @action(["post"], detail=True)
    def redeliver(self, request: Request, webhook_id: int, pk: int) -> Response:
        """Send a delivery that has ended once more, under the same `message_id`."""
        services.redeliver(self.get_object())
        return Response(DeliverySerializer(self.get_object()).data, status.HTTP_202_ACCEPTED)
