"""What every address takes: pages, orders, counts, fields, and nothing that nobody knows."""

import re
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from documents.models import Document
from documents.tests.factories import make_document
from ultrai.api import ApiMixin
from ultrai.tests.endpoints import ENDPOINTS, address_of
from ultrai.tests.schema import SCHEMA

LISTS = [e for e in ENDPOINTS if e.is_list]
OPERATIONS = {
    (re.sub(r"\{.*?\}", "{}", path), method): operation
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
}
# JSON that is no resource: what the service says of itself, or of a token.
WITHOUT_FIELDS = {
    "service",
    "health",
    "health-live",
    "health-ready",
    "health-database",
    "protected",
    "auth-verify",
}
READ = [e for e in ENDPOINTS if "get" in e.methods and e.name not in WITHOUT_FIELDS]


def operation_of(endpoint, method):
    return OPERATIONS.get(("/" + re.sub(r"<.*?>", "{}", endpoint.route), method))


def query_parameters(operation):
    return {p["name"]: p for p in operation.get("parameters", []) if p.get("in") == "query"}


def answers_json(operation):
    return "application/json" in operation["responses"]["200"].get("content", {})


WITH_FIELDS = [
    e for e in READ if operation_of(e, "get") and not e.name.endswith(("-export", "-export-all"))
]
WITH_FIELDS = [e for e in WITH_FIELDS if answers_json(operation_of(e, "get"))]


def test_every_view_has_the_rules_of_the_api():
    assert [e.name for e in ENDPOINTS if not issubclass(e.view, ApiMixin)] == []


def test_every_list_is_in_pages():
    named = {e.name for e in ENDPOINTS if e.name.endswith("-list") and "get" in e.methods}

    assert named
    assert named <= {e.name for e in LISTS}


@pytest.mark.parametrize("endpoint", LISTS, ids=lambda e: e.name)
def test_a_list_has_pages_links_and_a_count_when_asked(endpoint, alice, client_of, owned):
    url, client = address_of(endpoint, owned), client_of(alice)

    page, counted = client.get(url), client.get(url, {"limit": 1, "count": "true"})

    assert set(page.json()) == {"next", "previous", "results"}
    assert f'<http://testserver{url}>; rel="first"' in page["Link"]
    body = counted.json()
    assert body["count"] == len(page.json()["results"])
    assert body["count_is_exact"] is True
    assert len(body["results"]) == min(1, body["count"])
    assert (body["next"] is not None) == (body["count"] > 1)


@pytest.mark.parametrize("endpoint", LISTS, ids=lambda e: e.name)
def test_a_list_in_any_order_is_the_same_rows_without_gaps(endpoint, alice, client_of, owned):
    url, client = address_of(endpoint, owned), client_of(alice)
    orders = query_parameters(operation_of(endpoint, "get")).get("ordering", {"schema": {}})
    expected = sorted(map(str, client.get(url).json()["results"]))

    for order in orders["schema"].get("enum", []):
        first = client.get(url, {"ordering": order, "limit": 1}).json()
        rows, following = first["results"], first["next"]
        while following:
            page = client.get(following).json()
            rows, following = rows + page["results"], page["next"]
        assert sorted(map(str, rows)) == expected, order


def test_no_endpoint_takes_a_parameter_that_it_does_not_know(alice, client_of, owned):
    answers = {}
    for endpoint in ENDPOINTS:
        for method in endpoint.methods:
            url = f"{address_of(endpoint, owned)}?nonsense=1&limitt=2"
            response = client_of(alice).generic(method, url, "{}", "application/json")
            errors = list(response.json().get("errors", {}))
            answers[endpoint.name, method] = (response.status_code, errors)

    assert answers
    wrong = {k: v for k, v in answers.items() if v != (400, ["limitt", "nonsense"])}
    assert wrong == {}


def test_what_an_endpoint_takes_is_what_the_schema_says():
    differences = {}
    for endpoint in ENDPOINTS:
        for method, action in endpoint.methods.items():
            if operation := operation_of(endpoint, method):
                view: Any = endpoint.view()
                view.request, view.action = None, action
                hidden = {p.name for p in view.query_parameters.get(action, ()) if p.exclude}
                known = view.find_parameters(action) - hidden
                if known != query_parameters(operation).keys():
                    differences[endpoint.name, method] = known

    assert differences == {}


def test_every_parameter_is_described():
    described = {
        (key, name): bool(parameter.get("description"))
        for key, operation in OPERATIONS.items()
        for name, parameter in query_parameters(operation).items()
    }

    assert described
    assert [key for key, is_described in described.items() if not is_described] == []


@pytest.mark.parametrize("endpoint", WITH_FIELDS, ids=lambda e: e.name)
def test_every_list_and_detail_is_sparse_when_asked(endpoint, alice, client_of, owned):
    url, client = address_of(endpoint, owned), client_of(alice)

    def row(**parameters):
        body = client.get(url, parameters).json()
        return body["results"][:1] if endpoint.is_list else [body]

    for whole in row():
        name = list(whole)[1]
        assert row(fields=name) == [{name: whole[name]}]
    refused = client.get(url, {"fields": "nonsense"})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["fields"])


def test_neighbours_are_in_the_link_header_too(alice, client_of):
    client, url = client_of(alice), reverse("document-list")
    for _ in range(2):
        make_document(alice)

    first = client.get(url, {"limit": 1, "ordering": "id"})
    second = client.get(first.json()["next"])

    links = {name: to for to, name in re.findall(r'<(.*?)>; rel="(\w+)"', second["Link"])}
    assert links["first"].endswith(f"{url}?limit=1&ordering=id")
    assert links["prev"] == second.json()["previous"]
    assert client.get(links["prev"]).json()["results"] == first.json()["results"]


@pytest.mark.parametrize("count", ["", "1", "yes"])
def test_a_count_is_true_or_false(alice, client_of, count):
    response = client_of(alice).get(reverse("result-list"), {"count": count})

    assert (response.status_code, list(response.json()["errors"])) == (400, ["count"])


def test_no_more_are_counted_than_10_000(alice, client_of):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO documents (user_id, filename, size_bytes, sha256, status)"
            " SELECT %s, 'a.pdf', 1, md5(n::text), 'pending' FROM generate_series(1, 10001) AS n",
            [alice.pk],
        )

    body = client_of(alice).get(reverse("document-list"), {"count": "true", "limit": 1}).json()

    assert Document.objects.count() == 10_001
    assert (body["count"], body["count_is_exact"]) == (10_000, False)
