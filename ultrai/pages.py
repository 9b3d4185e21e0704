"""How a list is cut: by cursors, in a stable order."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core import signing
from django.db.models import F, QuerySet, Value
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from ultrai.compiled import RowComparison


def as_json(value: Any) -> int | str:
    """A column's value as a cursor holds it; timestamps whole, to the microsecond."""
    if isinstance(value, int):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


class CursorPages(CursorPagination):
    """Pages by cursor: as fast on the last of a million rows as on the first, nothing counted.

    A cursor is the last row's place in the order, its id included: rows that are equal in what
    they are ordered by, however many, are neither repeated nor left out. It is signed, so what
    comes back is what we gave. A view offers `?ordering=` by `ordering_fields`, names of the API
    and the columns behind them, and may name its own default order as `ordering`.
    """

    ordering = "-id"
    page_size = 20
    page_size_query_param = "limit"
    page_size_query_description = "How many to return, from 1; more than 100 are 100."
    max_page_size = 100
    ordering_query_param = "ordering"

    def paginate_queryset(  # type: ignore[override]  # no other sequences
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        self.url = request.build_absolute_uri()
        size = self.get_page_size(request)
        self.order = self.get_order(request, view)
        names = list(dict.fromkeys([self.order.lstrip("-"), "id"]))
        is_backward, position = self.read_cursor(request, queryset, names)
        is_descending = self.order.startswith("-") != is_backward
        if position:
            follows = RowComparison([F(n) for n in names], "<" if is_descending else ">", position)
            queryset = queryset.filter(follows)
        queryset = queryset.order_by(*(f"-{n}" if is_descending else n for n in names))
        rows = list(queryset[: size + 1])
        page, has_more = rows[:size], len(rows) > size
        if is_backward:
            page.reverse()
        places = [[getattr(row, n) for n in names] for row in page[:1] + page[-1:]]
        has_before, has_after = (has_more, True) if is_backward else (position != [], has_more)
        self.previous_place = places[0] if places and has_before else None
        self.next_place = places[-1] if places and has_after else None
        return page

    def get_order(self, request: Request, view: Any) -> str:
        """The order asked for, as a column with or without a minus."""
        default = str(getattr(view, "ordering", self.ordering))
        asked = request.query_params.get(self.ordering_query_param)
        offered: Mapping[str, str] = getattr(view, "ordering_fields", {})
        if asked is None or not offered:
            return default
        sign, name = ("-", asked[1:]) if asked.startswith("-") else ("", asked)
        if name not in offered:
            message = f"One of {', '.join(offered)} is expected, with a minus for descending order."
            raise exceptions.ValidationError({self.ordering_query_param: [message]})
        return sign + offered[name]

    def get_page_size(self, request: Request) -> int:
        """The limit asked for. Anything but a whole number is an error, not the default."""
        limit = request.query_params.get(self.page_size_query_param)
        if limit is None:
            return self.page_size
        if not re.fullmatch(r"0*[1-9][0-9]{0,30}", limit):
            raise exceptions.ValidationError({"limit": ["A whole number from 1 is expected."]})
        return min(int(limit), self.max_page_size)

    def read_cursor(
        self, request: Request, queryset: QuerySet[Any], names: list[str]
    ) -> tuple[bool, list[Value]]:
        """Whether to go backwards, and the place to go on from; empty at the beginning."""
        cursor = request.query_params.get(self.cursor_query_param)
        if cursor is None:
            return False, []
        try:
            order, is_backward, values = signing.loads(cursor, salt="cursor")
            if order != self.order:
                raise ValueError
        except (signing.BadSignature, ValueError):
            message = "This cursor is not one of ours; follow `next` and `previous`."
            raise exceptions.ValidationError({"cursor": [message]}) from None
        fields = [
            queryset.query.annotations[name].output_field
            if name in queryset.query.annotations
            else queryset.model._meta.get_field(name)  # noqa: SLF001
            for name in names
        ]
        places = [
            Value(field.to_python(value), output_field=field)
            for field, value in zip(fields, values, strict=True)
        ]
        return is_backward, places

    def get_next_link(self) -> str | None:
        return self.link(self.next_place, is_backward=False)

    def get_previous_link(self) -> str | None:
        return self.link(self.previous_place, is_backward=True)

    def link(self, place: list[Any] | None, *, is_backward: bool) -> str | None:
        if place is None:
            return None
        values = [as_json(value) for value in place]
        cursor = signing.dumps([self.order, is_backward, values], salt="cursor")
        return replace_query_param(self.url, self.cursor_query_param, cursor)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor, limit = super().get_schema_operation_parameters(view)
        parameters = [cursor, {**limit, "schema": {"type": "integer", "minimum": 1}}]
        if offered := getattr(view, "ordering_fields", None):
            parameters.append(
                {
                    "name": self.ordering_query_param,
                    "in": "query",
                    "required": False,
                    "description": "What to order by; with a minus in descending order.",
                    "schema": {
                        "type": "string",
                        "enum": [s + n for n in offered for s in ("", "-")],
                    },
                }
            )
        return parameters

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }
