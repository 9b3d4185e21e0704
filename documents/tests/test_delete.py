import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from documents.models import Document, DocumentUsage, DocumentVersion, FilePart, Passage
from documents.tests.factories import make_document

BULK = reverse("document-bulk-delete")


def test_bulk_delete_deletes_mine_and_names_what_is_not(alice, bob, client_of):
    mine = [make_document(alice).pk for _ in range(3)]
    his = make_document(bob).pk

    response = client_of(alice).post(BULK, {"ids": [mine[2], his, mine[0], mine[0], 2**62]})

    assert response.status_code == 200
    assert response.json() == {"deleted": [mine[0], mine[2]], "not_found": [his, 2**62]}
    assert set(Document.objects.values_list("pk", flat=True)) == {mine[1], his}


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": ["x"]}, {"ids": [0]}, {"ids": [2**63]}, {"ids": [1] * 1001}]
)
def test_a_body_that_makes_no_sense_is_400(alice, client_of, body):
    response = client_of(alice).post(BULK, body)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["ids"]


def test_deleting_costs_no_query_a_document(alice, client_of, django_assert_num_queries):
    ids = [make_document(alice).pk for _ in range(5)]
    client = client_of(alice)

    with django_assert_num_queries(5):  # session, begin, lock, delete, commit
        client.post(BULK, {"ids": ids})


def test_nothing_of_a_document_stays(alice, client_of):
    client = client_of(alice)
    file = SimpleUploadedFile("a.txt", b"One.")
    created = client.post(reverse("document-list"), {"file": file}, format="multipart").json()
    client.put(
        reverse("document-file", args=[created["id"]]),
        {"file": SimpleUploadedFile("b.txt", b"Two.")},
        format="multipart",
    )

    client.post(BULK, {"ids": [created["id"]]})

    left = [m.objects.count() for m in (Document, DocumentVersion, FilePart, Passage)]
    assert left == [0, 0, 0, 0]
    assert DocumentUsage.objects.values_list("documents", "bytes").get() == (0, 0)
