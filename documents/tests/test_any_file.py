"""Any bytes under any name: stored, refused or failed with a reason, never a 500."""

import io

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from accounts.models import User
from conftest import PASSWORD
from documents.models import Document

HEADS = [
    b"",
    b"%PDF-1.7\n",
    b"PK\x03\x04",
    b"{\\rtf1 ",
    b"<html>",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xfe",
]
FILES = some.builds(bytes.__add__, some.sampled_from(HEADS), some.binary(max_size=300))
NAMES = some.text(max_size=60).map(lambda name: name or "x")


@pytest.fixture
def upload(transactional_db, client_of, run_jobs):
    user = User.objects.create_user("any@example.com", "Any", PASSWORD)
    client = client_of(user)

    def upload(name, data):
        file = io.BytesIO(data)
        file.name = name
        return client.post(reverse("document-list"), {"file": file}, format="multipart")

    return upload


def test_any_file_is_stored_refused_or_failed_with_a_reason(upload, run_jobs):
    statuses = set()

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=HealthCheck)
    @given(name=NAMES, data=FILES)
    def try_one(name, data):
        statuses.add(upload(name, data).status_code)

    try_one()
    run_jobs()

    assert statuses <= {200, 201, 400, 415}
    assert 201 in statuses
    assert not Document.objects.filter(status="pending").exists()
    assert not Document.objects.filter(status="failed", error="").exists()
    assert not Document.objects.filter(error_code="internal_error").exists()
