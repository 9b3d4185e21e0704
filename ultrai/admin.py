from django.contrib import admin
from django.db import models
from django.http import HttpRequest


class MachineWrittenAdmin(admin.ModelAdmin):
    """For rows that the service writes: to be looked at and, by those who may, deleted."""

    show_full_result_count = False  # no second COUNT(*) over a table of millions

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def preview(value: str | None, length: int = 80) -> str:
    """Return the beginning of a text for a table cell."""
    text = " ".join((value or "")[: length * 2].split())
    return text if len(text) <= length else f"{text[: length - 1]}…"
