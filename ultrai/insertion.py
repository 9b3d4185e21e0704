"""Rows that are inserted one at a time, by SQL that is written once for each choice of columns."""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db import connections, models
from django.db.models.expressions import DatabaseDefault

from ultrai.compiled import PreparingCursor, answers, is_plain_json, read_json


class Insertion(NamedTuple):
    sql: str
    json: tuple[int, ...]  # which of the columns that come back are JSON


_insertions: dict[Hashable, Insertion | None] = {}


def insert(
    row: models.Model, using: str, fields: Sequence[Any], returning: Sequence[Any]
) -> list[list[Any]] | None:
    """Insert a row; return what the database made of `returning`. None: that is left to Django."""
    connection: Any = connections[using]
    values = [(field, field.pre_save(row, add=True)) for field in fields]
    given = [pair for pair in values if type(pair[1]) is not DatabaseDefault]
    if connection.queries_logged or any(hasattr(v, "resolve_expression") for _, v in given):
        return None
    key = using, type(row), tuple([field.attname for field, _ in given]), len(returning)
    if key not in _insertions:
        _insertions[key] = compose(connection, type(row), [f for f, _ in given], returning)
    insertion = _insertions[key]
    if insertion is None:
        return None
    params = [field.get_db_prep_save(value, connection) for field, value in given]
    rows = [list(one) for one in answers(connection, PreparingCursor, insertion.sql, params)]
    for returned in rows:
        for place in insertion.json:
            returned[place] = read_json(returned[place])
    return rows


def compose(
    connection: Any, model: type[models.Model], given: Sequence[Any], returning: Sequence[Any]
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
    sql = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(marks)})"  # noqa: S608  names of ours
    if returning:
        sql += " RETURNING " + ", ".join(quote(field.column) for field in returning)
    return Insertion(sql, json)


def placeholder(field: Any, connection: Any) -> str | None:
    """Return what stands for the field's value in SQL; None: that depends on the value."""
    if type(field) is ArrayField and not hasattr(field.base_field, "get_placeholder_sql"):
        return f"%s::{field.db_type(connection)}"
    return None if hasattr(field, "get_placeholder_sql") else "%s"
