import subprocess
import sys

import pytest
from django.db import connection

from ultrai.tests.test_settings import COMPLETE, ROOT

# As the schema was ordered: name, type, whether NULL was ruled out.
ORDERED = {
    "users": [
        ("id", "bigint", True),
        ("email", "character varying(255)", True),
        ("username", "character varying(100)", True),
        ("hashed_password", "character varying(255)", True),
        ("created_at", "timestamp with time zone", None),
        ("updated_at", "timestamp with time zone", None),
    ],
    "documents": [
        ("id", "bigint", True),
        ("user_id", "bigint", None),
        ("filename", "character varying(255)", True),
        ("content", "text", False),
        ("file_type", "character varying(50)", False),
        ("created_at", "timestamp with time zone", None),
    ],
    "analysis_results": [
        ("id", "bigint", True),
        ("document_id", "bigint", False),
        ("llm_provider", "character varying(50)", None),
        ("prompt", "text", None),
        ("response", "text", False),
        ("parameters", "jsonb", None),
        ("created_at", "timestamp with time zone", None),
    ],
}


@pytest.mark.django_db
@pytest.mark.parametrize("table", ORDERED)
def test_the_ordered_columns_stand_in_the_database(table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0",
            [table],
        )
        columns = {name: (kind, is_not_null) for name, kind, is_not_null in cursor.fetchall()}

    for name, kind, is_not_null in ORDERED[table]:
        assert columns[name] == (kind, columns[name][1] if is_not_null is None else is_not_null)


@pytest.mark.django_db
def test_foreign_keys_delete_in_the_database_and_have_an_index():
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.conrelid::regclass::text, a.attname, c.confdeltype = 'c',
                   EXISTS (SELECT FROM pg_index i
                           WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])
            FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            WHERE c.contype = 'f' AND c.conrelid::regclass::text = ANY(%s) ORDER BY 1, 2
            """,
            [
                [
                    "user_sessions",
                    "documents",
                    "document_files",
                    "analyses",
                    "analysis_results",
                    "webhook_endpoints",
                    "webhook_deliveries",
                ]
            ],
        )
        keys = cursor.fetchall()

    assert keys == [
        ("analyses", "document_id", True, True),
        ("analyses", "user_id", True, True),
        ("analysis_results", "analysis_id", True, True),
        ("analysis_results", "document_id", True, True),
        ("analysis_results", "user_id", True, True),
        ("document_files", "document_id", True, True),
        ("documents", "user_id", True, True),
        ("user_sessions", "user_id", True, True),
        ("webhook_deliveries", "endpoint_id", True, True),
        ("webhook_endpoints", "user_id", True, True),
    ]


def test_the_web_process_imports_no_provider_sdk_and_no_reader():
    heavy = {"pydantic_ai", "openai", "anthropic", "google.genai", "pypdfium2", "pypdf"}
    code = (
        "import sys, ultrai.wsgi; from django.urls import get_resolver;"
        f"get_resolver().url_patterns; print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=COMPLETE, capture_output=True, text=True
    )

    assert done.stdout == "[]\n", done.stderr
