"""What the front page is made of: panels, each a table with pictures drawn from it.

Apps add their panels (`add_panels`), as the metrics and the export are added to: this module knows
none of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.messages import warning
from django.http import HttpRequest
from django.utils import timezone

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """The last so many hours or days (of UTC), the running one among them."""

    name: str  # as in the address
    title: str
    unit: str  # hour or day
    count: int

    @property
    def starts(self) -> list[datetime]:
        """When each hour or day of it begins, the earliest first."""
        now = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        last, step = (now, HOUR) if self.unit == "hour" else (now.replace(hour=0), DAY)
        return [last - step * back for back in reversed(range(self.count))]


PERIODS = [
    Period("24h", "24 hours", "hour", 24),
    Period("7d", "7 days", "day", 7),
    Period("30d", "30 days", "day", 30),
    Period("90d", "90 days", "day", 90),
]
DEFAULT = PERIODS[1]


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    value: float | None = None  # what pictures draw; None: nothing
    link: str = ""

    @property
    def drawn(self) -> str | None:
        """The value as a script reads it, in whatever language the page is."""
        return None if self.value is None else repr(self.value)


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    colour: str = ""  # the name of one of the stylesheet's `--c-` colours


@dataclass(frozen=True, slots=True)
class Picture:
    title: str
    columns: Sequence[str]  # titles of those that are drawn, against the first
    kind: str = "lying"  # or "standing": bars, of which those of one row are stacked
    is_stacked: bool = True
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    pictures: Sequence[Picture] = ()
    notes: Sequence[str] = ()
    is_wide: bool = False

    def drawn(self) -> list[dict[str, Any]]:
        """The pictures with the places of their columns, as the template hands them on."""
        places = {column.title: place for place, column in enumerate(self.columns)}
        return [
            {"picture": one, "places": ",".join(str(places[title]) for title in one.columns)}
            for one in self.pictures
        ]


type Panels = Callable[[HttpRequest, Period], Iterable[Panel]]
# By place; apps add theirs when their admin is loaded.
sources: list[tuple[int, Panels]] = []


def add_panels(panels: Panels, *, place: int) -> None:
    """Have the page show what this returns for whoever asks: nothing that they may not see."""
    sources.append((place, panels))
    sources.sort(key=lambda source: source[0])


def context(request: HttpRequest) -> dict[str, Any]:
    period = period_of(request)
    return {
        "period": period,
        "periods": PERIODS,
        "panels": [panel for _, source in sources for panel in source(request, period)],
    }


def period_of(request: HttpRequest) -> Period:
    asked = request.GET.get("period", DEFAULT.name)
    for period in PERIODS:
        if period.name == asked:
            return period
    names = ", ".join(period.name for period in PERIODS)
    warning(request, f"The period is one of {names}. These are {DEFAULT.title}.")
    return DEFAULT


def number(value: float | None) -> Cell:
    return Cell("" if value is None else f"{value:,}", value)
