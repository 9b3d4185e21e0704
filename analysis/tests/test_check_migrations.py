import pytest

from analysis.management.commands.check_migrations import violations


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("CREATE INDEX a ON documents (id);", "require-concurrent-index-creation"),
        ("ALTER TABLE documents DROP COLUMN a;", "ban-drop-column"),
        ("ALTER TABLE documents ADD CONSTRAINT a CHECK (id > 0);", "constraint-missing-not-valid"),
        ("ALTER TABLE documents ALTER COLUMN a TYPE bigint;", "changing-column-type"),
    ],
)
def test_what_locks_a_table_or_takes_away_what_runs_is_found(sql, rule):
    assert violations(sql) == [rule]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY a ON documents (id);",
        "ALTER TABLE documents ADD COLUMN a text;",
        "ALTER TABLE documents ADD CONSTRAINT a CHECK (id > 0) NOT VALID;",
        "BEGIN; CREATE TABLE a (b bigint); CREATE INDEX c ON a (b); COMMIT;",
    ],
)
def test_what_does_not_is_let_pass(sql):
    assert violations(sql) == []
