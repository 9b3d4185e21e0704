"""Rows that are inserted a few at once, by SQL that is written once for each choice of columns."""

from collections.abc import Hashable, Sequence
from itertools import compress
from typing import Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import connections
from django.db.models import CharField, Field, Model, TextField
from django.db.models.expressions import DatabaseDefault

from ultrai.compiled import PreparingCursor, answers, is_plain_json, read_json

MOST_ROWS = 25  # each number of rows is a statement of its own, whose plan the server keeps
TEXTS = {CharField, TextField}  # what is a str already goes in as it is


class Insertion(NamedTuple):
    sql: str  # up to the rows' values
    row: str  # what stands for the values of one
    returning: str
    json: tuple[int, ...]  # which of the columns that come back are JSON


_insertions: dict[Hashable, Insertion | None] = {}


def insert(
    rows: Sequence[Model], using: str, fields: Sequence[Any], returning: Sequence[Any]
) -> list[list[Any]] | None:
    """Insert rows of one model; return what the database made of `returning`, for each of them.

    None: that is left to Django.
    """
    connection: Any = connections[using]
    if connection.queries_logged or len(rows) > MOST_ROWS:
        return None
    values = [values_of(row, fields) for row in rows]
    is_given = [type(value) is not DatabaseDefault for value in values[0]]
    given = list(compress(fields, is_given))
    key = using, type(rows[0]), tuple([field.attname for field in given]), len(returning)
    if key not in _insertions:
        _insertions[key] = compose(connection, type(rows[0]), given, returning)
    insertion = _insertions[key]
    if insertion is None:
        return None
    params: list[Any] = []
    for row in values:
        if [type(value) is not DatabaseDefault for value in row] != is_given:
            return None
        own = list(compress(row, is_given))
        if any(hasattr(value, "resolve_expression") for value in own):
            return None
        params += [
            value
            if value is None or (type(value) is str and type(field) in TEXTS)
            else field.get_db_prep_save(value, connection)
            for field, value in zip(given, own, strict=True)
        ]
    marks = ", ".join([insertion.row] * len(rows))
    sql = f"{insertion.sql} {marks} {insertion.returning}"
    inserted = [list(row) for row in answers(connection, PreparingCursor, sql, params)]
    for returned in inserted:
        for place in insertion.json:
            returned[place] = read_json(returned[place])
    return inserted


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
    sql = f"INSERT INTO {table} ({columns}) VALUES"
    names = ", ".join(quote(field.column) for field in returning)
    return Insertion(sql, f"({', '.join(marks)})", f"RETURNING {names}", json)


def placeholder(field: Any, connection: Any) -> str | None:
    """Return what stands for the field's value in SQL; None: that depends on the value."""
    if type(field) is ArrayField and not hasattr(field.base_field, "get_placeholder_sql"):
        return f"%s::{field.db_type(connection)}"
    return None if hasattr(field, "get_placeholder_sql") else "%s"
