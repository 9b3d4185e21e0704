import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts.models import PersonalAccessToken, Session
from accounts.passwords import reset_token
from accounts.tokens import make_personal_access_token
from conftest import PASSWORD
from ultrai.environment import Rate

NEW = "another long passphrase"
CHANGE, RESET = reverse("password-change"), reverse("password-reset")
CONFIRM, ME, LOGIN = reverse("password-confirm"), reverse("auth-me"), reverse("auth-login")


@pytest.fixture
def credentials(alice, client_of, anonymous):
    """A second login, with its refresh token, and a personal access token."""
    pair = anonymous.post(LOGIN, {"email": alice.email, "password": PASSWORD}).json()
    _, token = make_personal_access_token(user=alice, name="x", scopes=["read"], expires_at=None)
    return pair["access_token"], pair["refresh_token"], token


def answers(anonymous, credentials):
    """What access token, refresh token and personal access token are still good for."""
    access, refresh, token = credentials
    bearer = [
        anonymous.get(ME, headers={"Authorization": f"Bearer {secret}"}).status_code
        for secret in (access, token)
    ]
    refreshed = anonymous.post(reverse("auth-refresh"), {"refresh_token": refresh}).status_code
    return [bearer[0], refreshed, bearer[1]]


def test_changing_it_ends_every_session_and_token_and_starts_a_new_one(
    alice, client_of, anonymous, credentials
):
    response = client_of(alice).post(CHANGE, {"current_password": PASSWORD, "new_password": NEW})

    assert response.status_code == 200
    assert answers(anonymous, credentials) == [401, 401, 401]
    fresh = {"Authorization": f"Bearer {response.json()['access_token']}"}
    assert anonymous.get(ME, headers=fresh).status_code == 200
    assert anonymous.post(LOGIN, {"email": alice.email, "password": NEW}).status_code == 200


def test_credentials_work_before_anything_is_changed(anonymous, credentials):
    assert answers(anonymous, credentials) == [200, 200, 200]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"current_password": "wrong", "new_password": NEW}, 403, "wrong_password"),
        ({"current_password": PASSWORD, "new_password": "short"}, 400, "invalid"),
        ({"current_password": PASSWORD, "new_password": "alice@example.com"}, 400, "invalid"),
        ({"new_password": NEW}, 400, "invalid"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(alice, client_of, body, status, code):
    response = client_of(alice).post(CHANGE, body)

    alice.refresh_from_db()
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert alice.check_password(PASSWORD)


def test_guessing_the_current_password_with_a_stolen_token_is_slowed_down(
    alice, client_of, settings
):
    settings.THROTTLES = settings.THROTTLES | {"login": Rate(2, 60)}
    client = client_of(alice)
    guess = {"current_password": "a wrong guess", "new_password": NEW}

    assert [client.post(CHANGE, guess).status_code for _ in range(4)] == [403, 403, 403, 429]


def test_the_same_answer_whether_the_address_exists(alice, anonymous):
    known = anonymous.post(RESET, {"email": alice.email})
    unknown = anonymous.post(RESET, {"email": "nobody@example.com"})

    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    assert known.status_code == 200


def test_a_reset_by_mail_ends_every_session_and_token(alice, anonymous, credentials, run_jobs):
    anonymous.post(RESET, {"email": "Alice@Example.com"})
    run_jobs()
    token = mail.outbox[0].body.split("Your token for a new password:\n")[1].split()[0]

    response = anonymous.post(CONFIRM, {"token": token, "new_password": NEW})

    assert response.status_code == 200
    assert mail.outbox[0].to == [alice.email]
    assert answers(anonymous, credentials) == [401, 401, 401]
    assert anonymous.post(LOGIN, {"email": alice.email, "password": NEW}).status_code == 200


def test_the_mail_has_the_front_ends_link(alice, anonymous, run_jobs, settings):
    settings.PASSWORD_RESET_URL = "https://app.example.com/reset?token={token}"
    anonymous.post(RESET, {"email": alice.email})
    run_jobs()

    assert "https://app.example.com/reset?token=" in mail.outbox[0].body


def test_nobody_is_mailed_for_an_unknown_or_inactive_address(alice, anonymous, run_jobs):
    alice.is_active = False
    alice.save()
    anonymous.post(RESET, {"email": alice.email})
    anonymous.post(RESET, {"email": "nobody@example.com"})
    run_jobs()

    assert mail.outbox == []


def test_the_user_is_told_of_the_new_password(alice, client_of, run_jobs):
    client_of(alice).post(CHANGE, {"current_password": PASSWORD, "new_password": NEW})
    run_jobs()

    assert [message.subject for message in mail.outbox] == ["Your UltrAI password was changed"]


def test_a_reset_token_works_once_and_for_an_hour(alice, anonymous, settings):
    used = reset_token(alice)
    anonymous.post(CONFIRM, {"token": used, "new_password": NEW})
    alice.refresh_from_db()
    late = reset_token(alice)
    settings.PASSWORD_RESET_TIMEOUT = -1

    for token in (used, late, "garbage", "MQ.garbage", "\u00e9\u00e8.x", "." * 50, "!!!.x-y"):
        response = anonymous.post(CONFIRM, {"token": token, "new_password": PASSWORD})
        assert (response.status_code, response.json()["code"]) == (400, "invalid_reset_token")


def test_a_weak_password_is_refused_and_the_token_stays_good(alice, anonymous):
    token = reset_token(alice)

    assert anonymous.post(CONFIRM, {"token": token, "new_password": "short"}).status_code == 400
    assert anonymous.post(CONFIRM, {"token": token, "new_password": NEW}).status_code == 200


def test_a_login_renews_a_hash_with_other_parameters_and_ends_no_session(
    alice, client_of, anonymous, settings
):
    settings.PASSWORD_HASHERS = [
        "accounts.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    alice.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt" * 6, iterations=1000)
    alice.save()
    client = client_of(alice)

    assert anonymous.post(LOGIN, {"email": alice.email, "password": PASSWORD}).status_code == 200

    alice.refresh_from_db()
    assert alice.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert client.get(ME).status_code == 200


def test_a_password_set_in_code_ends_sessions_too(alice, client_of):
    client = client_of(alice)
    alice.set_password(NEW)
    alice.save()

    assert client.get(ME).status_code == 401
    assert not Session.objects.exists()


def test_expired_credentials_are_refused(alice, anonymous, credentials):
    past = timezone.now()
    Session.objects.update(expires_at=past)
    PersonalAccessToken.objects.update(expires_at=past)

    assert answers(anonymous, credentials) == [401, 401, 401]
