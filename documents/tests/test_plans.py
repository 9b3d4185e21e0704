"""With 200,000 documents the database answers lists and searches from its indexes."""

import json
import re
from datetime import UTC, datetime

from django.db import connection
from django.urls import reverse

from accounts.models import User

SEED = """
INSERT INTO documents (user_id, filename, content, file_type, size_bytes, sha256, status,
                       error_code, page_count, word_count, created_at)
SELECT user_id, 'file ' || n || '.pdf', CASE WHEN is_read THEN 'text' END,
       CASE WHEN n %% 1200 = 0 THEN 'docx' ELSE 'pdf' END, n, md5(n::text),
       CASE WHEN is_read THEN 'ready' ELSE 'failed' END,
       CASE WHEN is_read THEN '' ELSE 'damaged' END, 1, 1,
       timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, 200000) AS n,
     LATERAL (
         SELECT CASE WHEN n %% 4 = 1 THEN %(much)s ELSE (%(few)s::bigint[])[1 + n %% 400] END
                    AS user_id, n %% 1000 > 0 AS is_read
     ) AS row;

INSERT INTO document_passages (user_id, document_id, number, page, text, vector)
SELECT user_id, id, 0, 1, text, to_tsvector('english', text)
FROM documents, LATERAL (
    SELECT 'Report ' || size_bytes || CASE WHEN size_bytes %% 2000 < 4 THEN ' kettle' ELSE '' END
           || CASE WHEN size_bytes %% 3000 < 4 THEN ' fence' ELSE '' END AS text
) AS passage;
ANALYZE documents; ANALYZE document_passages;
"""
LIST = reverse("document-list")
OF_DOCUMENTS = r'\s*(SELECT|WITH).* FROM "documents"'


def relations_and_indexes(plan):
    """Every way in which a plan reads a table: an index's name, or "Seq Scan on" the table."""
    if plan["Node Type"] == "Seq Scan":
        yield f"Seq Scan on {plan['Relation Name']}"
    elif "Index Name" in plan:
        yield plan["Index Name"]
    for part in plan.get("Plans", []):
        yield from relations_and_indexes(part)


def explained(client, url, *, is_generic=False):
    """The indexes of the request's own query on documents; generic: whatever its values are."""
    asked = []

    def note(execute, sql, params, many, context):
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        assert client.get(url).status_code == 200
    ((sql, params),) = [one for one in asked if re.match(OF_DOCUMENTS, one[0], re.DOTALL)]
    options = "FORMAT JSON"
    if is_generic:
        sql %= tuple(f"${number}" for number in range(1, len(params) + 1))
        options, params = f"{options}, GENERIC_PLAN", None
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({options}) {sql}", params)
        plan = cursor.fetchone()[0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return sorted(set(relations_and_indexes(plan[0]["Plan"])))


def test_lists_and_searches_use_the_indexes(alice, bob, client_of):
    others = User.objects.bulk_create(
        User(email=f"{n}@example.com", username="Other") for n in range(399)
    )
    with connection.cursor() as cursor:
        cursor.execute(SEED, {"much": bob.pk, "few": [alice.pk, *(user.pk for user in others)]})
    # Alice has 500 documents and Bob 50,000; where one has few, the database may look at them all.
    client = client_of(alice)
    next_page = client.get(LIST).json()["next"]
    next_by_name = client.get(LIST, {"ordering": "filename"}).json()["next"]
    month = datetime(2026, 5, 1, tzinfo=UTC).date()

    expected = {
        LIST: "documents_by_user",
        next_page: "documents_by_user",
        f"{LIST}?ordering=-created_at": "documents_by_created_at",
        f"{LIST}?ordering=created_at&created_after={month}": "documents_by_created_at",
        f"{LIST}?ordering=filename": "documents_by_filename",
        next_by_name: "documents_by_filename",
        f"{LIST}?ordering=-size": "documents_by_size",
        f"{LIST}?status=failed": "documents_failed_by_user",
        f"{LIST}?type=docx": "documents_by_type",
    }
    searches = {
        f"{LIST}?search=kettle": "document_passages_keys",
        f"{LIST}?search=kettle+fence": "document_passages_keys",
    }
    plans = {url: explained(client, url) for url in expected}
    plans |= {url: explained(client_of(bob), url) for url in searches}
    plans["one word"] = explained(client_of(bob), f"{LIST}?search=kettle", is_generic=True)
    expected |= searches | {"one word": "document_passages_keys"}

    assert {
        url: plan
        for url, plan in plans.items()
        if expected[url] not in plan or any("Seq Scan" in step for step in plan)
    } == {}
