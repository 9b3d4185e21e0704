import pytest
from django.core.management import call_command

from accounts.models import User
from conftest import PASSWORD


@pytest.mark.django_db
def test_createsuperuser_takes_everything_from_the_environment(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", "Root@example.com")
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "Root")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)

    call_command("createsuperuser", interactive=False, verbosity=0)

    user = User.objects.get()
    assert (user.email, user.username, user.is_superuser) == ("root@example.com", "Root", True)
    assert user.check_password(PASSWORD)
