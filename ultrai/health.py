"""Is it alive? For people (`/`, `/health`), for operators (`/health/database`), for the platform
(`/health/live`, which asks nobody else)."""

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db import ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from procrastinate.contrib.django.models import ProcrastinateWorker
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ViewSet

from ultrai.cache import FallbackRedisCache
from ultrai.problems import DATABASE_ERRORS, DATABASE_RETRY_SECONDS

# A worker writes its heartbeat every 5 s; three missed ones and it is away.
WORKER_AWAY_AFTER = timedelta(seconds=20)


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


class DatabaseHealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "error"])
    database = serializers.ChoiceField(["connected", "migrations_pending", "connection_failed"])
    server_version = serializers.CharField(required=False)
    latency_ms = serializers.FloatField(required=False)
    migrations_applied = serializers.BooleanField(required=False)


def cache_state() -> str:
    redis = caches["default"]
    if not isinstance(redis, FallbackRedisCache):
        return "in_memory"
    return "connected" if redis.ping() else "unreachable"


def worker_state() -> str:
    since = timezone.now() - WORKER_AWAY_AFTER
    return "ok" if ProcrastinateWorker.objects.filter(last_heartbeat__gt=since).exists() else "away"


def unapplied_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@extend_schema(auth=[])
class ServiceViewSet(ViewSet):
    permission_classes = [AllowAny]
    authentication_classes = []
    throttle_classes = []  # the platform's probes come as often as they like

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
        services = {"api": "ok", "auth": "ok", "database": "connected", "cache": cache_state()}
        try:
            services["worker"] = worker_state()
        except ProgrammingError:  # its table is not there yet
            services |= {"database": "migrations_pending", "worker": "unknown"}
        except DATABASE_ERRORS:
            services |= {"auth": "error", "database": "connection_failed", "worker": "unknown"}
        if services["database"] != "connected":
            status = "error"
        elif services["worker"] == "away" or services["cache"] == "unreachable":
            status = "degraded"
        else:
            status = "ok"
        return self._answer({"status": status, "version": settings.VERSION, "services": services})

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
