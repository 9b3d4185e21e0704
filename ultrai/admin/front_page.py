"""What the front page is made of: panels, each a table with pictures drawn from it.

Apps add their panels (`add_panels`), as the metrics and the export are added to: this module knows
none of them. They are told no more than the period, so what they make is the same for whoever may
see them, and is kept for some seconds as HTML.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import warning
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils import timezone
from django.utils.safestring import SafeString

from ultrai.compiled import run_prepared
from ultrai.kept import Kept

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
    def html(self) -> str:
        text = escape(self.text)
        return f'<a href="{escape(self.link)}">{text}</a>' if self.link else text

    @property
    def drawn(self) -> str:
        """The value as a script reads it, in whatever language the page is."""
        return "" if self.value is None else f' data-value="{self.value!r}"'


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

    @property
    def body(self) -> SafeString:
        """The table's rows: there are hundreds of cells, and a template takes its time for each."""
        return SafeString("\n".join(f"<tr>{row_html(row)}</tr>" for row in self.rows))


def row_html(row: Sequence[Cell]) -> str:
    heading, *cells = row
    figures = [f'<td class="number"{cell.drawn}>{cell.html}</td>' for cell in cells]
    return f'<th scope="row">{heading.html}</th>{"".join(figures)}'


type Panels = Callable[[Period], Iterable[Panel]]


@dataclass(frozen=True, slots=True)
class Source:
    place: int
    permissions: tuple[str, ...]
    panels: Panels


sources: list[Source] = []  # by place; apps add theirs when their admin is loaded
kept: Kept[SafeString] = Kept(most=64, seconds=10, longest=60)
actions: Kept[SafeString] = Kept(most=64)  # never old: their keys are all that is in them

ACTIONS = """
SELECT action_flag, object_repr, object_id, app_label, model
FROM django_admin_log LEFT JOIN django_content_type ON django_content_type.id = content_type_id
WHERE user_id = %s ORDER BY action_time DESC LIMIT 10
"""


def add_panels(panels: Panels, *, place: int, permissions: Iterable[str]) -> None:
    """Have the page show what this returns to whoever has all of these permissions."""
    sources.append(Source(place, tuple(permissions), panels))
    sources.sort(key=lambda source: source.place)


def figures(request: HttpRequest) -> SafeString:
    """Return the panels that whoever asks may see, as they were some seconds ago at most."""
    period = period_of(request)
    seen = tuple(source for source in sources if request.user.has_perms(source.permissions))
    # Links begin with the prefix, which comes with the request; there is one language.
    return kept.get((period, seen, get_script_prefix()), lambda: made(period, seen))


def made(period: Period, seen: Iterable[Source]) -> SafeString:
    about = {"period": period, "periods": PERIODS, "as_of": timezone.now().astimezone(UTC)}
    panels = [panel for source in seen for panel in source.panels(period)]
    return render_to_string("admin/front_page.html", {**about, "panels": panels})


def recent_actions(user: AbstractBaseUser | AnonymousUser) -> SafeString:
    """Return the user's own last actions, as Django shows them, for whoever has done the same."""
    rows = tuple(run_prepared(ACTIONS, [user.pk]))
    return actions.get((rows, get_script_prefix()), lambda: actions_html(rows))


def actions_html(rows: Iterable[tuple[Any, ...]]) -> SafeString:
    entries = [
        LogEntry(
            action_flag=flag,
            object_repr=name,
            object_id=pk,
            content_type=ContentType(app_label=app_label, model=model) if model else None,
        )
        for flag, name, pk, app_label, model in rows
    ]
    return render_to_string("admin/recent_actions.html", {"entries": entries})


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
