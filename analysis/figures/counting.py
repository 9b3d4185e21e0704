"""Counting what ended, hour by hour, from the rows themselves.

Counting an hour again gives what its rows say by then: a run may die anywhere and be repeated. An
hour is settled when nothing can end in it any more; later deletions change nothing of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Min
from django.db.models.functions import Now
from django.utils import timezone

from analysis.figures.latency import STEPS
from analysis.figures.models import FiguresProgress
from analysis.models import Analysis, AnalysisResult

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# A transaction that ended a call may commit some time after the moment it wrote as the end.
SETTLES_AFTER = HOUR
HOURS_KEPT = 2 * DAY  # before the day that is counted


@dataclass(frozen=True, slots=True)
class Count:
    table: str
    by: str
    sums: tuple[str, ...]
    source: str  # selects the hour, `by` and `sums` of what ended from `start` to `end`


ENDED = "finished_at >= %(start)s AND finished_at < %(end)s"
AN_HOUR = "date_trunc('hour', finished_at, 'UTC')"
# What clients recorded was called by somebody else.
CALLED = f"FROM analysis_results WHERE {ENDED} AND stage <> 'recorded'"
PAID = "coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(cost_usd), 0)"
SPENT = ("input_tokens", "output_tokens", "cost_usd")

COUNTS = [
    Count(
        "analysis_figures",
        "status",
        ("analyses",),
        f"SELECT {AN_HOUR}, status, count(*) FROM analyses WHERE {ENDED}"  # noqa: S608
        " GROUP BY 1, 2",
    ),
    Count(
        "call_figures",
        "llm_provider, outcome",
        ("calls", "unpriced_calls", *SPENT),
        f"SELECT {AN_HOUR}, llm_provider,"
        " CASE WHEN cached THEN 'cached' WHEN status = 'failed' THEN error_code ELSE status END,"
        " count(*), count(*) FILTER (WHERE status = 'succeeded' AND cost_usd IS NULL),"
        f" {PAID} {CALLED} GROUP BY 1, 2, 3",
    ),
    Count(
        "latency_figures",
        "llm_provider, step",
        ("calls",),
        f"SELECT {AN_HOUR}, llm_provider,"
        f" floor({STEPS} * ln(greatest(latency_ms, 1)) / ln(2)), count(*)"
        f" {CALLED} AND status = 'succeeded' AND NOT cached AND latency_ms IS NOT NULL"
        " GROUP BY 1, 2, 3",
    ),
    Count(
        "user_figures",
        "user_id",
        ("calls", *SPENT),
        f"SELECT {AN_HOUR}, user_id, count(*), {PAID} {CALLED} GROUP BY 1, 2",
    ),
]


def steps() -> Iterator[None]:
    """Count what is not settled, at first all there is: a day in a short transaction each."""
    now = timezone.now()
    settled = start_of_hour(now) - SETTLES_AFTER
    progress, _ = FiguresProgress.objects.get_or_create(pk=1)
    until = start_of_hour(now) + HOUR
    start = next_end(progress.settled_until)
    while start is not None and start < until:
        start = start_of_hour(start)
        end = min(start_of_day(start) + DAY, until)
        count(start, end, settled)
        yield
        start = next_end(end)
    FiguresProgress.objects.filter(pk=1).update(counted_at=Now())


def next_end(moment: datetime | None) -> datetime | None:
    """Return when something ended for the first time since; None: nothing did."""
    since = {"finished_at__gte": moment} if moment else {}
    found = [
        rows.filter(**since).aggregate(first=Min("finished_at"))["first"]
        for rows in (Analysis.objects, AnalysisResult.objects)
    ]
    return min((first for first in found if first), default=None)


@transaction.atomic
def count(start: datetime, end: datetime, settled: datetime) -> None:
    """Count the hours from `start` to `end`, all of one day, and that day's sum once more."""
    progress = FiguresProgress.objects.select_for_update().get(pk=1)
    if progress.settled_until and end <= progress.settled_until:
        return  # another run was faster
    day = start_of_day(start)
    of = {"start": start, "end": end, "day": day, "tomorrow": day + DAY, "kept": day - HOURS_KEPT}
    with connection.cursor() as cursor:
        for one in COUNTS:
            cursor.execute(
                f"DELETE FROM {one.table} WHERE unit = 'hour'"  # noqa: S608  names of ours
                " AND (starts_at >= %(start)s AND starts_at < %(end)s OR starts_at < %(kept)s)",
                of,
            )
            columns = f"(unit, starts_at, {one.by}, {', '.join(one.sums)})"
            cursor.execute(
                f"INSERT INTO {one.table} {columns} SELECT 'hour', counted.*"  # noqa: S608
                f" FROM ({one.source}) AS counted",
                of,
            )
            cursor.execute(
                f"DELETE FROM {one.table} WHERE unit = 'day' AND starts_at = %(day)s",  # noqa: S608
                of,
            )
            sums = ", ".join(f"sum({column})" for column in one.sums)
            cursor.execute(
                f"INSERT INTO {one.table} {columns}"  # noqa: S608
                f" SELECT 'day', %(day)s, {one.by}, {sums} FROM {one.table} WHERE unit = 'hour'"
                f" AND starts_at >= %(day)s AND starts_at < %(tomorrow)s GROUP BY {one.by}",
                of,
            )
    progress.settled_until = min(end, settled)
    progress.save(update_fields=["settled_until"])


def start_of_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def start_of_day(moment: datetime) -> datetime:
    return start_of_hour(moment).replace(hour=0)
