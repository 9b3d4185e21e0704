import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from documents.export import exported_documents
from documents.models import Document, DocumentUsage, DocumentVersion, FilePart, Passage
from documents.tests.factories import make_document, make_pdf


def url(name, *args):
    return reverse(f"document-{name}", args=args)


def replace(client, document_id, name, data):
    file = SimpleUploadedFile(name, data)
    return client.put(url("file", document_id), {"file": file}, format="multipart")


@pytest.fixture
def client(alice, client_of):
    return client_of(alice)


@pytest.fixture
def replaced(client):
    """A document whose first file was replaced by another."""
    file = SimpleUploadedFile("first.txt", b"First text.")
    created = client.post(url("list"), {"file": file}, format="multipart").json()
    assert replace(client, created["id"], "second.md", b"# Second").status_code == 200
    return created["id"]


def test_a_new_file_becomes_the_document(client, replaced):
    body = client.get(url("detail", replaced)).json()

    assert (body["filename"], body["file_type"], body["version"]) == ("second.md", "md", 2)
    assert (body["status"], body["content"], body["size_bytes"]) == ("ready", "# Second", 8)
    assert client.get(url("file", replaced)).getvalue() == b"# Second"
    assert [p.text for p in Passage.objects.all()] == ["# Second"]


def test_the_earlier_version_stays_readable(client, replaced):
    (listed,) = client.get(url("versions", replaced)).json()["results"]
    version = client.get(url("version", replaced, 1)).json()
    file = client.get(url("version-file", replaced, 1))

    assert (listed["number"], listed["filename"]) == (1, "first.txt")
    assert version == listed | {"content": "First text."}
    assert file.getvalue() == b"First text."
    assert "first.txt" in file["Content-Disposition"]
    assert file["ETag"] == f'"{version["sha256"]}"'


def test_the_current_version_is_the_document(client, replaced):
    version = client.get(url("version", replaced, 2)).json()

    assert (version["content"], version["replaced_at"]) == ("# Second", None)
    assert client.get(url("version-file", replaced, 2)).getvalue() == b"# Second"
    assert client.get(url("version", replaced, 3)).status_code == 404


def test_versions_come_newest_first_in_pages(client, replaced):
    for number in range(3, 6):
        replace(client, replaced, f"{number}.txt", b"%d" % number)

    first = client.get(url("versions", replaced), {"limit": 3}).json()
    second = client.get(first["next"]).json()

    assert [v["number"] for v in first["results"]] == [4, 3, 2]
    assert [v["number"] for v in second["results"]] == [1]


def test_a_version_can_be_deleted_with_its_bytes(client, replaced):
    assert client.delete(url("version", replaced, 1)).status_code == 204

    assert client.get(url("version", replaced, 1)).status_code == 404
    assert set(FilePart.objects.values_list("version", flat=True)) == {2}
    assert DocumentUsage.objects.values_list("documents", "bytes").get() == (1, 8)


def test_the_current_version_cannot_be_deleted(client, replaced):
    response = client.delete(url("version", replaced, 2))

    assert (response.status_code, response.json()["code"]) == (409, "current_version")
    assert Document.objects.get().content == "# Second"


def test_deleting_the_document_deletes_its_versions(client, replaced):
    client.delete(url("detail", replaced))

    assert not DocumentVersion.objects.exists()
    assert not FilePart.objects.exists()
    assert DocumentUsage.objects.values_list("documents", "bytes").get() == (0, 0)


def test_versions_count_as_bytes_not_as_documents(client, replaced, settings):
    assert DocumentUsage.objects.values_list("documents", "bytes").get() == (1, 19)
    settings.QUOTA_DOCUMENTS, settings.QUOTA_BYTES = 1, 20

    refused = replace(client, replaced, "c.txt", b"xx")

    assert refused.status_code == 507
    assert replace(client, replaced, "c.txt", b"x").status_code == 200


def test_the_same_bytes_change_nothing(client, replaced):
    response = replace(client, replaced, "other name.md", b"# Second")

    assert (response.status_code, response.json()["version"]) == (200, 2)
    assert response.json()["filename"] == "second.md"
    assert DocumentVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"\x7fELF" + bytes(100), 415, "unsupported_file_type"),
        (b"x" * 20, 413, "payload_too_large"),
    ],
)
def test_a_file_that_is_refused_leaves_the_document(client, replaced, settings, data, status, code):
    settings.MAX_UPLOAD_BYTES = 19 if status == 413 else 1000

    response = replace(client, replaced, "c.txt", data)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert Document.objects.get().version == 2


def test_a_document_sent_as_json_keeps_its_text_as_a_version(alice, client):
    document = make_document(alice, content="As text.")

    replace(client, document.pk, "b.txt", b"As a file.")

    assert client.get(url("version", document.pk, 1)).json()["content"] == "As text."
    assert client.get(url("version-file", document.pk, 1)).getvalue() == b"As text."


def test_a_job_for_the_earlier_file_reads_the_new_one(client, run_jobs):
    file = SimpleUploadedFile("a.pdf", make_pdf("Earlier."))
    created = client.post(url("list"), {"file": file}, format="multipart").json()

    answer = replace(client, created["id"], "b.pdf", make_pdf("Later.")).json()
    run_jobs()

    document = Document.objects.get()
    version = client.get(url("version", created["id"], 1)).json()
    assert (answer["status"], document.content) == ("pending", "Later.")
    assert (version["status"], version["error_code"]) == ("failed", "replaced")


def test_a_text_that_comes_late_does_not_overwrite_the_new_file(alice, client, run_jobs):
    document = make_document(alice)
    Document.objects.update(status="pending", content=None)
    document.refresh_from_db()
    replace(client, document.pk, "b.txt", b"New.")

    assert document.fail_extraction("timeout", "Slow.") is False
    assert Document.objects.get().content == "New."


def test_versions_are_in_the_export(alice, replaced):
    files = {name: b"".join(content) for name, content in exported_documents(alice)}

    assert files[f"originals/{replaced}-second.md"] == b"# Second"
    assert files[f"originals/versions/{replaced}-1-first.txt"] == b"First text."
    assert json.loads(files[f"versions/{replaced}-1.json"])["content"] == "First text."


def test_versions_of_others_are_404(bob, client_of, replaced):
    client = client_of(bob)

    assert client.get(url("versions", replaced)).status_code == 404
    assert client.get(url("version", replaced, 1)).status_code == 404
    assert client.get(url("version-file", replaced, 1)).status_code == 404
    assert client.delete(url("version", replaced, 1)).status_code == 404
    assert replace(client, replaced, "c.txt", b"mine now").status_code == 404
