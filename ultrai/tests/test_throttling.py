import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from conftest import PASSWORD
from ultrai.environment import Rate
from ultrai.throttling import client_address

LOGIN = reverse("auth-login")


@pytest.fixture
def rates(settings):
    """Set rates for this test: rates(login=Rate(3, 60))."""

    def rates(**changed):
        settings.THROTTLES = settings.THROTTLES | changed

    return rates


@pytest.fixture
def login(anonymous):
    def login(password, email="alice@example.com", address="192.0.2.1"):
        body = {"email": email, "password": password}
        return anonymous.post(LOGIN, body, REMOTE_ADDR=address)

    return login


def test_failed_logins_are_slowed_down_with_growing_delay(alice, login, rates):
    rates(login=Rate(2, 900))

    answers = [login("a wrong guess") for _ in range(5)]

    assert [a.status_code for a in answers] == [401, 401, 401, 429, 429]
    assert answers[3].json()["code"] == "too_many_attempts"
    assert 1 <= int(answers[3]["Retry-After"]) <= 2
    assert answers[3].json()["retry_after"] == int(answers[3]["Retry-After"])


def test_while_it_waits_even_the_right_password_is_refused_there(alice, login, rates):
    rates(login=Rate(1, 900))
    for _ in range(2):
        login("a wrong guess")

    assert login(PASSWORD).status_code == 429


def test_nobody_can_lock_out_somebody_else(alice, login, rates):
    rates(login=Rate(2, 900))
    for _ in range(10):
        login("a wrong guess", address="203.0.113.66")

    assert login(PASSWORD, address="192.0.2.1").status_code == 200


def test_a_success_forgets_the_accounts_failures(alice, login, rates):
    rates(login=Rate(3, 900))
    for _ in range(3):
        assert [login("a wrong guess").status_code for _ in range(2)] == [401, 401]
        assert login(PASSWORD).status_code == 200


def test_one_address_that_tries_many_accounts_is_slowed_down(alice, login, rates):
    rates(login_address=Rate(3, 900))

    answers = [login("a wrong guess", email=f"{n}@example.com").status_code for n in range(6)]

    assert answers == [401, 401, 401, 401, 429, 429]


def test_an_account_of_ones_own_does_not_wipe_out_guesses_at_others(alice, bob, login, rates):
    rates(login_address=Rate(3, 900))
    answers = []
    for n in range(5):
        answers.append(login("a wrong guess", email=f"{n}@example.com").status_code)
        login(PASSWORD, email=bob.email)

    assert answers[-1] == 429


def test_the_admins_login_has_the_same_limits(db, rates):
    rates(login=Rate(1, 900))
    User.objects.create_superuser("root@example.com", "Root", PASSWORD)
    form = {"username": "root@example.com", "password": "a wrong guess"}

    answers = [Client().post(reverse("admin:login"), form).status_code for _ in range(3)]

    assert answers == [200, 200, 429]  # Django's form is shown again with 200


def test_off_turns_a_rate_off(alice, login, rates):
    rates(login=None, login_address=None)

    assert {login("a wrong guess").status_code for _ in range(15)} == {401}


def test_registrations_are_limited_by_address(db, anonymous, rates):
    rates(register=Rate(2, 3600))

    def register(number, address):
        body = {"email": f"{number}@example.com", "username": "x", "password": PASSWORD}
        return anonymous.post(reverse("auth-register"), body, REMOTE_ADDR=address).status_code

    assert [register(n, "192.0.2.1") for n in range(3)] == [201, 201, 429]
    assert register(9, "192.0.2.2") == 201


def test_answers_say_what_is_left_of_the_users_rate(alice, bob, client_of, rates):
    rates(user=Rate(2, 86_400))
    client = client_of(alice)

    answers = [client.get(reverse("auth-me")) for _ in range(3)]

    assert [a.status_code for a in answers] == [200, 200, 429]
    assert [a["RateLimit"].split(";t=")[0] for a in answers] == [
        '"user";r=1',
        '"user";r=0',
        '"user";r=0',
    ]
    assert answers[0]["RateLimit-Policy"] == '"user";q=2;w=86400'
    assert int(answers[2]["Retry-After"]) > 0
    assert client_of(bob).get(reverse("auth-me")).status_code == 200


def test_health_checks_are_never_refused(anonymous, rates):
    rates(address=Rate(1, 86_400))

    assert {anonymous.get(reverse("health-live")).status_code for _ in range(3)} == {200}


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, "198.51.100.7", "192.0.2.1"),  # nobody's proxy: the header proves nothing
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "1.1.1.1, 198.51.100.7", "198.51.100.7"),  # the first was written by the client
        (2, "1.1.1.1, 198.51.100.7, 10.0.0.1", "198.51.100.7"),
        (2, "198.51.100.7", "192.0.2.1"),  # it came past the proxies
        (1, "", "unknown"),
        (1, "nonsense", "unknown"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_clients_address_is_what_our_proxies_saw(settings, hops, forwarded, address):
    settings.TRUSTED_PROXY_HOPS = hops
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded)

    assert client_address(request) == address
