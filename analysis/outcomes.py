"""What a call to a model came to: its row, the totals and the log say the same."""

import logging
import uuid
from typing import Any

from django.db import transaction

from analysis.models import AnalysisResult
from analysis.models.results import IS_MINE, storable
from analysis.providers import Completion
from analysis.totals import ADD_UP, COUNT, count_call, counts
from ultrai.compiled import run_prepared

logger = logging.getLogger(__name__)


# One statement: the totals' row, for which all calls of a provider wait, is held for no round trip.
END = f"""
    WITH ended AS (
        UPDATE analysis_results
        SET status = %s, error_code = %s, error = %s, response = %s, resolved_model = %s,
            input_tokens = %s, output_tokens = %s, cost_usd = %s, finish_reason = %s,
            latency_ms = %s, finished_at = now(), updated_at = now()
        WHERE {IS_MINE} RETURNING id
    )
    {COUNT} FROM ended {ADD_UP}
"""  # noqa: S608  of constants


def succeed(row: AnalysisResult, lease: uuid.UUID, completion: Completion, latency_ms: int) -> bool:
    """Keep the answer; False when the lease was lost, and nothing is kept or counted."""
    figures = (completion.input_tokens, completion.output_tokens, completion.cost_usd)
    answer = (storable(completion.text), storable(completion.resolved_model)[:200])
    reason = storable(completion.finish_reason or "")[:50]
    values = ["succeeded", "", "", *answer, *figures, reason, latency_ms, row.pk, lease]
    counted = counts(row.llm_provider, "succeeded", latency_ms, *figures)
    if not run_prepared(END, [*values, *counted]):
        return False
    log(row, "succeeded", latency_ms)
    return True


def reuse(row: AnalysisResult, lease: uuid.UUID, earlier: AnalysisResult, **about: Any) -> bool:
    """Take over an earlier answer; False when the lease was lost."""
    with transaction.atomic():
        if not row.reuse(lease, earlier, **about):
            return False
        count_call(row.llm_provider, "cached", 0)
    log(row, "cached", 0)
    return True


def fail(row: AnalysisResult, lease: uuid.UUID, code: str, message: str, latency_ms: int) -> None:
    """Record why there is no answer, unless the lease was lost."""
    nothing = [None, "", None, None, None, ""]
    values = ["failed", code, storable(message), *nothing, latency_ms, row.pk, lease]
    if run_prepared(END, [*values, *counts(row.llm_provider, code, latency_ms)]):
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
