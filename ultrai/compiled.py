"""Querysets whose SQL is written once for each shape, and rows that are made quickly.

Writing the SQL of a lookup takes longer than PostgreSQL takes to answer it, and it is the same SQL
each time but for its values. Here it is kept by the query's shape: its model, its conditions
without their values, its order and limits. What no shape describes (conditions on joined tables,
aggregates, subqueries, ...) is written anew each time, as ever.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple, Self

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connections, models
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import BooleanField, Expression, Func, QuerySet, Value, lookups
from django.db.models.base import ModelState
from django.db.models.expressions import Col
from django.db.models.fields import related_lookups
from django.db.models.functions import Left
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.constants import MULTI
from django.db.models.sql.where import WhereNode

MOST_SHAPES = 1_000  # then they are forgotten, and found out anew
# Of a query's state these make its SQL ...
TELLING = frozenset(
    {
        "default_ordering",
        "deferred_loading",
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
        "filter_is_sticky",
        "model",
        "select_related",
        "table_map",
        "used_aliases",
        "where",
    }
)
PRISTINE = {**vars(Query), **vars(Query(None))}
# Comparisons of a column with values, which all have the same SQL.
COMPARISONS = frozenset(
    kind
    for module in (lookups, related_lookups)
    for name, kind in vars(module).items()
    if name.endswith(("Exact", "LessThan", "GreaterThan", "OrEqual", "In")) and name != "IExact"
)


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
        key: list[Any] = [repr(query.select_related)]
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
    converters: dict[int, Any]
    cursor: type[ServerBindingCursor]

    @classmethod
    def of(cls, query: Query, using: str, *, is_steady: bool = True) -> Self:
        compiler = Query.get_compiler(query, using)
        sql, params = compiler.as_sql()
        columns = [column for column, _, _ in compiler.select[: compiler.col_count]]
        if compiler.has_composite_fields(columns):
            raise Shapeless
        converters = compiler.get_converters(columns)
        cursor = PreparingCursor if is_steady else ServerBindingCursor
        return cls(sql, tuple(params), compiler, converters, cursor)

    def bound(self, params: tuple[Any, ...]) -> "BoundCompiler":
        compiler = BoundCompiler.__new__(BoundCompiler)
        vars(compiler).update(vars(self.compiler))
        compiler.connection = connections[self.compiler.using or "default"]  # this thread's
        compiler.statement, compiler.params = self, params
        return compiler


class PreparingCursor(ServerBindingCursor):
    """Has the server keep the plan, too: planning a lookup takes it longer than looking up."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        return super().execute(query, params, prepare=True, **options)  # type: ignore[misc]


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
        connection.ensure_connection()
        with connection.wrap_database_errors:
            make_cursor: Any = self.statement.cursor
            cursor = make_cursor(connection.connection)
        with connection._prepare_cursor(cursor) as prepared:  # noqa: SLF001  as connection.cursor()
            prepared.execute(self.statement.sql, self.params)
            return [prepared.fetchall()]

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


class ShapedQuerySet[M: models.Model](QuerySet[M]):
    def __init__(
        self, model: type[M] | None = None, query: Query | None = None, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(model, query or ShapedQuery(model), *args, **kwargs)


class Parameter(Expression):
    """A value that each call brings, fit for the database as it is: no field converts it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


class Prepared[M: models.Model]:
    """`Prepared(lambda: Session.objects.filter(pk=Parameter("pk")))`, then `.first(pk=1)`.

    Composed at the first call: while modules are imported there is no database yet.
    """

    def __init__(self, compose: Callable[[], QuerySet[M]]) -> None:
        self.compose = compose

    @cached_property
    def queryset(self) -> QuerySet[M]:
        return self.compose()

    @cached_property
    def statement(self) -> Statement:
        return Statement.of(self.queryset.query, self.queryset.db)

    def first(self, **values: Any) -> M | None:
        """Return the first row with these values."""
        params = [values[p.name] if isinstance(p, Parameter) else p for p in self.statement.params]
        bound = PreparedQuery(self.statement, tuple(params))
        return next(iter(QuerySet(self.queryset.model, bound)), None)


class PreparedQuery(Query):
    def __init__(self, statement: Statement, params: tuple[Any, ...]) -> None:
        self.statement, self.params = statement, params

    def get_compiler(self, *_: Any, **__: Any) -> BoundCompiler:
        return self.statement.bound(self.params)


class QuickRow:
    """For models: rows as the database gives them, without all that Model.__init__ looks after."""

    @classmethod
    def from_db(
        cls,
        db: str | None,
        field_names: Collection[str],
        values: Collection[Any],
        *,
        fetch_mode: Any = None,
    ) -> Self:
        row = cls.__new__(cls)
        # Columns that were not read are missing, which is how Django knows deferred ones.
        vars(row).update(zip(field_names, values, strict=True))
        vars(row)["_state"] = state = ModelState()
        state.adding, state.db = False, db
        if fetch_mode is not None:
            state.fetch_mode = fetch_mode
        return row
