import time

import jwt
import pytest
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django import app
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.models import Session
from conftest import PASSWORD


@pytest.fixture
def login(anonymous):
    def login(email="alice@example.com", password=PASSWORD):
        return anonymous.post(reverse("auth-login"), {"email": email, "password": password})

    return login


@pytest.fixture
def refresh(anonymous):
    return lambda token: anonymous.post(reverse("auth-refresh"), {"refresh_token": token})


def test_login_returns_a_pair_of_tokens(alice, login):
    body = login().json()

    assert body == {
        "access_token": body["access_token"],
        "token_type": "bearer",
        "refresh_token": body["refresh_token"],
        "expires_in": 3600,
    }


def test_the_email_is_not_about_capitals(alice, login):
    assert login(email="Alice@EXAMPLE.com").status_code == 200


def test_a_password_typed_in_another_unicode_form_is_the_same(alice, login):
    alice.set_password("caf\u00e9 au lait, s'il te pla\u00eet")
    alice.save()

    assert login(password="cafe\u0301 au lait, s'il te plai\u0302t").status_code == 200


@pytest.mark.parametrize(
    ("email", "password"), [("alice@example.com", "wrong password"), ("nobody@x.com", PASSWORD)]
)
def test_wrong_credentials_are_401_whichever_is_wrong(alice, login, email, password):
    response = login(email, password)

    assert response.status_code == 401
    assert response.json()["detail"] == "Email or password is wrong."


def test_an_unknown_address_costs_as_much_computing_as_a_wrong_password(alice, login):
    def computing(email):
        before = time.process_time()  # of all threads, and whatever else the machine does
        for _ in range(8):
            assert login(email, "wrong password").status_code == 401
        return time.process_time() - before

    # Without a hash for unknown addresses it is 0.1. How equal: `benchmarks/login_timing.py`.
    assert 0.5 < computing("nobody@example.com") / computing("alice@example.com") < 2


def test_an_inactive_user_cannot_log_in(alice, login):
    alice.is_active = False
    alice.save()

    assert login().status_code == 401


def test_refresh_returns_a_new_pair_that_works(alice, login, refresh, anonymous):
    pair = refresh(login().json()["refresh_token"]).json()

    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access_token']}")
    assert anonymous.get(reverse("auth-me")).status_code == 200
    assert refresh(pair["refresh_token"]).status_code == 200


def test_a_spent_refresh_token_ends_the_session(alice, login, refresh, anonymous):
    first = login().json()["refresh_token"]
    second = refresh(first).json()

    assert refresh(first).status_code == 401
    assert refresh(second["refresh_token"]).status_code == 401
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {second['access_token']}")
    assert anonymous.get(reverse("auth-me")).status_code == 401


def test_refresh_refuses_garbage_and_access_tokens(alice, login, refresh):
    pair = login().json()

    tokens = ["garbage", pair["access_token"], str(RefreshToken()), "", None, 7]
    assert {refresh(token).status_code for token in tokens} == {400, 401}


@pytest.mark.parametrize("end", ["delete", "deactivate"])
def test_the_end_of_a_user_ends_access_and_refresh(alice, login, refresh, anonymous, end):
    pair = login().json()
    if end == "delete":
        alice.delete()
    else:
        alice.is_active = False
        alice.save()

    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access_token']}")
    assert anonymous.get(reverse("auth-me")).status_code == 401
    assert refresh(pair["refresh_token"]).status_code == 401


def test_verify_and_me_and_protected_say_who_i_am(alice, client_of):
    client = client_of(alice)

    me = client.get(reverse("auth-me")).json()
    verified = client.get(reverse("auth-verify")).json()
    protected = client.get(reverse("protected")).json()
    assert me == {
        "id": alice.pk,
        "email": alice.email,
        "username": "Alice",
        "created_at": alice.created_at.isoformat().replace("+00:00", "Z"),
    }
    assert (verified["valid"], verified["email"]) == (True, alice.email)
    assert protected["user"] == {"id": alice.pk, "email": alice.email, "username": "Alice"}


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
def test_the_scheme_is_not_about_capitals(alice, login, anonymous, scheme):
    token = login().json()["access_token"]

    response = anonymous.get(reverse("auth-me"), headers={"Authorization": f"{scheme} {token}"})
    assert response.status_code == 200


@pytest.mark.parametrize("name", ["auth-me", "auth-verify", "protected"])
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer garbage", "Bearer a.b.c", "Basic YTpi", "Bearer " + "x" * 9000]
)
def test_no_token_and_garbage_are_401(alice, anonymous, name, header):
    response = anonymous.get(reverse(name), headers={"Authorization": header})

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_token_signed_for_a_session_of_someone_else_is_401(alice, bob, client_of, anonymous):
    client_of(bob)
    token = AccessToken()
    token["user_id"], token["session_id"] = str(alice.pk), Session.objects.get().pk

    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert anonymous.get(reverse("auth-me")).status_code == 401


@pytest.mark.parametrize("claims", [{}, {"user_id": "x"}, {"session_id": [1]}, {"session_id": "x"}])
def test_a_signed_token_with_strange_claims_is_401(alice, anonymous, claims):
    token = AccessToken()
    for name, value in claims.items():
        token[name] = value

    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert anonymous.get(reverse("auth-me")).status_code == 401


def test_refreshing_does_not_make_a_session_immortal(alice, login, refresh, settings):
    token = login().json()["refresh_token"]
    Session.objects.update(created_at=timezone.now() - settings.SESSION_LIFETIME)

    last = refresh(token).json()["refresh_token"]
    assert refresh(last).status_code == 401


def test_sessions_whose_time_is_over_are_deleted(alice, login, run_jobs):
    login()
    Session.objects.update(expires_at=timezone.now())
    app.configure_task("accounts.clean", queue="upkeep").defer(timestamp=0)
    run_jobs()

    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("algorithm", "key", "claims"),
    [
        ("none", "", {}),
        ("HS384", None, {}),
        ("HS256", "another key that is long enough to be one", {}),
        ("HS256", None, {"token_type": "refresh"}),
        ("HS256", None, {"iss": "somebody"}),
        ("HS256", None, {"aud": "somebody"}),
        ("HS256", None, {"exp": 1}),
    ],
)
def test_a_forged_token_is_401(alice, login, anonymous, settings, algorithm, key, claims):
    claims = AccessToken(login().json()["access_token"]).payload | claims
    secret = settings.SIMPLE_JWT["SIGNING_KEY"] if key is None else key
    forged = jwt.encode(claims, secret, algorithm=algorithm)

    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {forged}")
    assert anonymous.get(reverse("auth-me")).status_code == 401
