"""Drilling down by date without an index on the date: ids are given in the order of time."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ultrai.kept import Kept

# A row's time is that of the beginning of its transaction, its id comes later: by an hour at most.
SLACK = timedelta(hours=1)
first_years: Kept[int] = Kept(most=100, seconds=60)  # of tables


class Period(NamedTuple):
    """A year, a month or a day, as "2026", "2026-05" or "2026-05-17"; the end is exclusive."""

    start: date
    end: date

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Raises ValueError."""
        parts = [int(part) for part in text.split("-")]
        if len(parts) == 1:
            return cls(date(parts[0], 1, 1), date(parts[0] + 1, 1, 1))
        if len(parts) == 2:
            start = date(parts[0], parts[1], 1)
            return cls(start, (start + timedelta(days=31)).replace(day=1))
        start = date(*parts)
        return cls(start, start + timedelta(days=1))


class DateDrillDown(SimpleListFilter):
    """Year, month, day of `created_at`, which nobody but the database sets."""

    title = "date"
    parameter_name = "date"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        self.model = model
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The way up, and what is below the date that is chosen."""
        today = timezone.now().date()
        chosen = self.value() or ""
        try:
            period = Period.parse(chosen) if chosen else None
        except (ValueError, TypeError, OverflowError) as error:
            raise IncorrectLookupParameters from error
        if period is None:
            first = first_years.get(self.model, lambda: first_year(self.model, today))
            years = range(today.year, first - 1, -1)
            return [(f"{today}", "Today"), *((str(year), str(year)) for year in years)]
        up = [(chosen[:length], chosen[:length]) for length in (4, 7) if len(chosen) >= length]
        if len(chosen) == 4:
            months = [date(period.start.year, month, 1) for month in range(1, 13)]
            return up + [(f"{m:%Y-%m}", f"{m:%B}") for m in months if m <= today]
        if len(chosen) == 7:
            length = (period.end - period.start).days
            days = [period.start + timedelta(days=n) for n in range(length)]
            return up + [(str(day), f"{day:%a %d}") for day in days if day <= today]
        return [*up, (chosen, chosen)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (chosen := self.value()):
            return queryset
        period = Period.parse(chosen)
        start, end = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in period)
        first, last = ids_around(self.model, start - SLACK, end + SLACK)
        return queryset.filter(
            pk__gte=first, pk__lt=last, created_at__gte=start, created_at__lt=end
        )


def first_year(model: type[Model], today: date) -> int:
    """Return the year of the oldest row."""
    oldest = model._default_manager.order_by("pk").only("created_at").first()  # noqa: SLF001
    return int((oldest.created_at if oldest else today).year)  # type: ignore[attr-defined]


def ids_around(model: type[Model], start: datetime, end: datetime) -> tuple[int, int]:
    """Return the first id of each time on, by halving the table's ids: some twenty single rows."""
    table = connection.ops.quote_name(model._meta.db_table)  # noqa: SLF001  its public name
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE halved AS (
                SELECT goal, (SELECT coalesce(min(id), 0) FROM {table}) AS low,
                       (SELECT coalesce(max(id), -1) + 1 FROM {table}) AS high
                FROM unnest(%s::timestamptz[]) AS goals (goal)
                UNION ALL
                SELECT goal, CASE WHEN is_before THEN found + 1 ELSE low END,
                       CASE WHEN is_before THEN high ELSE (low + high) / 2 END
                FROM halved, LATERAL (
                    SELECT id AS found, created_at < goal AS is_before
                    FROM {table} WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1
                ) AS probe
                WHERE low < high
            )
            SELECT low FROM halved WHERE low >= high ORDER BY goal
            """,  # noqa: S608  a table of ours
            [[start, end]],
        )
        (first,), (last,) = cursor.fetchall()
    return first, last
