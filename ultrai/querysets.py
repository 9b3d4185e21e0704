"""Querysets of compiled queries, and rows that are made of their answers quickly."""

from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import Any, Self

from django.db import models
from django.db.models import Expression, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import DEFAULT_FETCH_MODE, ModelIterable
from django.db.models.sql import Query

from ultrai.compiled import BoundCompiler, ShapedQuery, Statement
from ultrai.insertion import insert


class QuickIterable(ModelIterable):
    """Makes the rows of a statement that is known, without finding out anew what is in them."""

    def __iter__(self) -> Iterator[Any]:
        queryset: Any = self.queryset
        compiler = queryset.query.get_compiler(using=queryset.db)
        is_usual = (
            type(compiler) is BoundCompiler
            and not self.chunked_fetch
            and not queryset._known_related_objects  # noqa: SLF001  as ModelIterable does
            and queryset._fetch_mode is DEFAULT_FETCH_MODE  # noqa: SLF001
        )
        return rows_of(compiler, queryset.model) if is_usual else super().__iter__()


def rows_of[M: models.Model](compiler: BoundCompiler, model: type[M]) -> Iterator[M]:
    """Run the statement; make of its answer the rows of the model."""
    names, related = compiler.statement.names, compiler.statement.related
    annotations = (compiler.annotation_col_map or {}).items()
    make, db, width = model.from_db, compiler.using, len(names)
    for values in compiler.results_iter(compiler.execute_sql()):
        row = make(db, names, values[:width])
        for name, place in annotations:
            setattr(row, name, values[place])
        for populator in related:
            populator.populate(values, row)
        yield row


class ShapedQuerySet[M: models.Model](QuerySet[M]):
    def __init__(
        self, model: type[M] | None = None, query: Query | None = None, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(model, query or ShapedQuery(model), *args, **kwargs)
        self._iterable_class = QuickIterable

    def compiled(self) -> BoundCompiler:
        """Return the SQL with its values, known or not, for other SQL to be made of it."""
        compiler = self.query.get_compiler(using=self.db)
        if isinstance(compiler, BoundCompiler):
            return compiler
        statement = Statement.of(self.query.clone(), self.db)
        return statement.bound(statement.params)


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
        return next(rows_of(self.statement.bound(tuple(params)), self.queryset.model), None)


class StoredState:
    """The state of a row that is in the database: Django's, but that nothing is called when it is
    dropped. What it holds is dropped along with it."""

    db: str | None
    adding = False
    fields_cache: Any = ModelState.fields_cache
    fetch_mode: Any = ModelState.fetch_mode
    peers: tuple[Any, ...] = ()
    __getstate__ = ModelState.__getstate__


class QuickRow:
    """For models: rows as the database gives them, without all that Model.__init__ looks after; and
    inserted by SQL that is there already."""

    @classmethod
    def from_db(
        cls,
        db: str | None,
        field_names: Collection[str],
        values: Collection[Any],
        *,
        fetch_mode: Any = None,
    ) -> Self:
        state = StoredState()
        state.db = db
        if fetch_mode is not None:
            state.fetch_mode = fetch_mode
        row = cls.__new__(cls)
        # Columns that were not read are missing, which is how Django knows deferred ones.
        row.__dict__ = attributes = dict(zip(field_names, values, strict=True))
        attributes["_state"] = state
        return row

    def _do_insert(
        self, manager: Any, using: str, fields: Any, returning_fields: Any, raw: bool
    ) -> Any:
        inserted = None if raw else insert(self, using, fields, returning_fields)  # type: ignore[arg-type]
        if inserted is not None:
            return [inserted]
        return super()._do_insert(manager, using, fields, returning_fields, raw)  # type: ignore[misc]
