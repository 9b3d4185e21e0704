"""The front page's panels about analyses and calls, from the figures that the worker counts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import User
from analysis.figures.latency import ERROR, percentile
from analysis.figures.models import (
    AnalysisFigures,
    CallFigures,
    Figures,
    FiguresProgress,
    LatencyFigures,
    UserFigures,
)
from ultrai.admin.front_page import Cell, Column, Panel, Period, Picture, add_panels, number
from ultrai.kept import Kept

ENDS = ("succeeded", "partial", "failed", "cancelled")
MOST_USERS = 10
NOT_FAILED = {"succeeded", "cached", "cancelled"}


def within[F: Figures](figures: type[F], period: Period) -> QuerySet[F]:
    return figures._default_manager.filter(  # noqa: SLF001
        unit=period.unit, starts_at__gte=period.starts[0]
    )


def analysis_panels(period: Period) -> Iterator[Panel]:
    rows = within(AnalysisFigures, period).values_list("starts_at", "status", "analyses")
    counted = {(starts_at, status): analyses for starts_at, status, analyses in rows}
    form = "%d %b %H:00" if period.unit == "hour" else "%d %b"
    progress = FiguresProgress.objects.first()
    yield Panel(
        f"Analyses that ended, by {period.unit} (UTC)",
        [Column(period.unit.capitalize()), *(Column(end.capitalize(), end) for end in ENDS)],
        [
            [Cell(f"{start:{form}}"), *(number(counted.get((start, end), 0)) for end in ENDS)]
            for start in period.starts
        ],
        [Picture("Analyses by outcome", [end.capitalize() for end in ENDS], "standing")],
        [
            f"The worker counted last at {progress.counted_at:%Y-%m-%d %H:%M} UTC; what is"
            " deleted later stays counted."
            if progress
            else "Nothing is counted yet: the worker does so every minute."
        ],
        is_wide=True,
    )


def call_panels(period: Period) -> Iterator[Panel]:
    calls = within(CallFigures, period).values("llm_provider", "outcome")
    rows = list(
        calls.annotate(
            Sum("calls"),
            Sum("unpriced_calls"),
            Sum("input_tokens"),
            Sum("output_tokens"),
            Sum("cost_usd"),
        ).order_by("llm_provider", "outcome")
    )
    yield latency(period)
    yield failures(rows)
    yield providers(rows)


def latency(period: Period) -> Panel:
    steps = within(LatencyFigures, period).values_list("llm_provider", "step")
    histograms: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for provider, step, calls in steps.annotate(Sum("calls")).order_by("llm_provider"):
        histograms[provider].append((step, calls))
    return Panel(
        "Latency by provider",
        [Column("Provider"), Column("Answers"), Column("p50, ms", "p50"), Column("p95, ms", "p95")],
        [
            [
                Cell(provider),
                number(sum(calls for _, calls in steps)),
                number(percentile(steps, 0.5)),
                number(percentile(steps, 0.95)),
            ]
            for provider, steps in histograms.items()
        ],
        [Picture("Latency", ["p50, ms", "p95, ms"], is_stacked=False, unit="ms")],
        [
            "Of calls that were answered, without answers from the cache.",
            f"Estimated from a histogram: at most {ERROR:.0%} off.",
        ],
    )


def failures(rows: Iterable[Mapping[str, Any]]) -> Panel:
    codes: Counter[str] = Counter()
    by_provider: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["outcome"] not in NOT_FAILED:
            codes[row["outcome"]] += row["calls__sum"]
            by_provider[row["outcome"]].append(f"{row['llm_provider']} {row['calls__sum']:,}")
    results = reverse("admin:analysis_analysisresult_changelist")
    return Panel(
        "Failures by code",
        [Column("Code"), Column("Calls", "failed"), Column("By provider")],
        [
            [
                Cell(code, link=f"{results}?{urlencode({'error_code': code})}"),
                number(calls),
                Cell(", ".join(by_provider[code])),
            ]
            for code, calls in codes.most_common()
        ],
        [Picture("Failed calls", ["Calls"])],
    )


SPENDING = [
    Column("Input tokens", "open"),
    Column("Output tokens", "p95"),
    Column("Cost, USD", "bar"),
]
SPENT = [
    Picture("Cost", ["Cost, USD"], unit="USD"),
    Picture("Tokens", ["Input tokens", "Output tokens"]),
]


def spending(input_tokens: int, output_tokens: int, cost_usd: Decimal) -> list[Cell]:
    return [
        number(input_tokens),
        number(output_tokens),
        Cell(f"{cost_usd:,.4f}", float(cost_usd)),
    ]


def providers(rows: Iterable[Mapping[str, Any]]) -> Panel:
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        outcome = row["outcome"] if row["outcome"] in NOT_FAILED else "failed"
        provider = row["llm_provider"]
        for name in ("calls", "unpriced_calls", "input_tokens", "output_tokens"):
            sums[provider][name] += row[f"{name}__sum"]
        sums[provider][outcome] += row["calls__sum"]
        costs[provider] += row["cost_usd__sum"]
    return Panel(
        "Tokens and cost by provider",
        [
            Column("Provider"),
            Column("Calls"),
            Column("Succeeded"),
            Column("From the cache"),
            Column("Failed"),
            Column("Cancelled"),
            *SPENDING,
            Column("Cost unknown"),
        ],
        [
            [
                Cell(provider),
                *(
                    number(of[name])
                    for name in ("calls", "succeeded", "cached", "failed", "cancelled")
                ),
                *spending(of["input_tokens"], of["output_tokens"], costs[provider]),
                number(of["unpriced_calls"]),
            ]
            for provider, of in sums.items()
        ],
        SPENT,
        ["Calls that the service made; not the responses that clients recorded themselves."],
        is_wide=True,
    )


# Adding up what every user has spent takes longest: it is done when the worker has counted anew.
spent: Kept[list[Any]] = Kept(most=16, seconds=60)


def most_spent(period: Period) -> list[Any]:
    """Return who cost most, and what."""
    counted_at = FiguresProgress.objects.values_list("counted_at", flat=True).first()
    users = within(UserFigures, period).values("user_id")
    most = users.annotate(
        asked=Sum("calls"),
        read=Sum("input_tokens"),
        wrote=Sum("output_tokens"),
        cost=Sum("cost_usd"),
    ).order_by("-cost", "-asked", "user_id")[:MOST_USERS]
    return spent.get((period, period.starts[0], counted_at), lambda: list(most))


def user_panels(period: Period) -> Iterator[Panel]:
    most = most_spent(period)
    those = User.objects.filter(pk__in=[row["user_id"] for row in most])
    emails = dict(those.values_list("pk", "email"))
    yield Panel(
        "Tokens and cost by user",
        [Column("User"), Column("Calls"), *SPENDING],
        [
            [
                Cell(
                    emails[row["user_id"]],
                    link=reverse("admin:accounts_user_change", args=[row["user_id"]]),
                ),
                number(row["asked"]),
                *spending(row["read"], row["wrote"], row["cost"]),
            ]
            for row in most
            if row["user_id"] in emails  # or somebody was deleted since it was added up
        ],
        SPENT,
        [f"The {MOST_USERS} who cost most."],
        is_wide=True,
    )


RESULTS, USERS = "analysis.view_analysisresult", "accounts.view_user"
add_panels(analysis_panels, place=10, permissions=["analysis.view_analysis"])
add_panels(call_panels, place=20, permissions=[RESULTS])
add_panels(user_panels, place=30, permissions=[RESULTS, USERS])
