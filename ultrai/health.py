"""Is it alive? For people (`/`, `/health`), for operators (`/health/database`), for the platform
(`/health/live`, which asks nobody else, and `/health/ready`)."""

import time
from typing import Any

from django.conf import settings
from django.db import connection
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from ultrai.api import ApiViewSet
from ultrai.condition import measure, unapplied_migrations
from ultrai.exceptions import DATABASE_ERRORS
from ultrai.problems import DATABASE_RETRY_SECONDS


class ServiceSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()
    name = serializers.CharField()
    version = serializers.CharField()
    docs = serializers.URLField()
    schema = serializers.URLField()
    health = serializers.URLField()


class LiveSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()


class ServicesSerializer(serializers.Serializer[Any]):
    api = serializers.CharField()
    auth = serializers.CharField()
    database = serializers.CharField()
    cache = serializers.CharField()
    worker = serializers.CharField()


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "degraded", "error"])
    version = serializers.CharField()
    services = ServicesSerializer()
    reasons = serializers.ListField(
        child=serializers.CharField(), help_text="What is wrong, in words."
    )


class QueueSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    waiting = serializers.IntegerField()
    scheduled = serializers.IntegerField(help_text="To run later.")
    running = serializers.IntegerField()
    oldest_seconds = serializers.FloatField(help_text="How long the oldest has waited.")


class ReadySerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "degraded", "error"])
    reasons = serializers.ListField(child=serializers.CharField())
    database = serializers.ChoiceField(["connected", "migrations_pending", "connection_failed"])
    worker = serializers.CharField()
    heartbeat_seconds = serializers.FloatField(allow_null=True)
    queues = QueueSerializer(many=True)


class DatabaseHealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "error"])
    database = serializers.ChoiceField(["connected", "migrations_pending", "connection_failed"])
    server_version = serializers.CharField(required=False)
    latency_ms = serializers.FloatField(required=False)
    migrations_applied = serializers.BooleanField(required=False)


@extend_schema(auth=[])
class ServiceViewSet(ApiViewSet):
    permission_classes = [AllowAny]
    authentication_classes = []
    throttle_classes = []  # the platform's probes come as often as they like
    is_tagged = False  # a probe wants an answer, and what is measured differs each time

    @extend_schema(responses=ServiceSerializer)
    def alive(self, request: Request) -> Response:
        return Response(
            {
                "status": "alive",
                "name": "UltrAI Core",
                "version": settings.VERSION,
                "docs": reverse("docs", request=request),
                "schema": reverse("schema", request=request),
                "health": reverse("health", request=request),
            }
        )

    @extend_schema(responses=LiveSerializer)
    def live(self, request: Request) -> Response:
        """The process answers. Asks neither database nor worker."""
        return Response({"status": "ok"})

    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer})
    def health(self, request: Request) -> Response:
        """Every part at a glance. `degraded`: requests are served, but something is away."""
        found = measure(with_cache=True)
        services = {
            "api": "ok",
            "auth": "error" if found.database == "connection_failed" else "ok",
            "database": found.database,
            "cache": found.cache,
            "worker": found.worker,
        }
        return self._answer(
            {
                "status": found.status,
                "version": settings.VERSION,
                "services": services,
                "reasons": found.reasons,
            }
        )

    @extend_schema(responses={200: ReadySerializer, 503: ReadySerializer})
    def ready(self, request: Request) -> Response:
        """503 when requests cannot be served. `degraded`: they are, but their jobs wait."""
        found = measure(with_cache=False)
        return self._answer(
            {
                "status": found.status,
                "reasons": found.reasons,
                "database": found.database,
                "worker": found.worker,
                "heartbeat_seconds": found.heartbeat_seconds,
                "queues": [queue._asdict() for queue in found.queues],
            }
        )

    @extend_schema(responses={200: DatabaseHealthSerializer, 503: DatabaseHealthSerializer})
    def database(self, request: Request) -> Response:
        """Whether the database answers, how fast, and whether its tables are up to date."""
        try:
            with connection.cursor() as cursor:
                started = time.perf_counter()
                cursor.execute("SHOW server_version")
                latency_ms = (time.perf_counter() - started) * 1_000
                server_version = cursor.fetchone()[0]
            pending = unapplied_migrations()
        except DATABASE_ERRORS:
            return self._answer({"status": "error", "database": "connection_failed"})
        return self._answer(
            {
                "status": "error" if pending else "ok",
                "database": "migrations_pending" if pending else "connected",
                "server_version": server_version,
                "latency_ms": round(latency_ms, 2),
                "migrations_applied": not pending,
            }
        )

    def _answer(self, body: dict[str, Any]) -> Response:
        if body["status"] == "error":
            return Response(body, status=503, headers={"Retry-After": str(DATABASE_RETRY_SECONDS)})
        return Response(body)
