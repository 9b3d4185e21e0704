import pytest
from django.test import Client

from accounts.models import User
from conftest import PASSWORD


@pytest.fixture
def staff(db):
    User.objects.create_superuser("root@example.com", "Root", PASSWORD)
    client = Client()
    assert client.login(username="root@example.com", password=PASSWORD)
    return client
