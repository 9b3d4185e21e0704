import pytest
from django.test import Client

from accounts.models import User


@pytest.fixture
def staff(db):
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "Root"))
    return client
