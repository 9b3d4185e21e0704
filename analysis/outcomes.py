"""What a call to a model came to: its row, the totals and the log say the same."""

import logging
import uuid
from typing import Any

from django.db import transaction

from analysis.models import AnalysisResult
from analysis.providers import Completion
from analysis.totals import count_call

logger = logging.getLogger(__name__)


def succeed(row: AnalysisResult, lease: uuid.UUID, completion: Completion, latency_ms: int) -> bool:
    """Keep the answer; False when the lease was lost, and nothing is kept or counted."""
    with transaction.atomic():
        if not row.succeed(lease, completion, latency_ms):
            return False
        count_call(
            row.llm_provider,
            "succeeded",
            latency_ms=latency_ms,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            cost_usd=completion.cost_usd,
        )
    log(row, "succeeded", latency_ms)
    return True


def reuse(row: AnalysisResult, lease: uuid.UUID, earlier: AnalysisResult, **about: Any) -> bool:
    """Take over an earlier answer; False when the lease was lost."""
    with transaction.atomic():
        if not row.reuse(lease, earlier, **about):
            return False
        count_call(row.llm_provider, "cached", latency_ms=0)
    log(row, "cached", 0)
    return True


def fail(row: AnalysisResult, lease: uuid.UUID, code: str, message: str, latency_ms: int) -> None:
    """Record why there is no answer, unless the lease was lost."""
    with transaction.atomic():
        if not row.fail(lease, code, message, latency_ms):
            return
        count_call(row.llm_provider, code, latency_ms=latency_ms)
    log(row, code, latency_ms)


def log(row: AnalysisResult, outcome: str, latency_ms: int) -> None:
    """One line a call: ids and figures; what was asked and said is in the row."""
    fields = {
        "analysis_id": row.analysis_id,
        "result_id": row.pk,
        "user_id": row.user_id,
        "provider": row.llm_provider,
        "stage": row.stage,
        "outcome": outcome,
        "latency_ms": latency_ms,
    }
    logger.info("model call", extra={"fields": fields})
