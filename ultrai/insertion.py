"""Rows that are inserted by SQL that is written once for each choice of columns."""

from collections.abc import Hashable, Sequence
from itertools import compress
from typing import Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import connections
from django.db.models import CharField, Field, Model, TextField
from django.db.models.expressions import DatabaseDefault

from ultrai.compiled import answers, is_plain_json, read_json

TEXTS = {CharField, TextField}  # what is a str already goes in as it is


class Insertion(NamedTuple):
    sql: str
    json: tuple[int, ...]  # which of the columns that come back are JSON


_insertions: dict[Hashable, Insertion | None] = {}


def insert(
    row: Model, using: str, fields: Sequence[Any], returning: Sequence[Any]
) -> list[Any] | None:
    """Insert a row; return what the database made of `returning`.

    None: that is left to Django.
    """
    connection: Any = connections[using]
    if connection.queries_logged:
        return None
    values = values_of(row, fields)
    is_given = [type(value) is not DatabaseDefault for value in values]
    given = list(compress(fields, is_given))
    key = using, type(row), tuple([field.attname for field in given]), len(returning)
    if key not in _insertions:
        _insertions[key] = compose(connection, type(row), given, returning)
    insertion = _insertions[key]
    own = list(compress(values, is_given))
    if insertion is None or any(hasattr(value, "resolve_expression") for value in own):
        return None
    params = [
        value
        if value is None or (type(value) is str and type(field) in TEXTS)
        else field.get_db_prep_save(value, connection)
        for field, value in zip(given, own, strict=True)
    ]
    (inserted,) = answers(connection, insertion.sql, params)
    returned = list(inserted)
    for place in insertion.json:
        returned[place] = read_json(returned[place])
    return returned


def values_of(row: Model, fields: Sequence[Any]) -> list[Any]:
    """Return what the row has for each field; as Django does it, but without asking each field."""
    return [
        getattr(row, field.attname)
        if type(field).pre_save is Field.pre_save
        else field.pre_save(row, add=True)
        for field in fields
    ]


def compose(
    connection: Any, model: type[Model], given: Sequence[Any], returning: Sequence[Any]
) -> Insertion | None:
    """Write the SQL, if the values go in and come back as the driver has them, or are JSON."""
    marks = [mark for field in given if (mark := placeholder(field, connection))]
    if not given or not returning or len(marks) < len(given):
        return None
    json = tuple(place for place, field in enumerate(returning) if is_plain_json(field))
    for place, field in enumerate(returning):
        converters = connection.ops.get_db_converters(field.cached_col)
        if place not in json and converters + field.get_db_converters(connection):
            return None
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in given)
    table = quote(model._meta.db_table)  # noqa: SLF001  its public name
    names = ", ".join(quote(field.column) for field in returning)
    into = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(marks)})"  # noqa: S608  of ours
    return Insertion(f"{into} RETURNING {names}", json)


def placeholder(field: Any, connection: Any) -> str | None:
    """Return what stands for the field's value in SQL; None: that depends on the value."""
    if type(field) is ArrayField and not hasattr(field.base_field, "get_placeholder_sql"):
        return f"%s::{field.db_type(connection)}"
    return None if hasattr(field, "get_placeholder_sql") else "%s"
