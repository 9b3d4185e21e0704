"""Filters for the lists of every app, strict about what they take."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django_filters.fields import IsoDateTimeField
from drf_spectacular.utils import extend_schema_field


class TimeField(IsoDateTimeField):
    def to_python(self, value: Any) -> datetime | None:
        """Return the time in UTC: PostgreSQL refuses offsets of 16 hours, which ISO 8601 allows."""
        try:
            time = super().to_python(value)
            return time.astimezone(UTC) if time else None
        except OverflowError:  # before the year 1, or after 9999
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None


class TimeFilter(django_filters.IsoDateTimeFilter):
    field_class = TimeField


@extend_schema_field(int)
class WholeNumberFilter(django_filters.NumberFilter):
    field_class = forms.IntegerField  # type: ignore[assignment]  # its stubs know no other
