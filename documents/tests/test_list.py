from datetime import UTC, datetime

import pytest
from django.core import signing
from django.urls import reverse

from documents.models import Document
from documents.tests.factories import make_document, make_read_document

LIST = reverse("document-list")


@pytest.fixture
def three(alice):
    """Documents that differ in all that a list can be ordered and filtered by."""
    for day, (name, content) in enumerate(
        [("b.md", "four"), ("Ärger.txt", "a longer text"), ("c.txt", "of middle")], start=1
    ):
        document = make_document(alice, filename=name, content=content)
        Document.objects.filter(pk=document.pk).update(
            created_at=datetime(2026, 1, day, tzinfo=UTC)
        )


def names(client, **parameters):
    response = client.get(LIST, parameters)
    assert response.status_code == 200, response.content
    return [row["filename"] for row in response.json()["results"]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"type": "md"}, {"b.md"}),
        ({"status": "ready"}, {"b.md", "Ärger.txt", "c.txt"}),
        ({"status": "failed"}, set()),
        ({"created_after": "2026-01-02"}, {"Ärger.txt", "c.txt"}),
        ({"created_before": "2026-01-02T00:00:00Z"}, {"b.md"}),
        (
            {"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-01-03"},
            {"Ärger.txt"},
        ),
        ({"filename": "ÄRG"}, {"Ärger.txt"}),
        ({"filename": "%"}, set()),
        ({"filename": ".txt", "type": "txt"}, {"Ärger.txt", "c.txt"}),
    ],
)
def test_filters(alice, client_of, three, parameters, expected):
    assert set(names(client_of(alice), **parameters)) == expected


@pytest.mark.parametrize(
    "parameters",
    [{"status": "done"}, {"created_after": "soon"}, {"type": "a\0"}, {"ordering": "sha256"}],
)
def test_a_value_that_makes_no_sense_is_400_and_named(alice, client_of, parameters):
    response = client_of(alice).get(LIST, parameters)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == list(parameters)


def test_rank_is_an_order_of_searches_only(alice, client_of):
    response = client_of(alice).get(LIST, {"ordering": "rank"})

    assert response.status_code == 400


@pytest.mark.parametrize("url", [LIST + "?file_type=pdf&serch=x", LIST + "?on_duplicate=keep"])
def test_a_query_parameter_nobody_knows_is_400_and_named(alice, client_of, url):
    response = client_of(alice).get(url)

    assert response.status_code == 400
    assert sorted(response.json()["errors"]) == sorted(
        pair.partition("=")[0] for pair in url.partition("?")[2].split("&")
    )
    assert "created_after" in response.json()["detail"]


def test_other_addresses_know_no_parameters_either(alice, client_of):
    document = make_document(alice)
    client = client_of(alice)
    detail = reverse("document-detail", args=[document.pk])

    assert client.delete(detail + "?force=1").status_code == 400
    assert client.get(detail + "?limit=1").status_code == 400
    assert client.get(reverse("document-file", args=[document.pk]) + "?x").status_code == 400


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("created_at", ["b.md", "Ärger.txt", "c.txt"]),
        ("-created_at", ["c.txt", "Ärger.txt", "b.md"]),
        ("size", ["b.md", "c.txt", "Ärger.txt"]),
        ("-size", ["Ärger.txt", "c.txt", "b.md"]),
        ("id", ["b.md", "Ärger.txt", "c.txt"]),
    ],
)
def test_ordering(alice, client_of, three, ordering, expected):
    assert names(client_of(alice), ordering=ordering) == expected


@pytest.mark.parametrize("ordering", ["filename", "-filename", "size", "-created_at", "-id"])
def test_pages_there_and_back_show_each_document_once(alice, client_of, ordering):
    """More documents that are equal in the order than a page has."""
    documents = [make_document(alice, filename=f"{n % 2}.txt", content="x") for n in range(7)]
    Document.objects.update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    client, there, back = client_of(alice), [], []
    page = client.get(LIST, {"ordering": ordering, "limit": 2}).json()
    assert page["previous"] is None
    while True:
        there.append([row["id"] for row in page["results"]])
        if page["next"] is None:
            break
        page = client.get(page["next"]).json()
    while page["previous"]:
        page = client.get(page["previous"]).json()
        back.append([row["id"] for row in page["results"]])

    assert sorted(pk for ids in there for pk in ids) == [d.pk for d in documents]
    assert back == there[-2::-1]
    assert page["next"] is not None


def test_documents_that_come_and_go_disturb_no_cursor(alice, client_of):
    documents = [make_document(alice) for _ in range(4)]
    client = client_of(alice)
    first = client.get(LIST, {"limit": 2}).json()
    documents[2].delete()  # the last of the first page
    make_document(alice)

    second = client.get(first["next"]).json()

    assert [row["id"] for row in second["results"]] == [documents[1].pk, documents[0].pk]


def test_a_cursor_of_another_order_is_400(alice, client_of):
    for _ in range(2):
        make_document(alice)
    client = client_of(alice)
    page = client.get(LIST, {"limit": 1, "ordering": "size"}).json()

    response = client.get(page["next"].replace("ordering=size", "ordering=filename"))

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["cursor"]


@pytest.mark.parametrize("place", [0, 30, -1])
def test_a_cursor_that_somebody_has_changed_is_400(alice, client_of, place):
    for _ in range(2):
        make_document(alice)
    client = client_of(alice)
    address, _, cursor = client.get(LIST, {"limit": 1}).json()["next"].rpartition("=")
    changed = list(cursor)
    changed[place] = "A" if cursor[place] != "A" else "Q"

    response = client.get(f"{address}={''.join(changed)}")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["cursor"]


def test_a_cursor_of_an_earlier_version_goes_on_where_it_ends(alice, client_of):
    documents = [make_document(alice) for _ in range(2)]
    cursor = signing.dumps(["-id", False, [documents[1].pk]], salt="cursor")

    response = client_of(alice).get(LIST, {"cursor": cursor})

    assert [row["id"] for row in response.json()["results"]] == [documents[0].pk]


def test_fields_are_those_asked_for(alice, client_of):
    document = make_document(alice, filename="a.txt")
    client = client_of(alice)

    assert client.get(LIST, {"fields": "id,filename"}).json()["results"] == [
        {"id": document.pk, "filename": "a.txt"}
    ]
    assert client.get(
        reverse("document-detail", args=[document.pk]), {"fields": "content, status"}
    ).json() == {"status": "ready", "content": document.content}


@pytest.mark.parametrize("fields", ["id,user", "content", "", "id,,", "rank"])
def test_a_field_that_is_none_is_400_also_where_nothing_is_listed(alice, client_of, fields):
    response = client_of(alice).get(LIST, {"fields": fields})

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["fields"]


def test_content_is_not_read_when_it_is_not_asked_for(alice, client_of, django_assert_num_queries):
    document = make_document(alice)
    client = client_of(alice)

    with django_assert_num_queries(2) as captured:
        client.get(reverse("document-detail", args=[document.pk]), {"fields": "id"})

    assert '"content"' not in captured.captured_queries[1]["sql"]


@pytest.mark.parametrize(("number", "text"), [(1, "One."), (2, ""), (3, "Three.")])
def test_one_page(alice, client_of, number, text):
    document = make_read_document(alice, "One.\f\fThree.", page_count=3)

    response = client_of(alice).get(reverse("document-page", args=[document.pk, number]))

    assert response.json() == {
        "document_id": document.pk,
        "page": number,
        "page_count": 3,
        "content": text,
    }


@pytest.mark.parametrize("number", [0, 4, 10**20])
def test_beyond_the_last_page_is_404(alice, client_of, number):
    document = make_read_document(alice, "One.\f\fThree.", page_count=3)

    response = client_of(alice).get(reverse("document-page", args=[document.pk, number]))

    assert response.status_code == 404


def test_a_text_without_pages_is_one_page(alice, client_of):
    document = make_read_document(alice, "One.\fTwo.", page_count=None)

    page = client_of(alice).get(reverse("document-page", args=[document.pk, 1])).json()

    assert (page["page_count"], page["content"]) == (1, "One.\fTwo.")


def test_a_page_of_what_could_not_be_read_says_why(alice, client_of):
    document = make_document(alice)
    Document.objects.update(status="failed", content=None, error_code="damaged", error="It broke.")

    response = client_of(alice).get(reverse("document-page", args=[document.pk, 1]))

    assert response.status_code == 409
    assert (response.json()["code"], response.json()["detail"]) == ("no_text", "It broke.")
