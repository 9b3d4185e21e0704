"""Request ids and timings, on every answer."""

import re

import pytest
from django.urls import reverse

ID = "X-Request-ID"


@pytest.mark.parametrize("sent", ["a", "0b5e-4c.x_Y:/+=", "x" * 128])
def test_the_clients_request_id_comes_back(anonymous, sent):
    assert anonymous.get("/", headers={ID: sent})[ID] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "with space", "a\tb", "ä", "ada@example.com"])
def test_an_id_that_is_missing_or_unfit_is_replaced(anonymous, sent):
    answers = [anonymous.get("/", headers={ID: sent})[ID] for _ in range(2)]

    assert [len(one) for one in answers] == [32, 32]
    assert answers[0] != answers[1]


@pytest.mark.parametrize("path", ["/nothing", "/auth/me", "/documents/%00"])
def test_errors_name_their_request(anonymous, path):
    response = anonymous.get(path, headers={ID: "mine"})

    assert (response[ID], response.json()["request_id"]) == ("mine", "mine")


def test_server_timing_counts_the_queries(alice, client_of, django_assert_num_queries):
    client = client_of(alice)
    with django_assert_num_queries(2):
        timing = client.get(reverse("document-list"))["Server-Timing"]

    [(database, queries, total)] = re.findall(
        r'^db;dur=([\d.]+);desc="(\d+) queries", total;dur=([\d.]+)$', timing
    )
    assert queries == "2"
    assert 0 < float(database) < float(total)


def test_server_timing_does_not_tell_who_has_an_account(alice, anonymous):
    def queries(email):
        body = {"email": email, "password": "a wrong guess"}
        timing = anonymous.post(reverse("auth-login"), body)["Server-Timing"]
        return re.findall(r"(\d+) queries", timing)

    assert queries("alice@example.com") == queries("nobody@example.com")


def test_browsers_may_send_and_read_them(anonymous, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    origin = {"Origin": "https://app.example.com"}

    asked = anonymous.options("/", headers=origin | {"Access-Control-Request-Method": "GET"})
    exposed = anonymous.get("/", headers=origin)["Access-Control-Expose-Headers"].split(", ")

    assert "x-request-id" in asked["Access-Control-Allow-Headers"].split(", ")
    assert {"X-Request-ID", "Server-Timing"} <= set(exposed)
