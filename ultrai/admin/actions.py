"""Actions of the admin: asked for, confirmed on a page of its own, done row by row, logged."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import ActionLocation
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from ultrai.exceptions import DomainError

EVERYWHERE = [ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]
MOST_ROWS = 200  # at once: each is done and logged while the browser waits


def confirmation(
    model_admin: ModelAdmin, request: HttpRequest, rows: list[Any], question: str, field: str
) -> HttpResponse:
    """Ask, with everything that was posted, so that the answer asks for the same again."""
    posted = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in {"csrfmiddlewaretoken", "index", "confirmed", field}
    ]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Are you sure?",
        "opts": model_admin.opts,
        "question": question,
        "rows": rows,
        "posted": posted,
        "field": field,
    }
    return TemplateResponse(request, "admin/confirm_action.html", context)


def act(
    model_admin: ModelAdmin,
    request: HttpRequest,
    selected: QuerySet[Any],
    *,
    question: str,
    done: str,
    perform: Callable[[Any], object],
    field: str = "",
) -> HttpResponse | None:
    """Do something to each selected row, once it is confirmed. A row that refuses stops no other.

    `field`: what has to be said along with the answer; it is read by `perform`.
    """
    rows = list(selected[: MOST_ROWS + 1])
    if len(rows) > MOST_ROWS:
        model_admin.message_user(request, f"At most {MOST_ROWS} at once.", messages.ERROR)
        return None
    if "confirmed" not in request.POST or (field and not request.POST.get(field, "").strip()):
        return confirmation(model_admin, request, rows, question, field)
    succeeded: list[Model] = []
    for row in rows:
        try:
            with transaction.atomic():
                perform(row)
        except DomainError as refusal:
            model_admin.message_user(request, f"{row}: {refusal}", messages.WARNING)
        else:
            succeeded.append(row)
    log(request, succeeded, done)
    if succeeded:
        model_admin.message_user(request, f"{done} {len(succeeded)}.", messages.SUCCESS)
    return None


def log(request: HttpRequest, rows: list[Any], message: str) -> None:
    """Keep who did what to which rows, for the history of each."""
    assert request.user.pk
    if rows:
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, message)
