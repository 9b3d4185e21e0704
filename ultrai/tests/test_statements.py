"""Prepared statements that are run without a cursor behave like those that are run with one."""

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError

from accounts.models import User
from ultrai.compiled import KnownCursor, run_prepared
from ultrai.postgres.statements import Statements

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = "INSERT INTO users (email, username, hashed_password) VALUES (%s, '', '!') RETURNING id"
DIVIDE = "SELECT 6 / %s::int, %s::text, %s::text"


def no_cursor(_):
    raise AssertionError("a cursor was made")


def without_cursor(sql, params):
    """Run it; fail if a cursor has to."""
    statements = Statements.of(connection.connection, KnownCursor)
    usual, statements.make_cursor = statements.make_cursor, no_cursor
    try:
        return statements.run(sql, params)
    finally:
        statements.make_cursor = usual


def is_prepared(sql, params):
    try:
        without_cursor(sql, params)
    except AssertionError:
        return False
    return True


@pytest.fixture
def prepared(db):
    assert run_prepared(DIVIDE, [1, "a", None]) == [(6, "a", None)]
    assert without_cursor(DIVIDE, [1, "a", None]) == [(6, "a", None)]
    run_prepared(INSERT, ["zoe@example.com"])


def test_values_of_other_types_are_another_statement(prepared):
    assert without_cursor(DIVIDE, [2, None, "b"]) == [(3, None, "b")]
    assert not is_prepared(DIVIDE, ["2", None, "b"])
    assert run_prepared(DIVIDE, ["2", None, "b"]) == [(3, None, "b")]
    assert without_cursor(DIVIDE, ["2", "a", "b"]) == [(3, "a", "b")]


def test_errors_are_the_databases_own(prepared):
    with pytest.raises(DataError, match="division by zero"):
        run_prepared(DIVIDE, [0, "a", "b"])
    with pytest.raises(IntegrityError, match="duplicate key value"):
        run_prepared(INSERT, ["zoe@example.com"])
    assert run_prepared(DIVIDE, [2, "a", "b"]) == [(3, "a", "b")]


def test_the_first_statement_of_a_transaction_is_part_of_it(prepared):
    with transaction.atomic():
        run_prepared(INSERT, ["yann@example.com"])
        transaction.set_rollback(True)

    assert not User.objects.filter(email="yann@example.com").exists()


def test_nothing_runs_in_a_transaction_that_failed(prepared):
    with transaction.atomic():
        with pytest.raises(DataError), transaction.atomic(savepoint=False):
            run_prepared(DIVIDE, [0, "a", "b"])
        with pytest.raises(TransactionManagementError):
            run_prepared(DIVIDE, [1, "a", "b"])
        transaction.set_rollback(True)


def test_it_is_prepared_again_when_the_server_has_dropped_it(prepared):
    with transaction.atomic():
        connection.cursor().execute("SELECT 1")
        transaction.set_rollback(True)

    assert not is_prepared(DIVIDE, [2, "a", "b"])
    assert run_prepared(DIVIDE, [2, "a", "b"]) == [(3, "a", "b")]
    assert without_cursor(DIVIDE, [2, "a", "b"]) == [(3, "a", "b")]


def test_a_lost_connection_is_an_operational_error_and_the_next_one_works(prepared):
    other = connection.copy()
    try:
        pid = connection.connection.info.backend_pid
        other.cursor().execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(OperationalError):
            run_prepared(DIVIDE, [2, "a", "b"])
    finally:
        other.close()

    connection.close_if_unusable_or_obsolete()
    assert run_prepared(DIVIDE, [2, "a", "b"]) == [(3, "a", "b")]


def test_what_watches_queries_sees_it(prepared, django_assert_num_queries):
    seen = []

    def watch(execute, sql, *args):
        seen.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(watch), django_assert_num_queries(1):
        run_prepared(DIVIDE, [2, "a", "b"])

    assert seen == [DIVIDE]


def test_no_text_is_kept_with_the_connection(prepared):
    run_prepared(DIVIDE, [2, "a" * 1000, "b"])

    statements = Statements.of(connection.connection, KnownCursor)
    assert statements.known[DIVIDE].params is None
    assert statements.known[DIVIDE]._tx.pgresult is None
