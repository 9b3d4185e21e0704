"""What the calls came to in all, by provider and outcome: counters that only grow.

Kept beside the rows and in their transactions, so that they are exact whatever dies when, cheap to
read however many results there are, and not less when results are deleted.
"""

from decimal import Decimal

from django.db import models


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


def count_call(
    provider: str,
    outcome: str,
    *,
    latency_ms: int,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cost_usd: Decimal | None = None,
) -> None:
    """Count one call. Last in its transaction: every call of this provider waits for the row."""
    total = ProviderTotal.objects.filter(llm_provider=provider, outcome=outcome)
    more = {
        "calls": models.F("calls") + 1,
        "latency_ms": models.F("latency_ms") + latency_ms,
        "input_tokens": models.F("input_tokens") + (input_tokens or 0),
        "output_tokens": models.F("output_tokens") + (output_tokens or 0),
        "cost_usd": models.F("cost_usd") + (cost_usd or 0),
    }
    if not total.update(**more):  # the first of its kind
        row = ProviderTotal(llm_provider=provider, outcome=outcome)
        ProviderTotal.objects.bulk_create([row], ignore_conflicts=True)
        total.update(**more)
