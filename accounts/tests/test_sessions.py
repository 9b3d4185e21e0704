from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import PersonalAccessToken, Session
from accounts.tokens import PREFIX
from conftest import PASSWORD

SESSIONS, TOKENS, ME = reverse("session-list"), reverse("token-list"), reverse("auth-me")


def test_logout_ends_this_session_only(alice, client_of):
    here, elsewhere = client_of(alice), client_of(alice)

    assert here.post(reverse("auth-logout")).status_code == 204
    assert here.get(ME).status_code == 401
    assert elsewhere.get(ME).status_code == 200


def test_logout_all_ends_every_session(alice, bob, client_of):
    here, elsewhere, other = client_of(alice), client_of(alice), client_of(bob)

    assert here.post(reverse("auth-logout-all")).status_code == 204
    assert [c.get(ME).status_code for c in (here, elsewhere, other)] == [401, 401, 200]


def test_sessions_are_listed_with_client_and_last_use(alice, bob, client_of, anonymous):
    client_of(bob)
    anonymous.post(
        reverse("auth-login"),
        {"email": alice.email, "password": PASSWORD},
        headers={"User-Agent": "curl/8"},
    )
    client = client_of(alice)

    rows = client.get(SESSIONS).json()["results"]

    assert [(row["client"], row["is_current"]) for row in rows] == [("", True), ("curl/8", False)]
    assert {"created_at", "last_used_at", "expires_at"} <= set(rows[0])


def test_a_session_can_be_ended_from_another(alice, client_of):
    stolen = client_of(alice)
    pk = Session.objects.get().pk

    assert client_of(alice).delete(reverse("session-detail", args=[pk])).status_code == 204
    assert stolen.get(ME).status_code == 401


def test_last_use_is_kept_to_the_minute(alice, client_of, django_assert_num_queries):
    client = client_of(alice)
    long_ago = timezone.now() - timedelta(hours=1)
    Session.objects.update(last_used_at=long_ago)

    client.get(ME)
    with django_assert_num_queries(1):  # no second write within the minute
        client.get(ME)

    assert Session.objects.get().last_used_at > long_ago + timedelta(minutes=59)


@pytest.fixture
def make_token(alice, client_of):
    def make_token(client=None, **body):
        return (client or client_of(alice)).post(
            TOKENS, {"name": "ci", "scopes": ["read", "write"]} | body
        )

    return make_token


@pytest.fixture
def bearer(anonymous):
    def bearer(secret):
        anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return anonymous

    return bearer


def test_a_token_is_shown_once_and_stored_hashed(alice, client_of, make_token):
    response = make_token()

    secret = response.json()["token"]
    stored = PersonalAccessToken.objects.values().get()
    assert response.status_code == 201
    assert secret.startswith(PREFIX)
    assert secret not in str(stored)
    assert "token" not in client_of(alice).get(TOKENS).json()["results"][0]


def test_a_token_works_wherever_an_access_token_does(alice, make_token, bearer):
    client = bearer(make_token().json()["token"])

    assert client.get(ME).json()["id"] == alice.pk
    assert client.get(reverse("auth-verify")).json()["expires_at"] is None
    assert (
        client.post(reverse("document-list"), {"filename": "a", "content": "b"}).status_code == 201
    )
    assert PersonalAccessToken.objects.get().last_used_at


@pytest.mark.parametrize(
    ("scopes", "read", "write"),
    [(["read"], 200, 403), (["write"], 403, 201), (["read", "write"], 200, 201)],
)
def test_scopes_say_what_a_token_may(make_token, bearer, scopes, read, write):
    client = bearer(make_token(scopes=scopes).json()["token"])

    assert client.get(reverse("document-list")).status_code == read
    created = client.post(reverse("document-list"), {"filename": "a", "content": "b"})
    assert created.status_code == write


def test_a_revoked_token_is_401(make_token, bearer, alice, client_of):
    body = make_token().json()

    client_of(alice).delete(reverse("token-detail", args=[body["id"]]))

    assert bearer(body["token"]).get(ME).status_code == 401


def test_the_token_of_an_inactive_user_is_401(make_token, bearer, alice):
    secret = make_token().json()["token"]
    alice.is_active = False
    alice.save()

    assert bearer(secret).get(ME).status_code == 401


@pytest.mark.parametrize("secret", [PREFIX, PREFIX + "x", PREFIX + "\u00e9", PREFIX + "x" * 5_000])
def test_a_made_up_token_is_401(db, anonymous, secret):
    response = anonymous.get(ME, headers={"Authorization": f"Bearer {secret}"})

    assert response.status_code == 401


def test_a_token_cannot_make_a_stronger_or_longer_one(make_token, bearer):
    soon = (timezone.now() + timedelta(hours=1)).isoformat()
    later = (timezone.now() + timedelta(hours=2)).isoformat()
    client = bearer(make_token(scopes=["write"], expires_at=soon).json()["token"])

    assert list(make_token(client, scopes=["read"]).json()["errors"]) == ["scopes"]
    longer = make_token(client, scopes=["write"], expires_at=later)
    assert list(longer.json()["errors"]) == ["expires_at"]
    unlimited = make_token(client, scopes=["write"]).json()
    assert unlimited["expires_at"].startswith(soon[:19])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["admin"]}, "scopes"),
        ({"scopes": "read"}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
    ],
)
def test_bad_input_names_the_field(make_token, body, field):
    response = make_token(**body)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_logout_with_a_token_says_what_to_do(make_token, bearer):
    response = bearer(make_token().json()["token"]).post(reverse("auth-logout"))

    assert (response.status_code, response.json()["code"]) == (400, "not_a_session")
