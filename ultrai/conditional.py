"""Conditional requests (RFC 9110, 13): cheap reads, and changes that overwrite nothing unseen.

An answer to GET has an `ETag`; sent back as `If-None-Match` it makes the next answer a 304 until
something has changed, sent as `If-Match` it makes a change a 412 if something has. A row that says
when it was changed has a tag made of that: it is known before the row is written out. Whatever else
is answered has a tag made of its body.
"""

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotModified
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

from ultrai.exceptions import DomainError
from ultrai.problems import refused

# Of one user, and asked for again each time: what a cache holds may have been changed or deleted.
CACHE_CONTROL = "private, no-cache"
READS = frozenset({"GET", "HEAD"})
CHANGES = frozenset({"PUT", "PATCH", "DELETE"})
TAGGED = frozenset({"GET", "HEAD", "PATCH", "PUT"})
# Their answers are about the row itself, and not about something that hangs on it.
ROW_ACTIONS = frozenset({"retrieve", "update", "partial_update"})


class PreconditionFailed(DomainError):
    status = 412
    code = "precondition_failed"

    def __init__(self) -> None:
        super().__init__(
            "This is not as your If-Match or If-None-Match expects, and nothing was done. "
            "GET it again, and send the ETag that it has now."
        )


class NotModified(Exception):
    """The client has the row as it is: it need not be written out."""


class ConditionalMixin:
    """For views: every answer has its tag, and the conditions of every request are heeded."""

    is_tagged = True  # False: it differs each time
    row: Model | None = None  # that the answer is about
    action: str

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        asked = request._request  # noqa: SLF001  DRF's looks each attribute up in it
        method = asked.method or ""
        if method in READS or not {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"} & asked.META.keys():
            return
        if method == "POST" and not names(asked.META.get("HTTP_IF_MATCH", "*"), None):
            raise PreconditionFailed  # what a POST makes has no tag yet
        handler = getattr(self, method.lower(), None)
        if method in CHANGES and handler:
            setattr(self, method.lower(), partial(self.guarded, handler))

    def guarded(
        self, handler: Callable[..., HttpResponseBase], request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Change what is as the client thinks it is; nobody else does from the look to the end."""
        with transaction.atomic():
            tag = self.current_tag(request, *args, **kwargs)
            if failure(request._request, tag):  # noqa: SLF001
                raise PreconditionFailed
            return handler(request, *args, **kwargs)

    def current_tag(self, request: Request, *args: Any, **kwargs: Any) -> str | None:
        """Lock what the address is about, and return the tag that GET would have."""
        row = self.lock()
        reading: str | None = self.action_map.get("get")  # type: ignore[attr-defined]
        if reading is None:
            return None
        if reading == "retrieve" and (tag := tag_of_row(row)):
            return tag
        changing, self.action = self.action, reading
        try:
            answer = getattr(self, reading)(request, *args, **kwargs)
        finally:
            self.action = changing
        if "ETag" in answer:
            return str(answer["ETag"])
        return tag_of(self.renderer_classes[0]().render(answer.data))  # type: ignore[attr-defined]

    def lock(self) -> Model | None:
        """Return the row that is to be changed, or that what is to be changed hangs on, as it is
        now; it stays so until the transaction ends."""
        return None

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, NotModified):
            return not_modified(tag_of_row(self.row))  # type: ignore[return-value]
        return super().handle_exception(exc)  # type: ignore[misc, no-any-return]

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        asked = request._request  # noqa: SLF001
        is_answer = asked.method in TAGGED and response.status_code in {200, 206}
        if not (is_answer and self.is_tagged):
            return response
        tag = response.headers.get("ETag") or tag_of_row(self.row)
        if tag:
            return tagged(asked, response, tag)  # type: ignore[return-value]
        if isinstance(response, Response):  # and no stream
            response.add_post_render_callback(lambda one: tagged(asked, one, tag_of(one.content)))
        return response


class ConditionalRowsMixin[M: Model](ConditionalMixin):
    """For views of a table's rows: the row is locked for its change, and written out if needed."""

    is_locking = False

    def lock(self) -> M:
        self.is_locking = True
        try:
            return self.get_object()
        finally:
            self.is_locking = False

    def filter_queryset(self, queryset: QuerySet[M, Any]) -> QuerySet[M, Any]:
        found: QuerySet[M, Any] = super().filter_queryset(queryset)  # type: ignore[misc]
        return found.select_for_update(of=("self",), no_key=True) if self.is_locking else found

    def get_object(self) -> M:
        row: M = super().get_object()  # type: ignore[misc]
        if self.action in ROW_ACTIONS:
            self.row = row
            asked = self.request._request  # type: ignore[attr-defined]  # noqa: SLF001
            tag = tag_of_row(row) if "HTTP_IF_NONE_MATCH" in asked.META else None
            if tag and failure(asked, tag) == 304:
                raise NotModified
        return row


def tag_of(content: bytes) -> str:
    return f'"{blake2b(content, digest_size=16).hexdigest()}"'


def tag_of_row(row: Model | None) -> str | None:
    """The tag of a row that says when it was changed; None: it does not.

    Another version of the service may write it out in another way.
    """
    changed = getattr(row, "updated_at", None)
    if row is None or changed is None:
        return None
    table = row._meta.db_table  # noqa: SLF001  public, by its documentation
    return tag_of(f"{settings.VERSION} {table} {row.pk} {changed.isoformat()}".encode())


def names(header: str, tag: str | None) -> bool:
    """Whether a condition names this tag, or any by `*`. Weakly: a proxy that compresses what we
    answer makes our tags weak ones."""
    listed = parse_etags(header)
    return listed == ["*"] or tag in [one.removeprefix("W/") for one in listed]


def failure(request: HttpRequest, tag: str | None) -> int | None:
    """The status of the condition that does not hold for what has this tag; None: all do."""
    wanted = request.META.get("HTTP_IF_MATCH")
    if wanted is not None and not names(wanted, tag):
        return 412
    known = request.META.get("HTTP_IF_NONE_MATCH")
    if known is not None and names(known, tag):
        return 304 if request.method in READS else 412
    return None


def tagged(request: HttpRequest, response: HttpResponseBase, tag: str) -> HttpResponseBase:
    """Return the response with its tag, or what a condition of its request puts in its place."""
    response["ETag"] = tag
    response.setdefault("Cache-Control", CACHE_CONTROL)
    status = failure(request, tag) if request.method in READS else None
    if status is None:
        return response
    return not_modified(tag) if status == 304 else refused(PreconditionFailed())


def not_modified(tag: str | None) -> HttpResponseNotModified:
    return HttpResponseNotModified(headers={"ETag": tag, "Cache-Control": CACHE_CONTROL})
