"""Serializers that write rows quickly: what a class's fields do is found out once, not per row.

DRF makes every field anew for every serializer, and asks each of them for each row's value. For
rows of a model nearly all that comes down to reading an attribute.
"""

from collections.abc import Callable
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import Model
from rest_framework import serializers
from rest_framework.fields import SkipField

# What these make of a column's value is the value; times are for JSON's encoder.
UNCHANGED = {
    kind.to_representation
    for kind in (
        serializers.BigIntegerField,
        serializers.BooleanField,
        serializers.CharField,
        serializers.ChoiceField,
        serializers.DateField,
        serializers.DateTimeField,
        serializers.IntegerField,
        serializers.JSONField,
    )
}

type Write = Callable[[Any, Any], Any]  # of the serializer and the row


class Plan(NamedTuple):
    """How rows are written: columns as they are, and everything else."""

    names: tuple[str, ...]  # of all fields, in order
    columns: tuple[str, ...]  # those that `read` returns
    read: Callable[[Any], tuple[Any, ...]]
    others: tuple[tuple[str, Write], ...]


# A ModelSerializer whose output is planned once for its class. It writes what DRF's would, but for
# times, which it leaves to JSON's encoder. (No docstring: the schema would show it to clients.)
class RowSerializer[M: Model](serializers.ModelSerializer[M]):
    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> Any:
        if args and type(args[0]) is list and kwargs.keys() <= {"many", "context"}:
            return Rows(cls(context=kwargs.get("context", {})), args[0])
        return super().many_init(*args, **kwargs)

    @cached_property
    def plan(self) -> Plan:
        parent = getattr(self.parent, "parent", None) or self.parent
        is_nested = not (parent is None or isinstance(parent, serializers.ListSerializer))
        return plan_of(type(self), None if is_nested else self.context.get("fields"))

    def to_representation(self, instance: M) -> dict[str, Any]:
        plan = self.plan
        if not plan.others:
            return dict(zip(plan.names, plan.read(instance), strict=True))
        row: dict[str, Any] = dict.fromkeys(plan.names)
        row.update(zip(plan.columns, plan.read(instance), strict=True))
        for name, write in plan.others:
            try:
                row[name] = write(self, instance)
            except SkipField:
                del row[name]
        return row


class Rows(NamedTuple):
    """What is left of a ListSerializer where rows are only written, and are there already."""

    serializer: RowSerializer[Any]
    rows: list[Any]

    @property
    def data(self) -> list[dict[str, Any]]:
        return [self.serializer.to_representation(row) for row in self.rows]


@lru_cache(maxsize=1_000)
def plan_of(serializer_class: type[RowSerializer[Any]], chosen: frozenset[str] | None) -> Plan:
    """Plan the fields of a class, or those of them that `?fields=` names."""
    fields = {
        name: field
        for name, field in serializer_class(context={"fields": chosen}).fields.items()
        if not field.write_only
    }
    columns = {
        name: str(field.source)
        for name, field in fields.items()
        if is_column(field, serializer_class.Meta.model)
    }
    return Plan(
        names=tuple(fields),
        columns=tuple(columns),
        read=reader(list(columns.values())),
        others=tuple((n, writer(field)) for n, field in fields.items() if n not in columns),
    )


def is_column(field: serializers.Field, model: type[Model]) -> bool:
    """Whether what it writes is what a column of the model holds."""
    if type(field).to_representation not in UNCHANGED:
        return False
    return any(field.source == column.attname for column in model._meta.concrete_fields)  # noqa: SLF001


def reader(sources: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that reads these attributes of a row."""
    if len(sources) > 1:
        return attrgetter(*sources)
    return lambda row: tuple(getattr(row, source) for source in sources)


def writer(field: serializers.Field) -> Write:
    """Return a function that writes any other field, as DRF does."""
    if isinstance(field, serializers.SerializerMethodField):
        method = str(field.method_name)
        return lambda serializer, row: getattr(serializer, method)(row)

    def write(serializer: Any, row: Any) -> Any:
        value = field.get_attribute(row)
        return None if value is None else field.to_representation(value)

    return write
