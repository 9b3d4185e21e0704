"""How a list is cut: by cursors, in a stable order."""

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from django.conf import settings
from django.core import signing
from django.db.models import F, QuerySet, Value
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param

from ultrai.compiled import RowComparison

# What is counted for `?count=true`: 10,000 index entries take some milliseconds, a million do not.
MOST_COUNTED = 10_000
CURSOR_KEY = hmac.digest(settings.SECRET_KEY.encode(), b"cursor", "sha512")
SIGNATURE_BYTES = 16


def as_json(value: Any) -> int | str:
    """A column's value as a cursor holds it; timestamps whole, to the microsecond."""
    if isinstance(value, int):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def signed(content: list[Any]) -> str:
    """Return a cursor, fit for an address, that nobody else can make."""
    payload = orjson.dumps(content)
    return base64.urlsafe_b64encode(signature_of(payload) + payload).decode().rstrip("=")


def signature_of(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=SIGNATURE_BYTES, key=CURSOR_KEY).digest()


def content_of(cursor: str) -> list[Any]:
    """Return what was signed; ValueError if we have not signed this."""
    if ":" in cursor:
        # Handed out by versions before 2026-11-24. It can go when nobody comes back with one.
        try:
            return list(signing.loads(cursor, salt="cursor"))
        except signing.BadSignature as error:
            raise ValueError from error
    decoded = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    signature, payload = decoded[:SIGNATURE_BYTES], decoded[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, signature_of(payload)):
        raise ValueError
    return list(orjson.loads(payload))


class CursorPages(CursorPagination):
    """Pages by cursor: as fast on the last of a million rows as on the first, nothing counted.

    A cursor is the last row's place in the order, its id included: rows that are equal in what
    they are ordered by, however many, are neither repeated nor left out. It is signed, so what
    comes back is what we gave. A view offers `?ordering=` by `ordering_fields`, names of the API
    and the columns behind them (never null, and with an index that begins with what the list is
    of), and may name its own default order as `ordering`.
    """

    ordering = "-id"
    ordering_fields: Mapping[str, str] = {"id": "id"}
    page_size = 20
    page_size_query_param = "limit"
    page_size_query_description = "How many to return, from 1; more than 100 are 100."
    max_page_size = 100
    ordering_query_param = "ordering"
    count_query_param = "count"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        asked = request._request  # noqa: SLF001  DRF's looks each attribute up in it
        address = f"{asked.scheme}://{asked.get_host()}{asked.get_full_path()}"
        self.first_url = address
        if request.query_params:
            self.first_url = remove_query_param(address, self.cursor_query_param)
        size = self.get_page_size(request)
        self.order = self.get_order(request, view)
        names = list(dict.fromkeys([self.order.lstrip("-"), "id"]))
        is_backward, values = self.read_cursor(request)
        self.counted = self.count(queryset) if self.is_to_be_counted(request) else None
        is_descending = self.order.startswith("-") != is_backward
        rows = self.rows_after(values, queryset, names, size + 1, is_descending=is_descending)
        page, has_more = rows[:size], len(rows) > size
        if is_backward:
            page.reverse()
        places = [self.place_of(row, names) for row in page[:1] + page[-1:]]
        has_before, has_after = (has_more, True) if is_backward else (bool(values), has_more)
        self.previous_place = places[0] if places and has_before else None
        self.next_place = places[-1] if places and has_after else None
        return page

    def rows_after(
        self,
        values: list[Any],
        queryset: QuerySet[Any],
        names: list[str],
        limit: int,
        *,
        is_descending: bool,
    ) -> list[Any]:
        """Return rows that follow a place in the order; no values: from the beginning."""
        if values:
            place = [
                Value(field.to_python(value), output_field=field)
                for field, value in zip(fields_of(queryset, names), values, strict=True)
            ]
            follows = RowComparison([F(n) for n in names], "<" if is_descending else ">", place)
            queryset = queryset.filter(follows)
        order = [f"-{name}" if is_descending else name for name in names]
        ordered = queryset.order_by(*order)
        ordered.query.set_limits(high=limit)  # what a slice does, but for a copy: this is one
        return list(ordered)

    def place_of(self, row: Any, names: list[str]) -> list[Any]:
        return [getattr(row, name) for name in names]

    def count(self, queryset: QuerySet[Any]) -> int:
        """How many rows there are, one more than MOST_COUNTED at the most."""
        return queryset.order_by().values("pk")[: MOST_COUNTED + 1].count()

    def is_to_be_counted(self, request: Request) -> bool:
        asked = request.query_params.get(self.count_query_param, "false")
        if asked not in {"true", "false"}:
            raise exceptions.ValidationError({"count": ["`true` or `false` is expected."]})
        return asked == "true"

    def orders_of(self, view: Any) -> Mapping[str, str]:
        """What can be ordered by: the names of the API, and the columns behind them."""
        return getattr(view, "ordering_fields", self.ordering_fields)

    def default_order(self, view: Any) -> str:
        return str(getattr(view, "ordering", self.ordering))

    def get_order(self, request: Request, view: Any) -> str:
        """The order asked for, as a column with or without a minus."""
        asked = request.query_params.get(self.ordering_query_param)
        if asked is None:
            return self.default_order(view)
        offered = self.orders_of(view)
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

    def read_cursor(self, request: Request) -> tuple[bool, list[Any]]:
        """Whether to go backwards, and the place to go on from; empty at the beginning."""
        cursor = request.query_params.get(self.cursor_query_param)
        if cursor is None:
            return False, []
        try:
            order, is_backward, values = content_of(cursor)
            if order != self.order:
                raise ValueError
        except ValueError:
            message = "This cursor is not one of ours; follow `next` and `previous`."
            raise exceptions.ValidationError({"cursor": [message]}) from None
        return is_backward, values

    def get_next_link(self) -> str | None:
        return self.link(self.next_place, is_backward=False)

    def get_previous_link(self) -> str | None:
        return self.link(self.previous_place, is_backward=True)

    def link(self, place: list[Any] | None, *, is_backward: bool) -> str | None:
        if place is None:
            return None
        cursor = signed([self.order, is_backward, [as_json(value) for value in place]])
        sign = "&" if "?" in self.first_url else "?"
        return f"{self.first_url}{sign}{self.cursor_query_param}={cursor}"

    def get_paginated_response(self, data: Any) -> Response:
        """The page, its neighbours in the body and, as RFC 8288 has it, in the `Link` header."""
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        count: dict[str, Any] = {}
        if self.counted is not None:
            is_exact = self.counted <= MOST_COUNTED
            count = {"count": min(self.counted, MOST_COUNTED), "count_is_exact": is_exact}
        targets = {"next": links["next"], "prev": links["previous"], "first": self.first_url}
        header = ", ".join(f'<{url}>; rel="{name}"' for name, url in targets.items() if url)
        return Response({**links, **count, "results": data}, headers={"Link": header})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor, limit = super().get_schema_operation_parameters(view)
        count = parameter(
            self.count_query_param,
            f"Have the rows counted, {MOST_COUNTED:,} at the most: `count`, `count_is_exact`.",
            {"type": "boolean", "default": False},
        )
        return [
            {**cursor, "description": "From `next` or `previous`, which have it already."},
            {**limit, "schema": {"type": "integer", "minimum": 1, "default": self.page_size}},
            *self.describe_orders(view),
            count,
        ]

    def describe_orders(self, view: Any) -> list[dict[str, Any]]:
        offered = self.orders_of(view)
        if not offered:
            return []
        order = self.default_order(view)
        names = {column: name for name, column in offered.items()}
        default = "-" * order.startswith("-") + names[order.lstrip("-")]
        return [
            parameter(
                self.ordering_query_param,
                "What to order by, ascending; with a minus descending. Rows that are equal in it "
                f"come in the order of their ids. Without it: `{default}`.",
                {"type": "string", "enum": [s + name for name in offered for s in ("", "-")]},
            )
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": link,
                "previous": link,
                "count": {
                    "type": "integer",
                    "description": f"Only with `count=true`; more than {MOST_COUNTED:,} are "
                    f"{MOST_COUNTED:,}.",
                },
                "count_is_exact": {
                    "type": "boolean",
                    "description": "Only with `count=true`: whether these are all.",
                },
                "results": schema,
            },
        }


class ListPages(CursorPages):
    """Pages of dictionaries that are in memory, in their order; each has an `id`."""

    ordering = "position"
    ordering_fields = {}
    page_size = 100

    def rows_after(
        self,
        values: list[Any],
        queryset: Any,  # a sequence of dictionaries
        names: list[str],
        limit: int,
        *,
        is_descending: bool,
    ) -> list[Any]:
        rows = list(reversed(queryset) if is_descending else queryset)
        ids = [row["id"] for row in rows]
        start = ids.index(values[0]) + 1 if values and values[0] in ids else 0
        return rows[start : start + limit]

    def place_of(self, row: dict[str, Any], names: list[str]) -> list[Any]:
        return [row["id"]]

    def count(self, queryset: Any) -> int:
        return len(queryset)


def parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a query parameter as OpenAPI has it."""
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }


def fields_of(queryset: QuerySet[Any], names: list[str]) -> list[Any]:
    """Return the fields of columns and annotations, which know their values' types."""
    return [
        queryset.query.annotations[name].output_field
        if name in queryset.query.annotations
        else queryset.model._meta.get_field(name)  # noqa: SLF001
        for name in names
    ]
