"""Filters for the lists of every app, strict about what they take."""

from copy import copy, deepcopy
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.drainage import set_override


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


class WholeNumberFilter(django_filters.NumberFilter):
    field_class = forms.IntegerField  # type: ignore[assignment]  # its stubs know no other

    def __init__(self, field_name: str, *, label: str) -> None:
        super().__init__(field_name, label=label)
        set_override(self, "field", {"type": "integer", "description": label})


class FilterBackend(DjangoFilterBackend):
    """Makes of a view's filters those that the request uses: each is a field of a form."""

    def get_filterset(self, request: Any, queryset: QuerySet[Any], view: Any) -> Any:
        filters: Any = self.get_filterset_class(view, queryset)
        used = filters.base_filters.keys() & request.query_params.keys() if filters else None
        if not used:
            return None
        arguments = self.get_filterset_kwargs(request, queryset, view)
        return narrowed(filters, frozenset(used))(**arguments)


class Filters(dict[str, django_filters.Filter]):
    """Filters that are copied for each request, but not what they are made of."""

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, django_filters.Filter]:
        # One that calls a method of its set refers to itself.
        return {n: deepcopy(f, memo) if f.method else copy(f) for n, f in self.items()}


class FormFields(dict[str, forms.Field]):
    """Fields that all forms share: to clean a value changes none."""

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, forms.Field]:
        return dict(self)


@lru_cache(maxsize=1_000)
def narrowed(filters: type[django_filters.FilterSet], names: frozenset[str]) -> Any:
    """The filter set with these of its filters alone, and with its form made once."""
    narrow: Any = type(filters.__name__, (filters,), {})
    narrow.base_filters = Filters({n: f for n, f in filters.base_filters.items() if n in names})
    form = narrow().get_form_class()
    form.base_fields = FormFields(form.base_fields)
    narrow.get_form_class = lambda _: form
    return narrow
