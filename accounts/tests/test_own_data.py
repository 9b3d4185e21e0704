import io
import json
import zipfile

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tokens import make_personal_access_token
from analysis.tests.factories import make_analysis
from conftest import PASSWORD
from documents.models import Document
from documents.tests.factories import make_document

ME, EXPORT = reverse("auth-me"), reverse("auth-export")


@pytest.fixture
def belongings(alice, client_of):
    """Something in every table that a user can fill."""
    client = client_of(alice)
    file = SimpleUploadedFile("letter.txt", b"Alice's letter")
    client.post(reverse("document-list"), {"file": file}, format="multipart")
    written = make_document(alice, filename="notes.md", content="Alice's notes")
    make_analysis(
        user=alice,
        document=written,
        prompt="Alice's question",
        models=["builtin:summary", "builtin:quotes"],
        mode="synthesis",
    )
    make_personal_access_token(user=alice, name="Alice's script", scopes=["read"], expires_at=None)
    client.post(reverse("password-reset"), {"email": alice.email})
    webhook = {"url": "https://alice.example.com/", "description": "Alice's receiver"}
    hook = client.post(reverse("webhook-list"), webhook).json()
    client.post(reverse("webhook-test", args=[hook["id"]]))
    return client


def everything_in_the_database():
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [f"{table}: {row}" for (row,) in cursor.fetchall()]
    return rows


def test_the_profile_can_be_changed(alice, client_of):
    response = client_of(alice).patch(ME, {"username": "Alice B."})

    assert response.status_code == 200
    assert response.json()["username"] == "Alice B."


def test_a_new_email_needs_the_password_and_tells_the_old_address(
    alice, client_of, run_jobs, mailoutbox
):
    client, new = client_of(alice), {"email": "New@Example.com"}

    assert client.patch(ME, new).status_code == 403
    assert client.patch(ME, new | {"current_password": "wrong"}).status_code == 403
    response = client.patch(ME, new | {"current_password": PASSWORD})
    run_jobs()

    assert response.json()["email"] == "new@example.com"
    assert [message.to for message in mailoutbox] == [["alice@example.com"]]


def test_the_email_of_another_user_is_refused(alice, bob, client_of):
    body = {"email": "BOB@example.com", "current_password": PASSWORD}

    response = client_of(alice).patch(ME, body)

    assert (response.status_code, response.json()["code"]) == (400, "email_taken")


def test_what_a_user_is_cannot_be_changed_by_the_user(alice, client_of):
    client_of(alice).patch(
        ME, {"is_staff": True, "is_superuser": True, "id": 7, "is_active": False}
    )

    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser, alice.is_active) == (False, False, True)


def test_the_export_has_everything_and_nothing_of_others(alice, bob, belongings):
    make_document(bob, content="Bob's secret")

    response = belongings.get(EXPORT)

    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    uploaded, written = Document.objects.filter(user=alice).order_by("pk")
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == sorted(
        [
            "analyses.jsonl",
            f"documents/{uploaded.pk}.json",
            f"documents/{written.pk}.json",
            f"originals/{uploaded.pk}-letter.txt",
            "personal_access_tokens.jsonl",
            "profile.json",
            "results.jsonl",
            "sessions.jsonl",
            "webhook_deliveries.jsonl",
            "webhooks.jsonl",
        ]
    )
    assert json.loads(archive.read("profile.json"))["email"] == alice.email
    assert json.loads(archive.read(f"documents/{written.pk}.json"))["content"] == "Alice's notes"
    assert archive.read(f"originals/{uploaded.pk}-letter.txt") == b"Alice's letter"
    assert len(archive.read("results.jsonl").splitlines()) == 3
    assert b'"reserved_usd":"0.00000000"' in archive.read("analyses.jsonl")  # not 0E-8
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Bob's secret" not in everything
    assert b"argon2" not in everything
    assert b"Alice's receiver" in archive.read("webhooks.jsonl")
    assert json.loads(archive.read("webhook_deliveries.jsonl"))["event"] == "webhook.test"
    assert b"salt" not in everything


def test_erasing_needs_the_password(alice, belongings):
    assert belongings.delete(ME, {}).status_code == 400
    assert belongings.delete(ME, {"password": "wrong"}).status_code == 403
    assert User.objects.filter(pk=alice.pk).exists()


def test_erasing_leaves_nothing_and_says_what_it_was(alice, bob, client_of, belongings):
    make_document(bob, content="Bob's own")

    response = belongings.delete(ME, {"password": PASSWORD})

    assert response.status_code == 200
    assert response.json() == {
        "erased": {
            "users": 1,
            "user_sessions": 1,
            "personal_access_tokens": 1,
            "documents": 2,
            "document_files": 1,
            "document_passages": 2,
            "document_usage": 1,
            "budgets": 1,
            "analyses": 1,
            "analysis_results": 3,
            "webhook_endpoints": 1,
            "webhook_deliveries": 1,
            "procrastinate_jobs": 1,
        }
    }
    left = everything_in_the_database()
    assert [row for row in left if "alice" in row.lower()] == []
    assert any("Bob's own" in row for row in left)
    assert belongings.get(ME).status_code == 401


def test_erasing_a_member_of_staff_takes_log_entries_and_browser_sessions_along(alice, client_of):
    alice.is_staff = True
    alice.save()
    browser = Client()
    browser.login(username=alice.email, password=PASSWORD)
    LogEntry.objects.log_actions(alice.pk, [alice], ADDITION, "x", single_object=True)

    erased = client_of(alice).delete(ME, {"password": PASSWORD}).json()["erased"]

    assert (erased["django_admin_log"], erased["django_session"]) == (1, 1)
    assert [row for row in everything_in_the_database() if "alice" in row.lower()] == []


def test_the_receipt_counts_rows_of_a_table_once_however_they_hang_on_the_user(
    alice, client_of, belongings, django_assert_max_num_queries
):
    with django_assert_max_num_queries(30):
        erased = belongings.delete(ME, {"password": PASSWORD}).json()["erased"]

    assert erased["analysis_results"] == 3  # by user, by analysis, by document: the same three
