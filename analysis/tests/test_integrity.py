from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from analysis.tests.factories import make_analysis
from documents.models import Document
from documents.tests.factories import make_document


@pytest.fixture
def stored(alice, client_of):
    """A document with a file, an earlier version and an analysis; and one sent as text."""
    client = client_of(alice)
    file = SimpleUploadedFile("letter.txt", b"a letter" * 40_000)
    url = reverse("document-list")
    pk = client.post(url, {"file": file}, format="multipart").json()["id"]
    new = SimpleUploadedFile("letter.txt", b"another letter")
    client.put(reverse("document-file", args=[pk]), {"file": new}, format="multipart")
    document = Document.objects.get(pk=pk)
    make_document(alice)
    make_analysis(alice, document)
    return document


def verify(*arguments):
    output = StringIO()
    try:
        call_command("verify_integrity", *arguments, stdout=output)
    except CommandError as error:
        output.write(f"failed: {error}")
    return output.getvalue()


@pytest.mark.usefixtures("stored")
def test_what_the_service_stored_fits_together():
    assert verify().endswith("Everything fits together.\n")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE document_files SET data = 'x' WHERE version = 2", "has 1 bytes, and came with 14"),
        (
            "UPDATE document_files SET data = 'another LETTER' WHERE version = 2",
            "sha256 is another",
        ),
        ("DELETE FROM document_files WHERE version = 1 AND number = 1", "version 1 of document"),
        ("UPDATE documents SET content = 'y' WHERE version = 1", "version 1 of document"),
        ("UPDATE document_files SET version = 7 WHERE version = 2", "a version that there is not"),
        ("UPDATE document_usage SET bytes = 1", "is counted as"),
        ("DELETE FROM document_usage", "the usage of user"),
        ("DELETE FROM document_passages", "search does not find it"),
        (
            "UPDATE analyses SET status = 'succeeded', finished_at = now() - interval '1 day'",
            "succeeded without any answer",
        ),
        ("UPDATE analysis_results SET document_id = NULL", "about another document"),
        ("ALTER TABLE documents DISABLE TRIGGER held_documents_stay", "held_documents_stay is"),
        ("DROP INDEX documents_by_age", "documents_by_age of documents is missing"),
        (
            "ALTER TABLE analyses DROP CONSTRAINT analysis_finished_iff_ended",
            "analysis_finished_iff_ended of analyses is missing",
        ),
        (
            "ALTER TABLE documents ADD CONSTRAINT odd CHECK (id < 0) NOT VALID",
            "constraint odd of documents is not validated",
        ),
        (
            "DELETE FROM django_migrations WHERE app = 'documents'",
            "migration documents.0001_initial is not applied",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_the_command_fails(stored, statement, said):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)

    output = verify()

    assert said in output
    assert "failed: " in output


@pytest.mark.django_db(transaction=True)
def test_rows_that_lost_what_they_refer_to_are_named(stored):
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # as a careless restore does
        cursor.execute("DELETE FROM users")
        cursor.execute("SET session_replication_role = DEFAULT")

    assert "rows of documents refer to users" in verify()


@pytest.mark.parametrize(
    "statement", ["UPDATE document_usage SET bytes = 1", "DELETE FROM document_passages"]
)
def test_what_is_harmless_to_mend_is_mended(stored, statement):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)

    assert verify("--fix").endswith("Everything fits together.\n")
    assert "mended" not in verify()
