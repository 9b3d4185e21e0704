import hashlib
import io

import docx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from documents.models import Document, FilePart
from documents.tests.factories import make_document, make_pdf

LIST = reverse("document-list")


def detail(document_id):
    return reverse("document-detail", args=[document_id])


def upload(client, name, data):
    return client.post(LIST, {"file": SimpleUploadedFile(name, data)}, format="multipart")


def test_a_document_sent_as_json_is_ready_at_once(alice, client_of):
    response = client_of(alice).post(LIST, {"filename": "a.md", "content": "# Title\n\nText."})

    document = Document.objects.get()
    assert response.status_code == 201
    assert response["Location"].endswith(detail(document.pk))
    assert response.json() == {
        "id": document.pk,
        "filename": "a.md",
        "file_type": "md",
        "size_bytes": 14,
        "sha256": hashlib.sha256(b"# Title\n\nText.").hexdigest(),
        "status": "ready",
        "error_code": "",
        "error": "",
        "page_count": None,
        "word_count": 3,
        "metadata": {},
        "created_at": document.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": document.updated_at.isoformat().replace("+00:00", "Z"),
        "version": 1,
        "extraction_requested_at": None,
        "delete_after": None,
        "legal_hold_at": None,
        "duplicate": False,
    }


def test_detail_has_the_content_and_the_list_has_not(alice, client_of):
    document = make_document(alice, content="All of it.")

    assert client_of(alice).get(detail(document.pk)).json()["content"] == "All of it."
    assert "content" not in client_of(alice).get(LIST).json()["results"][0]


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", "Grüße\r\nan alle".encode(), "Grüße\nan alle"),
        ("b.md", "# Überschrift".encode("utf-16"), "# Überschrift"),
        ("c.txt", b"caf\xe9 cr\xe8me", "café crème"),
        ("d.txt", b"with an \x1b escape", "with an  escape"),
    ],
)
def test_uploaded_text_is_ready_at_once(alice, client_of, name, data, text):
    body = upload(client_of(alice), name, data).json()

    assert (body["status"], body["filename"]) == ("ready", name)
    assert Document.objects.get().content == text
    assert bytes(FilePart.objects.get().data) == data


def test_an_uploaded_pdf_is_read_by_the_worker(alice, client_of, run_jobs):
    created = upload(client_of(alice), "two.pdf", make_pdf("First page.", "Second page.")).json()
    run_jobs()

    body = client_of(alice).get(detail(created["id"])).json()
    assert (created["status"], created["file_type"]) == ("pending", "pdf")
    assert (body["status"], body["page_count"], body["word_count"]) == ("ready", 2, 4)
    assert body["content"] == "First page.\fSecond page."


def test_an_uploaded_docx_is_read_by_the_worker(alice, client_of, run_jobs):
    file, word = io.BytesIO(), docx.Document()
    word.add_heading("Plan", level=1)
    word.add_paragraph("Paint the fence.")
    word.save(file)

    created = upload(client_of(alice), "plan.docx", file.getvalue()).json()
    run_jobs()

    body = client_of(alice).get(detail(created["id"])).json()
    assert body["content"] == "# Plan\n\nPaint the fence."


def test_a_file_that_cannot_be_read_says_why_in_plain_words(alice, client_of, run_jobs):
    created = upload(client_of(alice), "broken.pdf", b"%PDF-1.7\nnothing of the kind").json()
    run_jobs()

    body = client_of(alice).get(detail(created["id"])).json()
    assert (body["status"], body["error_code"], body["content"]) == ("failed", "damaged", None)
    assert "damaged" in body["error"]


def test_what_is_no_document_is_415_and_stores_nothing(alice, client_of):
    response = upload(client_of(alice), "program.pdf", b"\x7fELF\x02\x01\x01" + bytes(100))

    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_file_type"
    assert not Document.objects.exists()
    assert not ProcrastinateJob.objects.exists()


def test_a_file_over_the_limit_is_413_with_the_limit(alice, client_of, settings):
    settings.MAX_UPLOAD_BYTES = 1024 * 1024

    response = upload(client_of(alice), "big.txt", b"x" * (1024 * 1024 + 20_000))

    assert response.status_code == 413
    assert response.json()["detail"] == "A file may have 1 MiB (1,048,576 bytes)."


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\docs\\Übersicht 2026.txt", "Übersicht 2026.txt"),
        ("a\x07b\u202e.txt", "ab.txt"),
        (" .. ", "document"),
        ("x" * 255, "x" * 255),
    ],
)
def test_file_names_are_made_safe_and_stay_readable(alice, client_of, sent, stored):
    client_of(alice).post(LIST, {"filename": sent, "content": "text"})

    assert Document.objects.get().filename == stored


def test_a_long_uploaded_name_keeps_its_ending(alice, client_of):
    upload(client_of(alice), "n" * 400 + ".txt", b"text")

    name = Document.objects.get().filename
    assert (len(name), name[-5:]) == (255, "n.txt")


def test_rename_changes_the_name_and_nothing_else(alice, client_of):
    document = make_document(alice)

    response = client_of(alice).patch(
        detail(document.pk), {"filename": "new.txt", "status": "failed", "sha256": "0"}
    )

    assert response.status_code == 200
    after = Document.objects.get()
    assert (after.filename, after.status, after.sha256) == ("new.txt", "ready", document.sha256)


def test_a_document_cannot_change_hands(alice, bob, client_of):
    document = make_document(alice)

    client_of(alice).patch(detail(document.pk), {"user": bob.pk, "user_id": bob.pk})

    document.refresh_from_db()
    assert document.user == alice


def test_delete_removes_the_row_and_the_bytes(alice, client_of):
    created = upload(client_of(alice), "a.txt", b"text").json()

    response = client_of(alice).delete(detail(created["id"]))

    assert response.status_code == 204
    assert (Document.objects.count(), FilePart.objects.count()) == (0, 0)


def test_download_returns_the_original_bytes_as_an_attachment(alice, client_of):
    data = make_pdf("Hello.")
    created = upload(client_of(alice), "Über uns.pdf", data).json()

    response = client_of(alice).get(reverse("document-file", args=[created["id"]]))

    assert response.getvalue() == data
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == ("attachment; filename*=utf-8''%C3%9Cber%20uns.pdf")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"'


def test_download_of_a_document_sent_as_json_returns_its_text(alice, client_of):
    document = make_document(alice, content="Grüße")

    response = client_of(alice).get(reverse("document-file", args=[document.pk]))

    assert response.getvalue() == "Grüße".encode()


def test_list_shows_only_my_documents_newest_first(alice, bob, client_of):
    first, second = make_document(alice), make_document(alice)
    make_document(bob)

    body = client_of(alice).get(LIST).json()

    assert [row["id"] for row in body["results"]] == [second.pk, first.pk]


def test_pages_follow_each_other_to_the_end(alice, client_of):
    expected = [make_document(alice).pk for _ in range(5)][::-1]
    client, seen, url = client_of(alice), [], LIST + "?limit=2"
    while url:
        page = client.get(url).json()
        seen.append([row["id"] for row in page["results"]])
        url = page["next"]

    assert seen == [expected[:2], expected[2:4], expected[4:]]


def test_list_costs_two_queries_and_never_reads_content(
    alice, client_of, django_assert_num_queries
):
    for _ in range(3):
        make_document(alice)
    client = client_of(alice)

    with django_assert_num_queries(2) as captured:  # the session, the page
        client.get(LIST)

    assert '"documents"."content"' not in captured.captured_queries[1]["sql"]


def test_the_job_disappears_with_its_document(alice, client_of, run_jobs):
    created = upload(client_of(alice), "a.pdf", make_pdf("text")).json()
    Document.objects.all().delete()
    run_jobs()

    assert created["status"] == "pending"
    assert not ProcrastinateJob.objects.filter(task_name="documents.extract").exists()
