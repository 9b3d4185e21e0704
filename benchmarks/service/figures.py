"""The front page's figures of what was seeded, as the worker counts them."""

import time

from django.db import connection
from django.utils import timezone

from analysis.figures import counting
from analysis.figures.models import AnalysisFigures, FiguresProgress
from documents.stored_types import count_stored_types


def count_figures() -> None:
    """Count everything, and move the figures to the days before today: the seed is of a past
    half-year, and the page is to have as much to draw as it can show."""
    FiguresProgress.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(count.table for count in counting.COUNTS)}")
    slowest = 0.0
    started = before = time.perf_counter()
    for _ in counting.steps():
        now = time.perf_counter()
        slowest, before = max(slowest, now - before), now
    print(f"  figures ({before - started:.0f} s, the slowest day {slowest * 1_000:,.0f} ms)")
    count_stored_types()
    print(f"  stored types ({time.perf_counter() - before:.1f} s)")
    last = AnalysisFigures.objects.filter(unit="day").latest("starts_at").starts_at
    days = (counting.start_of_day(timezone.now()) - last).days
    far = 100_000  # in one go a row would meet one that has not been moved yet
    with connection.cursor() as cursor:
        for count in counting.COUNTS:
            for step in (far, days - far):
                cursor.execute(
                    f"UPDATE {count.table} SET starts_at = starts_at + make_interval(days => %s)",
                    [step],
                )
            cursor.execute(f"VACUUM ANALYZE {count.table}")
