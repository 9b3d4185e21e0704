"""What the calls came to in all, by provider and outcome: counters that only grow.

Kept beside the rows and in their transactions, so that they are exact whatever dies when, cheap to
read however many results there are, and not less when results are deleted.
"""

from decimal import Decimal
from typing import Any

from django.db import models

from ultrai.compiled import run_prepared


class ProviderTotal(models.Model):
    llm_provider = models.CharField(max_length=50)
    outcome = models.CharField(max_length=50)  # succeeded, cached, or the error's code
    calls = models.BigIntegerField(default=0, db_default=0)
    latency_ms = models.BigIntegerField(default=0, db_default=0)
    input_tokens = models.BigIntegerField(default=0, db_default=0)
    output_tokens = models.BigIntegerField(default=0, db_default=0)
    cost_usd = models.DecimalField(max_digits=20, decimal_places=8, default=0, db_default=0)

    class Meta:
        app_label = "analysis"
        db_table = "provider_totals"
        constraints = [
            models.UniqueConstraint(
                fields=["llm_provider", "outcome"], name="one_total_a_provider_and_outcome"
            )
        ]

    def __str__(self) -> str:
        return f"{self.llm_provider}: {self.outcome}"


# Two parts of one statement, between which its caller may say on what it depends.
COUNT = """
    INSERT INTO provider_totals AS total
        (llm_provider, outcome, calls, latency_ms, input_tokens, output_tokens, cost_usd)
    SELECT %s, %s, 1, %s, %s, %s, %s
"""
ADD_UP = """
    ON CONFLICT (llm_provider, outcome) DO UPDATE
    SET calls = total.calls + 1,
        latency_ms = total.latency_ms + excluded.latency_ms,
        input_tokens = total.input_tokens + excluded.input_tokens,
        output_tokens = total.output_tokens + excluded.output_tokens,
        cost_usd = total.cost_usd + excluded.cost_usd
    RETURNING id
"""


def counts(
    provider: str,
    outcome: str,
    latency_ms: int,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cost_usd: Decimal | None = None,
) -> list[Any]:
    """Return the values of COUNT."""
    return [provider, outcome, latency_ms, input_tokens or 0, output_tokens or 0, cost_usd or 0]


def count_call(provider: str, outcome: str, latency_ms: int) -> None:
    """Count one call. Last in its transaction: every call of this provider waits for the row."""
    run_prepared(COUNT + ADD_UP, counts(provider, outcome, latency_ms))
