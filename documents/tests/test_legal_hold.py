from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from analysis.models import Analysis
from analysis.tests.factories import make_analysis
from conftest import PASSWORD
from documents.models import Document
from documents.tests.factories import make_document


@pytest.fixture
def held(alice):
    document = make_document(alice)
    make_analysis(alice, document)
    assert document.hold("Case 4711")
    return document


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["document-detail", "analysis-detail"])
def test_what_is_held_cannot_be_deleted_until_it_is_lifted(alice, held, client_of, name):
    pk = held.pk if name == "document-detail" else held.analyses.get().pk
    client, url = client_of(alice), reverse(name, args=[pk])

    refused = client.delete(url)
    held.lift_hold()
    deleted = client.delete(url)

    assert (refused.status_code, refused.json()["code"]) == (409, "legal_hold")
    assert f"Document {held.pk} is under a legal hold" in refused.json()["detail"]
    assert deleted.status_code == 204


def test_one_held_document_among_many_keeps_them_all(alice, held, client_of):
    ids = [make_document(alice).pk, held.pk]

    response = client_of(alice).post(reverse("document-bulk-delete"), {"ids": ids})

    assert (response.status_code, response.json()["code"]) == (409, "legal_hold")
    assert set(Document.objects.values_list("pk", flat=True)) == set(ids)


def test_an_earlier_version_of_a_held_document_stays(alice, held, client_of):
    client = client_of(alice)
    file = SimpleUploadedFile("new.txt", b"another text")
    client.put(reverse("document-file", args=[held.pk]), {"file": file}, format="multipart")

    response = client.delete(reverse("document-version", args=[held.pk, 1]))

    assert (response.status_code, response.json()["code"]) == (409, "legal_hold")
    assert held.versions.count() == 1


def test_an_account_with_a_held_document_is_not_erased(alice, held, client_of):
    client = client_of(alice)

    response = client.delete(reverse("auth-me"), {"password": PASSWORD})

    assert (response.status_code, response.json()["code"]) == (409, "legal_hold")
    assert client.get(reverse("auth-me")).status_code == 200
    assert Analysis.objects.filter(document=held).exists()


@pytest.mark.parametrize("table", ["users", "documents", "analyses", "analysis_results"])
def test_the_database_itself_refuses(held, table):
    with pytest.raises(IntegrityError, match="under a legal hold"), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")


def test_a_superuser_is_refused_in_the_admin_as_well(held, client):
    client.force_login(User.objects.create_superuser("root@example.com", "Root", PASSWORD))

    response = client.post(
        reverse("admin:documents_document_delete", args=[held.pk]), {"post": "yes"}, follow=True
    )

    assert "legal hold" in response.content.decode()
    assert Document.objects.filter(pk=held.pk).exists()


def test_the_owner_sees_that_it_is_held_and_not_why(alice, held, client_of):
    shown = client_of(alice).get(reverse("document-detail", args=[held.pk])).json()

    assert shown["legal_hold_at"] is not None
    assert "Case 4711" not in str(shown)


def test_the_owner_names_the_last_day_and_takes_it_back(alice, client_of):
    client, url = client_of(alice), reverse("document-detail", args=[make_document(alice).pk])
    tomorrow = (timezone.now().date() + timedelta(days=1)).isoformat()

    assert client.patch(url, {"delete_after": tomorrow}).json()["delete_after"] == tomorrow
    assert client.patch(url, {"filename": "other.txt"}).json()["delete_after"] == tomorrow
    assert client.patch(url, {"delete_after": None}).json()["delete_after"] is None


@pytest.mark.parametrize("day", ["2026-01-01", "tomorrow", 7])
def test_a_last_day_that_is_over_or_none_is_refused(alice, client_of, day):
    url = reverse("document-detail", args=[make_document(alice).pk])

    response = client_of(alice).patch(url, {"delete_after": day})

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["delete_after"]
