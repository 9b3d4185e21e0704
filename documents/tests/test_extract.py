import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from documents.models import Document, Passage
from documents.tests.factories import make_document, make_pdf

LIST = reverse("document-list")


def upload(client, *pages):
    file = SimpleUploadedFile("a.pdf", make_pdf(*pages))
    return client.post(LIST, {"file": file}, format="multipart").json()["id"]


def extract(client, document_id):
    return client.post(reverse("document-extract", args=[document_id]))


@pytest.fixture
def read(alice, client_of, run_jobs):
    """A PDF of Alice's that was read, by an old extractor and with another text."""
    document_id = upload(client_of(alice), "A kettle.")
    run_jobs()
    metadata = {"extractor": "pypdfium2 1.0.0"}
    Document.objects.filter(pk=document_id).update(content="Old text.", metadata=metadata)
    return document_id


def test_the_old_text_stays_until_the_new_one_is_there(alice, client_of, read, run_jobs):
    client = client_of(alice)

    response = extract(client, read)

    queued = Document.objects.get()
    assert (response.status_code, response.json()["status"]) == (202, "ready")
    assert response.json()["extraction_requested_at"] is not None
    assert (queued.status, queued.content) == ("ready", "Old text.")
    run_jobs()
    after = Document.objects.get()
    assert (after.content, after.extraction_requested_at) == ("A kettle.", None)
    assert after.metadata["extractor"] != "pypdfium2 1.0.0"
    assert Passage.objects.get().text == "A kettle."


def test_a_text_that_cannot_be_read_again_stays_with_the_reason(alice, client_of, read, run_jobs):
    document = Document.objects.get()
    document.file_parts.update(data=b"%PDF-1.7 broken meanwhile")

    extract(client_of(alice), read)
    run_jobs()

    after = Document.objects.get()
    assert (after.status, after.content, after.error_code) == ("ready", "Old text.", "")
    assert after.metadata["extraction_error"]["code"] == "damaged"
    assert after.extraction_requested_at is None


def test_a_failed_document_is_pending_again(alice, client_of, read, run_jobs):
    Document.objects.update(status="failed", content=None, error_code="timeout", error="Slow.")

    response = extract(client_of(alice), read)
    run_jobs()

    assert (response.json()["status"], response.json()["error_code"]) == ("pending", "")
    assert Document.objects.get().content == "A kettle."


def test_asking_twice_queues_one_job(alice, client_of):
    client = client_of(alice)
    pending = upload(client, "text")

    assert [extract(client, pending).status_code for _ in range(2)] == [202, 202]
    assert ProcrastinateJob.objects.count() == 1


def test_a_document_sent_as_text_is_409(alice, client_of):
    response = extract(client_of(alice), make_document(alice).pk)

    assert response.status_code == 409
    assert response.json()["code"] == "nothing_to_extract"


@pytest.fixture
def command(capsys):
    def command(*options):
        call_command("extract_documents", *options)
        return capsys.readouterr().out

    return command


def test_the_command_reads_what_an_older_extractor_made(alice, client_of, read, command, run_jobs):
    upload(client_of(alice), "Another.")
    run_jobs()
    make_document(alice)  # sent as text: no extractor

    assert "1  pdf   pypdfium2 1.0.0 (older)" in command("--list")
    assert command() == "1 documents are going to be read again.\n"
    assert ProcrastinateJob.objects.get().priority < 0
    run_jobs()
    assert Document.objects.get(pk=read).content == "A kettle."
    assert command() == "0 documents are going to be read again.\n"


def test_the_command_takes_a_type(read, command):
    assert command("--type", "docx") == "0 documents are going to be read again.\n"
    assert command("--type", "pdf") == "1 documents are going to be read again.\n"


def test_the_command_reads_what_failed_when_asked(read, command):
    Document.objects.update(status="failed", content=None, error_code="timeout", metadata={})

    assert command() == "0 documents are going to be read again.\n"
    assert command("--failed") == "1 documents are going to be read again.\n"
    assert Document.objects.get().status == "pending"


def test_plain_text_that_was_just_uploaded_is_up_to_date(alice, client_of, command):
    file = SimpleUploadedFile("a.txt", b"text")
    client_of(alice).post(LIST, {"file": file}, format="multipart")

    assert command() == "0 documents are going to be read again.\n"
