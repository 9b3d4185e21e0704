"""Promises that every endpoint keeps."""

import re

import pytest
from django.core.management import call_command
from django.urls import reverse
from rest_framework.permissions import IsAuthenticated

from accounts.tokens import make_personal_access_token
from documents.tests.factories import make_document
from ultrai.tests.endpoints import ENDPOINTS, address

# Adding a name is a reviewed decision.
OPEN = {
    "service",
    "health",
    "health-live",
    "health-ready",
    "health-database",
    "schema",
    "docs",
    "auth-register",
    "auth-login",
    "auth-refresh",
    "password-reset",
    "password-confirm",
}
OWNED = [(e.name, method) for e in ENDPOINTS if e.is_detail for method in e.methods]


def test_every_endpoint_needs_login_unless_listed():
    closed = {e.name for e in ENDPOINTS if IsAuthenticated in e.view.permission_classes}

    assert {e.name for e in ENDPOINTS} - closed == OPEN


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "method"),
    [(e.name, m) for e in ENDPOINTS if e.name not in OPEN for m in e.methods],
)
def test_anonymous_is_401(anonymous, name, method):
    response = anonymous.generic(method, address(name))

    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize(("name", "method"), OWNED)
def test_only_the_owner_finds_it(name, method, who, owned, client_of, request):
    client = client_of(request.getfixturevalue(who))
    url = address(name, owned[name.partition("-")[0]])

    response = client.generic(method, url, "{}", "application/json")

    assert (response.status_code == 404) == (who == "bob")


@pytest.fixture
def bearer_of(alice, anonymous):
    """A client with a personal access token of Alice's."""

    def bearer_of(*scopes):
        _, secret = make_personal_access_token(
            user=alice, name="ci", scopes=scopes, expires_at=None
        )
        anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return anonymous

    return bearer_of


@pytest.mark.parametrize(
    ("name", "method"),
    [(e.name, m) for e in ENDPOINTS if e.name not in OPEN for m in e.methods if m != "get"],
)
def test_a_reading_token_is_403_on_every_write(name, method, owned, bearer_of):
    url = address(name, owned.get(name.partition("-")[0]))

    response = bearer_of("read").generic(method, url, "{}", "application/json")

    assert response.status_code == 403
    assert response.json()["code"] == "permission_denied"


@pytest.mark.parametrize(
    ("name", "method"),
    [(e.name, m) for e in ENDPOINTS if e.name not in OPEN for m in e.methods],
)
def test_an_inactive_user_is_401(name, method, alice, owned, client_of):
    client = client_of(alice)
    alice.is_active = False
    alice.save()
    url = address(name, owned.get(name.partition("-")[0]))

    response = client.generic(method, url, "{}", "application/json")

    assert response.status_code == 401


def test_a_client_cannot_point_at_somebody_elses_document(alice, bob, client_of):
    document = make_document(alice)

    response = client_of(bob).post(
        reverse("analysis-list"),
        {"document_id": document.pk, "models": ["builtin:summary"], "prompt": "What?"},
    )

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["document_id"]


def test_no_path_of_the_api_ends_with_a_slash():
    assert [e.route for e in ENDPOINTS if e.route.endswith("/")] == []


@pytest.mark.django_db
def test_migrations_match_the_models():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize(
    ("name", "change", "columns"),
    [
        ("document-detail", {"filename": "new.txt"}, {"filename", "updated_at"}),
        ("result-detail", {"rating": 4}, {"rating", "updated_at"}),
        ("webhook-detail", {"description": "New."}, {"description", "updated_at"}),
        ("auth-me", {"username": "New"}, {"username", "updated_at"}),
    ],
)
def test_a_patch_writes_what_was_sent_and_nothing_else(
    name, change, columns, owned, alice, client_of, django_assert_max_num_queries
):
    url = address(name, owned.get(name.partition("-")[0], 1))
    with django_assert_max_num_queries(20) as queries:
        assert client_of(alice).patch(url, change).status_code == 200

    updates = [
        q["sql"] for q in queries if q["sql"].startswith("UPDATE") and "session" not in q["sql"]
    ]
    written = {
        column for sql in updates for column in re.findall(r'"(\w+)" = ', sql.partition("WHERE")[0])
    }
    assert written == columns
