"""Bad input gets a clear error: a problem document, never a 500."""

import pytest
from django.db import connection
from django.urls import reverse

from documents.models import Document

LIST = reverse("document-list")
DOCUMENT = '{"filename": "a.txt", "content": %s}'


@pytest.mark.parametrize(
    ("body", "part_of_detail"),
    [
        ("", "filename: This field is required"),
        ("{", "not valid JSON"),
        ("nonsense", "not valid JSON"),
        ("[1]", "Invalid data"),
        ('"text"', "Invalid data"),
        ("null", "No data provided"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        (DOCUMENT % r'"NUL \u0000 inside"', "must not contain NUL"),
        (DOCUMENT % r'"half a pair \ud800"', "not valid Unicode"),
        (DOCUMENT % "NaN", "NaN is not JSON"),
        (DOCUMENT % "-Infinity", "-Infinity is not JSON"),
        (DOCUMENT % "1" + "1" * 5_000, "not valid JSON"),
        (DOCUMENT % ("1" * 5_000), "not valid JSON"),
        ('{"filename": "a", "filename": "b", "content": "c"}', "names the same key twice"),
        (DOCUMENT % '{"an": "object"}', "content: Not a valid string"),
        (b'{"filename": "\xff\xfe", "content": "x"}', "not valid Unicode"),
    ],
)
def test_a_body_that_cannot_be_used_is_400_with_a_reason(alice, client_of, body, part_of_detail):
    response = client_of(alice).generic("POST", LIST, body, "application/json")

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert part_of_detail in response.json()["detail"]
    assert not Document.objects.exists()


def test_an_escaped_backslash_before_u0000_is_ordinary_text(alice, client_of):
    response = client_of(alice).generic(
        "POST", LIST, DOCUMENT % r'"a regex: \\u0000"', "application/json"
    )

    assert response.status_code == 201
    assert Document.objects.get().content == r"a regex: \u0000"


def test_a_json_body_over_the_limit_is_413(alice, client_of):
    body = DOCUMENT % ('"' + "x" * 10_000_000 + '"')

    response = client_of(alice).generic("POST", LIST, body, "application/json")

    assert response.status_code == 413
    assert "multipart/form-data" in response.json()["detail"]


@pytest.mark.parametrize(
    "media_type", ["text/xml", "application/x-www-form-urlencoded", "nonsense"]
)
def test_a_media_type_that_is_not_read_is_415(alice, client_of, media_type):
    response = client_of(alice).generic("POST", LIST, "<a/>", media_type)

    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize("body", ["", "no boundary here", "--x\r\nbroken"])
def test_a_broken_multipart_body_is_400(alice, client_of, body):
    response = client_of(alice).generic("POST", LIST, body, "multipart/form-data; boundary=x")

    assert response.status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/documents/999999",
        "/documents/" + "9" * 5_000,
        "/documents/0",
        "/documents/-1",
        "/documents/abc",
        "/documents/1/",
        "/documents/%00",
        "/analyses/12345678901234567890",
    ],
)
def test_what_is_not_there_is_404_as_a_problem(alice, client_of, path):
    response = client_of(alice).get(path)

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_found"


def test_a_404_is_a_problem_in_debug_too(alice, client_of, settings):
    settings.DEBUG = True

    response = client_of(alice).get("/nothing")

    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "code": "not_found",
        "request_id": response["X-Request-ID"],
    }


def test_a_method_that_is_not_offered_is_405(alice, client_of):
    response = client_of(alice).put(LIST, {})

    assert response.status_code == 405
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert response.json()["code"] == "method_not_allowed"


def test_validation_errors_come_by_field_with_a_summary(alice, client_of):
    response = client_of(alice).post(reverse("analysis-list"), {"models": ["builtin:nonsense"]})

    body = response.json()
    assert sorted(body["errors"]) == ["models", "prompt"]
    assert body["detail"] == "prompt: This field is required."
    assert body["code"] == "invalid"


@pytest.mark.parametrize("cursor", ["garbage", "%00", "cD1hYmM=", "cD0=", "cD0lMDA="])
def test_a_cursor_that_is_not_one_of_ours_is_400(alice, client_of, cursor):
    response = client_of(alice).get(LIST + f"?cursor={cursor}")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["cursor"]


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "many", ""])
def test_a_limit_that_is_not_a_whole_number_is_400(alice, client_of, limit):
    response = client_of(alice).get(LIST + f"?limit={limit}")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["limit"]


def test_an_unknown_host_is_400_as_a_problem(anonymous, settings):
    settings.ALLOWED_HOSTS = ["api.example.com"]

    response = anonymous.get("/health/live", headers={"Host": "evil.example.com"})

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_an_error_of_ours_is_a_500_problem_without_details(alice, client_of, settings):
    settings.MAX_REQUEST_BYTES = None  # breaks the view
    client = client_of(alice)
    client.raise_request_exception = False

    response = client.generic("POST", LIST, "x", "multipart/form-data; boundary=x")

    assert response.status_code == 500
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "internal_server_error"


@pytest.mark.parametrize("path", ["/adminx", "/docsx", "/docs/", "/static"])
def test_what_only_begins_like_a_page_is_a_problem(db, anonymous, path):
    response = anonymous.get(path)

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_the_admin_is_found_without_its_slash(db, anonymous):
    assert anonymous.get("/admin")["Location"] == "/admin/"


def test_an_error_keeps_the_headers_of_other_answers(anonymous, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]

    response = anonymous.get("/nothing", headers={"Origin": "https://app.example.com"})

    assert response["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Retry-After" in response["Access-Control-Expose-Headers"]
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/schema?version=%00", 400), ("options", "/docs", 405), ("head", "/docs", 200)],
)
def test_the_schema_and_its_page_answer_any_request(anonymous, method, path, status):
    assert getattr(anonymous, method)(path).status_code == status


def test_a_chunked_body_is_411_and_not_taken_for_an_empty_one(alice, client_of):
    response = client_of(alice).generic(
        "POST", LIST, "", "application/json", HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH=""
    )

    assert (response.status_code, response.json()["code"]) == (411, "length_required")


def test_what_is_deleted_while_a_request_runs_is_a_conflict(alice, client_of):
    """As when two requests race: the user is gone before the document is written."""
    client = client_of(alice)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "CREATE FUNCTION pg_temp.vanish() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN NEW.user_id := -1; RETURN NEW; END$$"
        )
        cursor.execute(
            "CREATE TRIGGER vanish BEFORE INSERT ON documents"
            " FOR EACH ROW EXECUTE FUNCTION pg_temp.vanish()"
        )

    response = client.post(LIST, {"filename": "a.txt", "content": "b"})

    assert (response.status_code, response.json()["code"]) == (409, "conflict")
