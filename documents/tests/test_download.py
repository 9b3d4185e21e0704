import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from documents.storage import PART_BYTES
from documents.tests.factories import make_document

# Three parts, the last one short; no two parts alike.
DATA = b"%PDF-1.7\n" + bytes(n * 7 % 251 for n in range(PART_BYTES * 2 + 1000))


@pytest.fixture
def download(alice, client_of):
    """Ask for a stored file of three parts, with headers."""
    client = client_of(alice)
    file = SimpleUploadedFile("a.pdf", DATA)
    created = client.post(reverse("document-list"), {"file": file}, format="multipart").json()
    url = reverse("document-file", args=[created["id"]])
    return lambda method="get", **headers: getattr(client, method)(url, headers=headers)


def test_the_whole_file(download):
    response = download()

    assert response.getvalue() == DATA
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Length"] == str(len(DATA))


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-1000000000", 5, len(DATA)),
        (f"bytes={PART_BYTES - 1}-{PART_BYTES}", PART_BYTES - 1, PART_BYTES + 1),
        (f"bytes={PART_BYTES}-{2 * PART_BYTES - 1}", PART_BYTES, 2 * PART_BYTES),
        (f"bytes={2 * PART_BYTES + 10}-", 2 * PART_BYTES + 10, len(DATA)),
        ("bytes=-7", len(DATA) - 7, len(DATA)),
        (f"bytes=-{len(DATA) * 2}", 0, len(DATA)),
    ],
)
def test_a_range(download, asked, start, stop):
    response = download(Range=asked)

    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert response["Content-Length"] == str(stop - start)
    assert response.getvalue() == DATA[start:stop]


@pytest.mark.parametrize("asked", [f"bytes={len(DATA)}-", "bytes=-0", f"bytes={'9' * 18}-"])
def test_a_range_outside_the_file_is_416(download, asked):
    response = download(Range=asked)

    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(DATA)}"
    assert response.json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("asked", ["bytes=9-3", "bytes=-", "bytes=0-1,5-6", "lines=1-2", "garbage"])
def test_what_is_not_one_range_of_bytes_is_the_whole_file(download, asked):
    response = download(Range=asked)

    assert (response.status_code, response.getvalue()) == (200, DATA)


def test_a_known_file_is_304(download):
    etag = download()["ETag"]

    response = download(**{"If-None-Match": etag})

    assert (response.status_code, response.content) == (304, b"")
    assert download(**{"If-None-Match": '"other"'}).status_code == 200
    assert download(**{"If-Match": '"other"'}).status_code == 412


def test_a_range_of_another_file_is_the_whole_of_this_one(download):
    etag = download()["ETag"]

    assert download(**{"Range": "bytes=0-0", "If-Range": etag}).status_code == 206
    assert download(**{"Range": "bytes=0-0", "If-Range": '"other"'}).status_code == 200
    assert (
        download(**{"Range": "bytes=0-0", "If-Range": "Sun, 22 Nov 2026 10:00:00 GMT"}).status_code
        == 200
    )


def test_head_has_the_headers_and_no_bytes(download):
    response = download("head", Range="bytes=0-0")

    assert (response.status_code, response.getvalue()) == (200, b"")
    assert response["Content-Length"] == str(len(DATA))
    assert response["Content-Type"] == "application/pdf"


def test_a_range_reads_only_the_parts_it_needs(download, django_assert_num_queries):
    with django_assert_num_queries(4):  # session, document, is there a file, one part
        download(Range="bytes=0-9").getvalue()


def test_a_range_of_a_document_sent_as_json(alice, client_of):
    document = make_document(alice, content="Grüße")

    response = client_of(alice).get(
        reverse("document-file", args=[document.pk]), headers={"Range": "bytes=2-3"}
    )

    assert response.getvalue() == "ü".encode()


def test_an_empty_file_is_empty(alice, client_of):
    client = client_of(alice)
    file = SimpleUploadedFile("a.txt", b"")
    created = client.post(reverse("document-list"), {"file": file}, format="multipart").json()

    response = client.get(reverse("document-file", args=[created["id"]]))

    assert (response.status_code, response.getvalue()) == (200, b"")
