from collections.abc import Iterable
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ultrai.admin.lists import distinct_by_index


class Conditions(SimpleListFilter):
    """A filter whose choices are conditions of ours, by name."""

    conditions: dict[str, Q]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(name, name) for name in self.conditions]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (name := self.value()) is None:
            return queryset
        if name not in self.conditions:
            raise IncorrectLookupParameters
        return queryset.filter(self.conditions[name])


class IndexedValues(SimpleListFilter):
    """A filter by the values there are of an indexed column, read from the index."""

    column: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(value, value) for value in distinct_by_index(model_admin.model, self.column)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.column: value})
