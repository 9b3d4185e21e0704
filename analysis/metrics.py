"""Calls to the models, as counted beside their rows: exact for all workers together."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from analysis.models import ProviderTotal


def provider_metrics() -> Iterator[Metric]:
    by_outcome = ["provider", "outcome"]
    calls = CounterMetricFamily("ultrai_provider_calls", "Calls that ended.", labels=by_outcome)
    seconds = CounterMetricFamily(
        "ultrai_provider_call_seconds", "What they took, in all.", labels=by_outcome
    )
    tokens = CounterMetricFamily(
        "ultrai_provider_tokens", "Tokens of successful calls.", labels=["provider", "direction"]
    )
    cost = CounterMetricFamily("ultrai_provider_cost_usd", "Their cost.", labels=["provider"])
    for total in ProviderTotal.objects.order_by("llm_provider", "outcome"):
        labels = [total.llm_provider, total.outcome]
        calls.add_metric(labels, total.calls)
        seconds.add_metric(labels, total.latency_ms / 1_000)
        if total.outcome == "succeeded":
            tokens.add_metric([total.llm_provider, "input"], total.input_tokens)
            tokens.add_metric([total.llm_provider, "output"], total.output_tokens)
            cost.add_metric([total.llm_provider], float(total.cost_usd))
    yield from (calls, seconds, tokens, cost)
