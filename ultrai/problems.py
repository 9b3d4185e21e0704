"""Errors: every one, from every endpoint, leaves as an RFC 9457 problem document."""

import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler
from rest_framework.views import set_rollback

from ultrai.exceptions import DATABASE_ERRORS, DomainError
from ultrai.tracing import current_request_id

logger = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
DATABASE_RETRY_SECONDS = 5
# PostgreSQL's SQLSTATEs
FOREIGN_KEY_VIOLATION = "23503"
QUERY_CANCELED = "57014"
LEGAL_HOLD = "legal_hold"  # what the triggers that refuse a deletion call themselves


def problem(
    status: int, code: str, detail: str, *, errors: Any = None, retry_after: int | None = None
) -> dict[str, Any]:
    """Return the one body every error has. `detail` is a sentence a person can act on."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors is not None:
        body["errors"] = errors
    if retry_after is not None:
        body["retry_after"] = retry_after
    if request_id := current_request_id.get():
        body["request_id"] = request_id
    return body


def problem_response(status: int, code: str, detail: str, **extra: Any) -> JsonResponse:
    """Return a problem document from outside DRF, with Retry-After where it is known."""
    response = JsonResponse(
        problem(status, code, detail, **extra), status=status, content_type=PROBLEM_JSON
    )
    if retry_after := extra.get("retry_after"):
        response["Retry-After"] = str(retry_after)
    return response


def refused(error: DomainError) -> JsonResponse:
    return problem_response(error.status, error.code, str(error), retry_after=error.retry_after)


def refusal_in(error: Exception) -> DomainError | None:
    """Return what a rule of ours has said, also where the rest of the body was refused."""
    rule = error.__cause__ if isinstance(error, UnreadablePostError) else error
    return rule if isinstance(rule, DomainError) else None


def database_failed(error: Exception) -> JsonResponse:
    if getattr(error.__cause__, "sqlstate", None) == QUERY_CANCELED:
        logger.warning("The database took too long", exc_info=error)
        return problem_response(
            503,
            "database_timeout",
            "The database took too long for this. Try again in a few seconds, or ask for less.",
            retry_after=DATABASE_RETRY_SECONDS,
        )
    logger.warning("The database cannot be reached: %s", type(error).__name__)
    return problem_response(
        503,
        "database_unavailable",
        "The database cannot be reached at the moment. Try again in a few seconds.",
        retry_after=DATABASE_RETRY_SECONDS,
    )


def is_gone(error: Exception) -> bool:
    """Whether a row that this one refers to was deleted while the request ran."""
    cause = getattr(error, "__cause__", None)
    return (
        isinstance(error, IntegrityError)
        and getattr(cause, "sqlstate", None) == FOREIGN_KEY_VIOLATION
    )


def gone() -> JsonResponse:
    return problem_response(
        409, "conflict", "Something this request refers to was deleted in the meantime."
    )


def hold_of(error: Exception) -> str | None:
    """Return the database's sentence if it has refused to delete what is under a legal hold."""
    diagnosis = getattr(getattr(error, "__cause__", None), "diag", None)
    if isinstance(error, IntegrityError) and diagnosis and diagnosis.constraint_name == LEGAL_HOLD:
        return str(diagnosis.message_primary)
    return None


def first_sentence(errors: Any, path: str = "") -> str:
    """Return the first message in DRF's nested errors, with the field it belongs to."""
    if isinstance(errors, Mapping):
        field, inner = next(iter(errors.items()))
        within = path if field == "non_field_errors" else f"{path}.{field}".lstrip(".")
        return first_sentence(inner, within)
    if isinstance(errors, list):
        return first_sentence(next(item for item in errors if item), path)
    return f"{path}: {errors}" if path else str(errors)


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Turn what a view raised into a problem document; anything unknown stays a 500."""
    if rule := refusal_in(error):
        set_rollback()
        return refused(rule)
    if isinstance(error, DATABASE_ERRORS):
        return database_failed(error)
    if is_gone(error):
        set_rollback()
        return gone()
    if hold := hold_of(error):
        set_rollback()
        return problem_response(409, LEGAL_HOLD, hold)
    response = drf_exception_handler(error, context)  # knows Http404 and PermissionDenied too
    if response is None:
        return None
    retry_after = response.get("Retry-After")
    if isinstance(error, exceptions.ValidationError):
        errors = response.data if isinstance(response.data, dict) else {"": response.data}
        body = problem(400, "invalid", first_sentence(errors), errors=errors)
    else:
        detail = getattr(error, "detail", None) or response.data["detail"]
        if isinstance(detail, Mapping):  # simplejwt's errors
            detail = detail["detail"]
        body = problem(
            response.status_code,
            getattr(detail, "code", "error"),
            str(detail),
            retry_after=int(retry_after) if retry_after else None,
        )
    return Response(
        body,
        status=response.status_code,
        content_type=PROBLEM_JSON,
        headers={k: v for k, v in response.items() if k in {"WWW-Authenticate", "Retry-After"}},
    )


class ProblemMiddleware:
    """Outermost but one: whatever failed outside DRF leaves as a problem document as well."""

    DETAILS = {
        400: "The request could not be read.",
        403: "This request is not allowed.",
        404: "There is nothing at this address.",
        405: "This address does not know the method.",
        413: "The request is too large.",
        500: "Something failed on our side. It is logged, and not your fault.",
    }

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
            # Read as empty otherwise: WSGI knows no body without a length.
            return problem_response(
                411, "length_required", "Send the body with a Content-Length, not in chunks."
            )
        response = self.get_response(request)
        content_type = response.get("Content-Type", "")
        is_page = response.status_code >= 400 and content_type.startswith("text/html")
        if is_page and not is_for_browsers(request.path):
            self.rewrite(response)
        return response

    def rewrite(self, response: HttpResponse) -> None:
        """Exchange the page for a problem, and keep the headers: CORS, HSTS and the like."""
        phrase = HTTPStatus(response.status_code).phrase
        body = problem(
            response.status_code,
            phrase.lower().replace(" ", "_"),
            self.DETAILS.get(response.status_code, f"{phrase}."),
        )
        response.content = json.dumps(body).encode()
        response["Content-Type"] = PROBLEM_JSON
        if "Content-Length" in response:
            response["Content-Length"] = str(len(response.content))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, DATABASE_ERRORS):
            return database_failed(error)
        if is_gone(error):
            return gone()
        if hold := hold_of(error):
            return problem_response(409, LEGAL_HOLD, hold)
        # From a rule that the admin shares with the API, such as the delay after failed logins.
        rule = refusal_in(error)
        return refused(rule) if rule else None


def is_for_browsers(path: str) -> bool:
    """HTML belongs here and nowhere else: staff and the docs page read these in a browser."""
    return path == "/docs" or path.startswith(("/admin/", "/static/"))
