"""Queries whose SQL is written once for each shape.

Writing the SQL of a lookup takes longer than PostgreSQL takes to answer it, and it is the same SQL
each time but for its values. Here it is kept by the query's shape: its model, its conditions
without their values, its order and limits. What no shape describes (conditions on joined tables,
aggregates, subqueries, ...) is written anew each time, as ever.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from itertools import chain
from json import JSONDecoder
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.postgresql.base import TIMESTAMPTZ_OID, ServerBindingCursor
from django.db.backends.postgresql.psycopg_any import get_adapters_template
from django.db.models import BooleanField, Func, JSONField, Q, Value, lookups
from django.db.models.expressions import Col
from django.db.models.fields import related_lookups
from django.db.models.functions import Left
from django.db.models.query import DEFAULT_FETCH_MODE, RelatedPopulator, get_related_populators
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.constants import MULTI
from django.db.models.sql.where import WhereNode
from psycopg import adapters
from psycopg.adapt import AdaptersMap
from psycopg.pq import Format

from ultrai.postgres.statements import Statements

MOST_SHAPES = 1_000  # then they are forgotten, and found out anew
# Of a query's state these make its SQL ...
TELLING = frozenset(
    {
        "default_ordering",
        "distinct",
        "extra_order_by",
        "high_mark",
        "low_mark",
        "order_by",
        "standard_ordering",
    }
)
# ... these are looked at one by one, or follow from the others. Whatever else there is must be as
# in a query that was just made.
KNOWN = frozenset(
    {
        "_annotation_select_cache",
        "_lookup_joins",
        "alias_map",
        "alias_refcount",
        "annotations",
        "base_table",
        "deferred_loading",
        "filter_is_sticky",
        "model",
        "select_related",
        "table_map",
        "used_aliases",
        "where",
    }
)
PRISTINE = {**vars(Query), **vars(Query(None))}
# Values that need no more than their column's own conversion.
PLAIN = {date, datetime, int, str, UUID}
# Comparisons of a column with values, which all have the same SQL.
COMPARISONS = frozenset(
    kind
    for module in (lookups, related_lookups)
    for name, kind in vars(module).items()
    if name.endswith(("Exact", "LessThan", "GreaterThan", "OrEqual", "In")) and name != "IExact"
)

# Without the checks for what may follow.
JSON_AT: Callable[[str, int], tuple[Any, int]] = JSONDecoder().scan_once  # type: ignore[attr-defined]


class Shapeless(Exception):
    """The query has something that a shape does not describe."""


class RowComparison(Func):
    """`(a, b) < (x, y)`: one condition that a multi-column index can follow."""

    output_field = BooleanField()

    def __init__(self, left: Sequence[Any], operator: str, right: Sequence[Any]) -> None:
        super().__init__(*left, *right)
        self.operator = operator

    def as_sql(  # type: ignore[override]  # without Func's template
        self, compiler: Any, connection: Any, **_: Any
    ) -> tuple[str, tuple[Any, ...]]:
        compiled = [compiler.compile(expression) for expression in self.get_source_expressions()]
        half = len(compiled) // 2
        left, right = (
            ", ".join(sql for sql, _ in part) for part in (compiled[:half], compiled[half:])
        )
        params = tuple(value for _, values in compiled for value in values)
        return f"({left}) {self.operator} ({right})", params


class Shape:
    """What a query's SQL depends on, and the values that it does not depend on."""

    def __init__(self, query: Query, connection: Any) -> None:
        self.connection = connection
        self.values: list[Any] = []
        self.is_steady = True  # whatever the values, one plan will do: no ranges but of pages
        self.key: Hashable = (query.model, *self.state(query), *self.conditions(query.where))

    def state(self, query: Query) -> list[Any]:
        if sum(map(bool, query.alias_refcount.values())) > 1:
            raise Shapeless  # conditions on joined tables
        names, is_deferred = query.deferred_loading
        key: list[Any] = [repr(query.select_related), frozenset(names), is_deferred]
        for name, value in vars(query).items():
            if name in TELLING:
                key += name, value
            elif name not in KNOWN and value != PRISTINE.get(name, Shapeless):
                raise Shapeless
        for name, expression in query.annotations.items():
            key += name, self.constant(expression)
        return key

    def constant(self, expression: Any) -> Any:
        """An annotation: a function whose arguments stay the same."""
        if type(expression) is not Left:
            raise Shapeless
        column, length = expression.get_source_expressions()
        if type(column) is not Col or type(length) is not Value:
            raise Shapeless
        return column.target, length.value

    def conditions(self, node: WhereNode) -> list[Any]:
        key: list[Any] = [node.connector, node.negated]
        for child in node.children:
            if type(child) is WhereNode:
                key.append(tuple(self.conditions(child)))
            elif type(child) in COMPARISONS:
                key += type(child), self.comparison(child)
            else:
                raise Shapeless
        return key

    def comparison(self, lookup: Any) -> Any:
        left, right = lookup.lhs, lookup.rhs
        if type(left) is RowComparison and right is True:
            return left.operator, tuple(map(self.part, left.get_source_expressions()))
        if type(left) is not Col or isinstance(right, bool) or hasattr(right, "as_sql"):
            raise Shapeless
        sql, values = lookup.process_rhs(None, self.connection)
        self.values += values
        self.is_steady &= isinstance(lookup, lookups.Exact)
        return left.target, sql

    def part(self, expression: Any) -> Any:
        if type(expression) is Col:
            return expression.target
        if type(expression) is not Value or expression.value is None:
            raise Shapeless
        field = expression.output_field
        self.values.append(field.get_db_prep_value(expression.value, self.connection))
        return type(field)


class Statement(NamedTuple):
    """SQL that was written, with the compiler that wrote it and knows what its rows mean."""

    sql: str
    params: tuple[Any, ...]
    compiler: SQLCompiler
    converters: dict[int, tuple[list[Any], Any]]
    is_steady: bool
    names: tuple[str, ...]  # of a row's own columns, which come first
    related: list[RelatedPopulator]  # for the columns of the rows that are joined

    @classmethod
    def of(cls, query: Query, using: str, *, is_steady: bool = True) -> Self:
        compiler = Query.get_compiler(query, using)
        sql, params = compiler.as_sql()
        columns: list[Any] = [column for column, _, _ in compiler.select[: compiler.col_count]]
        if compiler.has_composite_fields(columns):
            raise Shapeless
        converters = compiler.get_converters(columns)
        for converted, column in converters.values():
            if is_plain_json(column.target):
                converted[:] = [read_json]
        kind: Any = compiler.klass_info
        if kind is None or kind["select_fields"] != list(range(len(kind["select_fields"]))):
            raise Shapeless  # no rows of the model, or none whose columns come first
        names = tuple(column.target.attname for column in columns[: len(kind["select_fields"])])
        related = get_related_populators(kind, compiler.select, using, DEFAULT_FETCH_MODE)
        return cls(sql, tuple(params), compiler, converters, is_steady, names, related)

    def bound(self, params: tuple[Any, ...]) -> "BoundCompiler":
        compiler = BoundCompiler.__new__(BoundCompiler)
        vars(compiler).update(vars(self.compiler))
        compiler.connection = connections[self.compiler.using or "default"]  # this thread's
        compiler.statement, compiler.params = self, params
        return compiler


# Django's, but that times are read by the driver's C code alone. Its sessions are in UTC, so what
# the driver makes of them is in UTC without Django's replacing the zone in each.
READ_TIME: Any = adapters.get_loader(TIMESTAMPTZ_OID, Format.TEXT)
ADAPTERS = AdaptersMap(get_adapters_template(True, UTC))
ADAPTERS.register_loader(TIMESTAMPTZ_OID, READ_TIME)


class KnownCursor(ServerBindingCursor):
    """Runs SQL that is known, and has one set of adapters with all others of its kind."""

    adapters = ADAPTERS


def answers(
    connection: Any, sql: str, params: Any, *, is_steady: bool = True
) -> list[tuple[Any, ...]]:
    """Run SQL that answers with rows, return them.

    Of steady SQL the server keeps the plan: planning a lookup takes it longer than looking up.
    """
    connection.ensure_connection()
    if is_steady and not connection.queries_logged:
        return prepared_answers(connection, sql, params)
    with connection.wrap_database_errors:
        cursor = KnownCursor(connection.connection)  # type: ignore[call-arg]  # not in the stubs
    with connection._prepare_cursor(cursor) as prepared:  # noqa: SLF001  as connection.cursor()
        prepared.execute(sql, params)
        rows: list[tuple[Any, ...]] = prepared.fetchall()
        return rows


def prepared_answers(connection: Any, sql: str, params: Any) -> list[tuple[Any, ...]]:
    """What Django's cursors look after, without one."""
    connection.validate_thread_sharing()
    statements = Statements.of(connection.connection, KnownCursor)

    def execute(sql: str, params: Any, many: bool, context: Any) -> list[tuple[Any, ...]]:
        connection.validate_no_broken_transaction()
        with connection.wrap_database_errors:
            return statements.run(sql, params)

    run: Callable[..., list[tuple[Any, ...]]] = execute
    for wrapper in reversed(connection.execute_wrappers):
        run = partial(wrapper, run)
    return run(sql, params, False, {"connection": connection, "cursor": statements.cursor})


def run_prepared(
    sql: str, params: Sequence[Any] | Mapping[str, Any], using: str = DEFAULT_DB_ALIAS
) -> list[tuple[Any, ...]]:
    """Run SQL that is always the same but for its values, and answers with rows."""
    return answers(connections[using], sql, params)


def is_plain_json(field: Any) -> bool:
    return type(field) is JSONField and field.decoder is None


def read_json(value: str | None, *_: Any) -> Any:
    """What JSONField makes of JSONB, which PostgreSQL writes without white space around it."""
    return None if value is None else JSON_AT(value, 0)[0]


class BoundCompiler(SQLCompiler):
    """Runs a statement with other values."""

    statement: Statement
    params: tuple[Any, ...]

    def as_sql(self, with_limits: bool = True, with_col_aliases: bool = False) -> Any:
        if with_limits and not with_col_aliases:
            return self.statement.sql, self.params
        return super().as_sql(with_limits, with_col_aliases)  # part of another query

    def execute_sql(
        self, result_type: Any = MULTI, chunked_fetch: bool = False, chunk_size: int = 100
    ) -> Any:
        connection: Any = self.connection
        if result_type != MULTI or chunked_fetch or connection.queries_logged:
            return super().execute_sql(result_type, chunked_fetch, chunk_size)
        statement = self.statement
        return [answers(connection, statement.sql, self.params, is_steady=statement.is_steady)]

    def results_iter(self, results: Any = None, *args: Any, **options: Any) -> Any:
        if results is None or args or options:
            return super().results_iter(results, *args, **options)
        rows = chain.from_iterable(results)
        converters = self.statement.converters
        return self.apply_converters(rows, converters) if converters else rows

    def get_converters(self, expressions: Any) -> Any:
        return self.statement.converters


class ShapedQuery(Query):
    statements: dict[Hashable, Statement | None] = {}

    def add_q(self, q_object: Q, reuse_all: bool = False) -> None:
        """Add conditions. That columns of the table are equal to values is said without ado."""
        found = self.equalities(q_object)
        if found is None:
            super().add_q(q_object, reuse_all)
        else:
            self.where.children += found

    def equalities(self, q_object: Q) -> list[Any] | None:
        """Return the lookups that Django would make of these conditions; None: ask it."""
        if q_object.connector != Q.AND or q_object.negated or self.combinator:
            return None
        found = []
        children: Any = q_object.children
        for child in children:
            if type(child) is Q:
                if (inner := self.equalities(child)) is None:
                    return None
                found += inner
                continue
            field = column_of(self.model, child[0]) if type(child) is tuple else None
            if field is None:
                return None
            value = child[1]
            if field.is_relation and isinstance(value, field.related_model):
                value = getattr(value, field.target_field.attname)
            if type(value) not in PLAIN:
                return None
            column = field.get_col(self.get_initial_alias(), field)
            found.append(lookups.Exact(column, value))
        return found

    def get_compiler(
        self, using: str | None = None, connection: Any = None, elide_empty: bool = True
    ) -> SQLCompiler:
        if using is not None and connection is None and elide_empty:
            try:
                shape = Shape(self, connections[using])
                statement = self.statement_for(shape, using)
            except (Shapeless, EmptyResultSet, FullResultSet, TypeError):
                statement = None
            if statement is not None:
                fixed = statement.params[: len(statement.params) - len(shape.values)]
                return statement.bound((*fixed, *shape.values))
        compiler: SQLCompiler = super().get_compiler(using, connection, elide_empty)
        return compiler

    def statement_for(self, shape: Shape, using: str) -> Statement | None:
        key = using, shape.key
        if key not in self.statements:
            if len(set(map(repr, shape.values))) < len(shape.values):
                return None  # equal values could stand for each other: other calls will tell
            if len(self.statements) >= MOST_SHAPES:
                self.statements.clear()
            statement = Statement.of(self.clone(), using, is_steady=shape.is_steady)
            # What the shape takes for the values has to be what the compiler takes for them.
            start = len(statement.params) - len(shape.values)
            is_understood = statement.params[start:] == tuple(shape.values)
            self.statements[key] = statement if is_understood else None
        return self.statements[key]


@lru_cache(maxsize=1_000)
def column_of(model: type[models.Model], name: str) -> Any:
    """Return the field of the model's own table that a condition names, if that is all it says."""
    name = name.removesuffix("__exact")
    for field in model._meta.local_concrete_fields:  # noqa: SLF001  its public name
        if name in {field.name, field.attname} or (name == "pk" and field.primary_key):
            return field
    return None
