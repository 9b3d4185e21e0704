import pytest
from django.contrib.auth.hashers import identify_hasher
from django.urls import reverse

from accounts.models import User
from conftest import PASSWORD

NEW = {"email": "carol@example.com", "username": "Carol", "password": PASSWORD}


@pytest.mark.django_db
def test_register_stores_the_user_and_returns_the_profile(anonymous):
    response = anonymous.post(reverse("auth-register"), NEW)

    user = User.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": user.pk,
        "email": "carol@example.com",
        "username": "Carol",
        "created_at": user.created_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.django_db
def test_the_password_is_stored_as_argon2id_with_our_parameters(anonymous):
    anonymous.post(reverse("auth-register"), NEW)

    stored = User.objects.get().password
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert identify_hasher(stored).verify(PASSWORD, stored)


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@Example.COM"])
def test_a_taken_email_is_refused_in_any_letters(alice, anonymous, email):
    response = anonymous.post(reverse("auth-register"), NEW | {"email": email})

    assert response.status_code == 400
    assert response.json()["code"] == "email_taken"
    assert User.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "not an address"),
        ("email", "a" * 250 + "@example.com"),
        ("email", "\u0130" * 240 + "@example.com"),  # longer in lower case
        ("username", ""),
        ("username", "x" * 101),
        ("password", "too short"),
        ("password", "password1234"),  # among the common ones
        ("password", "carol@example.com"),  # like the email
        ("password", "UltrAI-Core-2026"),  # the words of this service
        ("password", "x" * 129),
    ],
)
def test_bad_input_names_the_field_and_stores_nothing(anonymous, field, value):
    response = anonymous.post(reverse("auth-register"), NEW | {field: value})

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    assert not User.objects.exists()


@pytest.mark.django_db
def test_the_database_itself_refuses_an_email_with_capitals():
    user = User(email="Carol@example.com", username="Carol")

    with pytest.raises(Exception, match="email_lower_case"):
        user.save()
