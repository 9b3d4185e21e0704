"""Lists whose cost does not grow with the table: pages by key, counts by estimate."""

import json
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.views.main import ChangeList
from django.contrib.postgres.fields import ArrayField
from django.core.paginator import Paginator
from django.db import OperationalError, connection
from django.db.models import BigIntegerField, F, Model, QuerySet, Value
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ultrai.admin.rows import rows_of
from ultrai.compiled import RowComparison, run_prepared
from ultrai.kept import Kept
from ultrai.problems import QUERY_CANCELED

OLDER, NEWER = PAGES = "older_than", "newer_than"  # parameters: the page beside this id
KEYS = ArrayField(BigIntegerField())
sizes: Kept[int] = Kept(most=100, seconds=60)  # of tables, as the planner thinks
values: Kept[list[str]] = Kept(most=100, seconds=10)  # that there are of columns


class KeysetChangeList(ChangeList):
    """Newest first. A page is found by the id beside it, so the last is as near as the first."""

    first_link = older_link = newer_link = count = ""

    def get_filters_params(self, params: Any = None) -> Any:
        left = super().get_filters_params(params)
        return {name: value for name, value in left.items() if name not in PAGES}

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """A link to other rows begins at their first page."""
        return super().get_query_string({OLDER: None, NEWER: None} | (new_params or {}), remove)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return ["-pk"]

    def headers(self) -> Iterator[dict[str, Any]]:
        return result_headers(self)

    def rows(self) -> Iterator[str]:
        return rows_of(self)

    def body(self) -> SafeString:
        return SafeString("".join([f"<tr>{row}</tr>\n" for row in self.rows()]))

    def columns_key(self) -> Hashable:
        """What the headings depend on, with the model."""
        return tuple(self.list_display)

    def filters_key(self) -> Hashable:
        """What the filters depend on, with the model: what is chosen, and what else can be."""
        chosen = {n: tuple(values) for n, values in self.filter_params.items() if n not in PAGES}
        return tuple(sorted(chosen.items())), tuple(map(self.choices_key, self.filter_specs))

    def frame_key(self) -> Hashable:
        """What all of a page depends on but for what is fresh in it, with who asks for it."""
        return self.opts.label, self.columns_key(), self.filters_key(), self.result_count

    def choices_key(self, spec: Any) -> Hashable:
        if isinstance(spec, SimpleListFilter):
            return spec.title, tuple(spec.lookup_choices)
        return spec.title, tuple([tuple(choice.items()) for choice in spec.choices(self)])

    def get_results(self, request: HttpRequest) -> None:
        rows: list[Any] = []
        has_more = False
        try:
            rows, has_more = self._page()
            self.count = self._described_count(rows, is_all=self._is_all(has_more))
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != QUERY_CANCELED:
                raise
            messages.warning(
                request,
                "Too many rows would have to be looked through for this."
                " Narrow it by a date, an email address or an id.",
            )
            self.count = "not counted"
        self._link(rows, has_more)
        # What Django's templates ask for; "all of them" is what this page shows.
        self.result_list = rows
        self.result_count = len(rows)
        self.full_result_count = len(rows)
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = Paginator(rows, self.list_per_page)

    def _page(self) -> tuple[list[Any], bool]:
        """Return this page's rows, and whether there are more in the direction it was come by."""
        size = self.list_per_page
        if newer_than := self._key(NEWER):
            rows = self._rows(self.queryset.filter(pk__gt=newer_than).order_by("pk"))
            if len(rows) > size:
                return rows[:size][::-1], True
            self.params.pop(NEWER)  # so few are newer: it is the first page
        older_than = self._key(OLDER)
        page = self.queryset.filter(pk__lt=older_than) if older_than else self.queryset
        rows = self._rows(page)
        return rows[:size], len(rows) > size

    def _rows(self, page: QuerySet[Any]) -> list[Any]:
        """Return the rows of a page, and the one after them."""
        if self._is_narrowed:
            # An index in the list's order answers this by itself. Asked for whole rows, the planner
            # would rather go through the table from its end, and through all of it where what is
            # looked for happens to be old.
            keys = list(page.values_list("pk", flat=True)[: self.list_per_page + 1])
            return list(page.filter(RowComparison([F("pk")], "= ANY", [Value(keys, KEYS)])))
        return list(page[: self.list_per_page + 1])

    @property
    def _is_narrowed(self) -> bool:
        return bool(self.queryset.query.where)

    def _key(self, name: str) -> int | None:
        value = self.params.get(name)
        if value is None:
            return None
        if not (value.isdecimal() and len(value) <= 18):
            raise IncorrectLookupParameters
        return int(value)

    def _is_all(self, has_more: bool) -> bool:
        return not (has_more or NEWER in self.params or OLDER in self.params)

    def _described_count(self, rows: list[Any], *, is_all: bool) -> str:
        """Say how many rows there are: exactly where that is known, else as the planner thinks."""
        if is_all:
            return f"{len(rows):,}"
        if self._is_narrowed:
            estimate = estimated(self.queryset)
        else:
            estimate = sizes.get(self.model, lambda: estimated(self.queryset))
        return f"about {max(round_to_two_digits(estimate), len(rows)):,}"

    def _link(self, rows: list[Any], has_more: bool) -> None:
        came_back = NEWER in self.params
        if rows and (has_more or came_back):
            self.older_link = self.get_query_string({OLDER: rows[-1].pk})
        if rows and (has_more if came_back else OLDER in self.params):
            self.newer_link = self.get_query_string({NEWER: rows[0].pk})
        self.first_link = (
            self.get_query_string() if NEWER in self.params or OLDER in self.params else ""
        )


def estimated(rows: QuerySet[Any]) -> int:
    plan = json.loads(rows.order_by().values("pk").explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


def round_to_two_digits(number: int) -> int:
    """An estimate is not known to the last row, and should not look like it."""
    unit = int(10 ** max(len(str(number)) - 2, 0))
    return round(number / unit) * unit


def distinct_by_index(
    model: type[Model], column: str, *, within: dict[str, str] | None = None, limit: int = 100
) -> list[str]:
    """Return the column's different values in order, as they were some seconds ago at most.

    `within`: the index's columns before this one.
    """
    given = tuple((within or {}).items())
    return values.get((model, column, given, limit), lambda: steps(model, column, given, limit))


def steps(
    model: type[Model], column: str, within: Iterable[tuple[str, str]], limit: int
) -> list[str]:
    """Read the values by one step through the index for each: DISTINCT would read every row."""
    quote = connection.ops.quote_name
    table, name = quote(model._meta.db_table), quote(column)  # noqa: SLF001  its public name
    fixed = {quote(key): value for key, value in within}
    given = "".join(f"{key} = %s AND " for key in fixed)
    # `> ''` each time: it shows that an index of the rows that are not empty will do.
    following = (
        f"SELECT {name} FROM {table} WHERE {given}{name} > '' AND {name} > {{}}"  # noqa: S608
        f" ORDER BY {name} LIMIT 1"
    )
    rows = run_prepared(
        f"""
        WITH RECURSIVE seen (value) AS (
            ({following.format("''")})
            UNION ALL
            SELECT ({following.format("value")}) FROM seen WHERE value IS NOT NULL
        )
        SELECT value FROM seen WHERE value IS NOT NULL LIMIT %s
        """,  # noqa: S608  tables and columns of ours
        [*fixed.values(), *fixed.values(), limit],
    )
    return [value for (value,) in rows]
