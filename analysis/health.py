"""How providers have been doing lately, from the rows: no call is made to find out."""

from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from analysis.limits import PROVIDERS_FAULT
from analysis.models import AnalysisResult

LATELY = timedelta(minutes=15)
CACHE_SECONDS = 10


def provider_health() -> dict[str, dict[str, Any]]:
    """Return status and counts by provider; providers without a call lately are missing."""
    return cache.get_or_set("provider-health", measure, CACHE_SECONDS) or {}


def measure() -> dict[str, dict[str, Any]]:
    finished = AnalysisResult.objects.filter(finished_at__gt=timezone.now() - LATELY, cached=False)
    rows = finished.values("llm_provider").annotate(
        succeeded=Count("pk", filter=Q(status="succeeded")),
        failed=Count("pk", filter=Q(status="failed", error_code__in=PROVIDERS_FAULT)),
    )
    return {row["llm_provider"]: described(row["succeeded"], row["failed"]) for row in rows}


def described(succeeded: int, failed: int) -> dict[str, Any]:
    if failed and not succeeded:
        status = "down"
    elif failed * 5 > succeeded:  # more than a sixth of the calls
        status = "degraded"
    else:
        status = "ok" if succeeded else "unknown"
    return {"status": status, "succeeded": succeeded, "failed": failed}
