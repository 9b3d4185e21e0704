import io
import random
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import docx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse

from documents.models import Document, DocumentUsage, FilePart
from documents.storage import PART_BYTES, read_file
from documents.tests.factories import make_document, make_pdf

LIST = reverse("document-list")


def upload(client, *files):
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post(LIST, {"file": sent}, format="multipart")


def test_several_files_are_accepted_or_refused_each_on_its_own(alice, client_of, settings):
    settings.MAX_UPLOAD_BYTES = 1024

    response = upload(
        client_of(alice),
        ("a.txt", b"One."),
        ("b.exe", b"\x7fELF\x02\x01\x01" + bytes(100)),
        ("c.txt", b"c" * 2000),
        ("d.txt", b"One."),
        ("e.pdf", make_pdf("text")[:1000]),
    )

    results = response.json()["results"]
    assert response.status_code == 201
    assert [(r["filename"], r["status"]) for r in results] == [
        ("a.txt", 201),
        ("b.exe", 415),
        ("c.txt", 413),
        ("d.txt", 200),
        ("e.pdf", 201),
    ]
    assert [r["problem"] and r["problem"]["code"] for r in results] == [
        None,
        "unsupported_file_type",
        "payload_too_large",
        None,
        None,
    ]
    assert [r["document"] and r["document"]["duplicate"] for r in results] == [
        False,
        None,
        None,
        True,
        False,
    ]
    assert results[3]["document"]["id"] == results[0]["document"]["id"]
    assert sorted(Document.objects.values_list("filename", flat=True)) == ["a.txt", "e.pdf"]


def test_several_files_of_which_none_is_stored_are_200(alice, client_of):
    response = upload(
        client_of(alice), ("a.exe", b"\x7fELF" + bytes(9)), ("b.exe", b"MZ" + bytes(99))
    )

    assert response.status_code == 200
    assert [r["status"] for r in response.json()["results"]] == [415, 415]


def test_one_file_over_the_limit_is_413_and_nothing_stays(alice, client_of, settings):
    settings.MAX_UPLOAD_BYTES = 3 * 1024 * 1024

    response = upload(client_of(alice), ("a.txt", b"x" * (3 * 1024 * 1024 + 1)))

    assert response.status_code == 413
    assert response.json()["detail"] == "A file may have 3 MiB (3,145,728 bytes)."
    assert not Document.objects.exists()
    assert not FilePart.objects.exists()


def test_a_request_over_the_limit_is_413_before_it_is_read(alice, client_of, settings):
    settings.MAX_REQUEST_BYTES = 1024 * 1024

    response = upload(client_of(alice), ("a.txt", b"x" * 600_000), ("b.txt", b"y" * 600_000))

    assert response.status_code == 413
    assert response.json()["detail"] == "A request may have 1 MiB (1,048,576 bytes)."


def test_too_many_files_are_413(alice, client_of, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2

    response = upload(client_of(alice), *((f"{n}.txt", b"%d" % n) for n in range(3)))

    assert response.status_code == 413
    assert response.json()["detail"] == "A request may have 2 files."


def test_no_file_is_400(alice, client_of):
    response = client_of(alice).post(LIST, {"name": "x"}, format="multipart")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["file"]


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_bytes_are_kept_in_parts(alice, client_of, size):
    data = b"a" * size

    created = upload(client_of(alice), ("a.txt", data)).json()

    parts = FilePart.objects.filter(document=created["id"]).order_by("number")
    assert [part.number for part in parts] == list(range(max(1, -(-size // PART_BYTES))))
    assert b"".join(read_file(created["id"], 1)) == data


def test_large_plain_text_is_read_by_the_worker(alice, client_of, run_jobs):
    text = "line of text\n" * 100_000

    created = upload(client_of(alice), ("a.txt", text.encode())).json()
    run_jobs()

    assert created["status"] == "pending"
    document = Document.objects.get()
    assert (document.status, document.file_type, document.content) == ("ready", "txt", text)


def test_a_large_container_is_recognised_by_its_directory_at_the_end(alice, client_of):
    file, word = io.BytesIO(), docx.Document()
    word.save(file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("word/media/picture.png", random.Random(1).randbytes(2_000_000))

    created = upload(client_of(alice), ("a.docx", file.getvalue())).json()
    refused = upload(client_of(alice), ("b.docx", b"PK\x03\x04" + bytes(2_000_000)))

    assert created["file_type"] == "docx"
    assert refused.status_code == 415


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("A\u0308rger.txt", "Ärger.txt"),  # decomposed, as macOS sends it
        ("Screenshot 10.30\u202fAM.txt", "Screenshot 10.30 AM.txt"),
        ("invoice\u202etxt.exe", "invoicetxt.exe"),
        ("\u2066a\u2069.txt", "a.txt"),
        ("\u0645\u06cc\u200c\u062e.txt", "\u0645\u06cc\u200c\u062e.txt"),  # Persian
        ("con", "_con"),
        ("Nul.txt", "_Nul.txt"),
        ("console.txt", "console.txt"),
        ("a\nb\x00.txt".replace("\x00", ""), "ab.txt"),
        ('What? A: "b".txt', 'What? A: "b".txt'),
        ("...hidden", "hidden"),
        ("\u200d", "document"),
    ],
)
def test_file_names(alice, client_of, sent, stored):
    created = client_of(alice).post(LIST, {"filename": sent, "content": "text"}).json()

    assert created["filename"] == stored


def usage():
    return DocumentUsage.objects.values_list("documents", "bytes").get()


def test_usage_follows_what_is_there(alice, client_of):
    client = client_of(alice)
    created = upload(client, ("a.txt", b"12345")).json()
    make_document(alice, content="123")
    assert usage() == (2, 8)

    client.delete(reverse("document-detail", args=[created["id"]]))

    assert usage() == (1, 3)


@pytest.mark.parametrize("text", [True, False])
def test_the_quota_of_documents_is_507_with_the_figures(alice, client_of, settings, text):
    settings.QUOTA_DOCUMENTS = 1
    make_document(alice)
    client = client_of(alice)

    if text:
        response = client.post(LIST, {"filename": "b.txt", "content": "b"})
    else:
        response = upload(client, ("b.txt", b"b"))

    assert (response.status_code, response.json()["code"]) == (507, "quota_exceeded")
    assert response.json()["detail"].startswith("You have 1 of 1 documents.")


def test_the_quota_of_bytes_is_507_with_the_figures(alice, client_of, settings):
    settings.QUOTA_BYTES = 10
    make_document(alice, content="12345678")

    response = upload(client_of(alice), ("b.txt", b"abc"))

    assert response.status_code == 507
    assert "take 8 of 10 bytes, and this one has 3" in response.json()["detail"]
    assert Document.objects.count() == 1


def test_a_duplicate_needs_no_quota(alice, client_of, settings):
    make_document(alice, content="same")
    settings.QUOTA_DOCUMENTS = 1

    assert upload(client_of(alice), ("b.txt", b"same")).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("text", [True, False])
def test_uploads_at_once_do_not_exceed_the_quota(alice, client_of, settings, text):
    settings.QUOTA_BYTES = 1000
    clients = [client_of(alice) for _ in range(6)]
    start = threading.Barrier(6)

    def post(number):
        start.wait()
        try:
            name, content = f"{number}.txt", f"{number}" * 300
            if text:
                body = {"filename": name, "content": content}
                return clients[number].post(LIST, body).status_code
            return upload(clients[number], (name, content.encode())).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(post, range(6)))

    assert sorted(statuses) == [201] * 3 + [507] * 3
    assert usage() == (3, 900)
