"""`Idempotency-Key`: every POST is done once, however often it is sent."""

import zlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.idempotency import IdempotencyKey
from accounts.models import PersonalAccessToken, Session
from accounts.passwords import reset_token
from accounts.tests.test_own_data import everything_in_the_database
from accounts.tokens import start_session
from analysis.models import Analysis
from conftest import PASSWORD
from documents.models import Document, DocumentUsage
from documents.tests.factories import make_document
from ultrai.idempotency import NONCE_BYTES
from ultrai.tests.endpoints import ENDPOINTS, address_of
from ultrai.tests.processes import database_url, send, web
from ultrai.tests.test_contract import OPEN

KEY = {"Idempotency-Key": "f9dd5a0c-once"}
DOCUMENTS = reverse("document-list")
NOTE = {"filename": "note.txt", "content": "Water boils."}
QUESTION = {"models": ["builtin:summary"], "prompt": "What?"}
TOKEN = {"name": "ci", "scopes": ["read"]}
NEW_PASSWORD = f"another {PASSWORD}"
POSTS = {e.name: e for e in ENDPOINTS if "post" in e.methods}
# A body that each POST accepts, of one's rows and oneself.
BODIES = {
    "auth-register": lambda owned, user: {
        "email": "carol@example.com",
        "username": "Carol",
        "password": PASSWORD,
    },
    "auth-login": lambda owned, user: {"email": user.email, "password": PASSWORD},
    "auth-refresh": lambda owned, user: {"refresh_token": start_session(user).refresh_token},
    "auth-logout": None,
    "auth-logout-all": None,
    "password-change": lambda owned, user: {
        "current_password": PASSWORD,
        "new_password": NEW_PASSWORD,
    },
    "password-reset": lambda owned, user: {"email": user.email},
    "password-confirm": lambda owned, user: {
        "token": reset_token(user),
        "new_password": NEW_PASSWORD,
    },
    "token-list": lambda owned, user: TOKEN,
    "document-list": lambda owned, user: NOTE,
    "document-extract": None,
    "document-bulk-delete": lambda owned, user: {"ids": [owned["document"]]},
    "analysis-list": lambda owned, user: QUESTION | {"document_id": owned["document"]},
    "analysis-estimate": lambda owned, user: QUESTION | {"document_id": owned["document"]},
    "analysis-cancel": None,
    "analysis-retry": None,
    "analysis-rerun": lambda owned, user: {"models": ["builtin:quotes"]},
    "result-list": lambda owned, user: {
        "llm_provider": "paper",
        "prompt": "What?",
        "response": "42",
    },
    "webhook-list": lambda owned, user: {"url": "https://example.com/new"},
    "webhook-test": None,
    "webhook-rotate-secret": None,
    "webhook-delivery-redeliver": None,
}


def upload(client, *files, **headers):
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post(DOCUMENTS, {"file": sent}, format="multipart", headers=headers)


@pytest.mark.parametrize("name", POSTS)
def test_every_post_is_done_once_and_answered_alike(name, owned, alice, client_of):
    if name == "document-extract":
        owned["document"] = upload(client_of(alice), ("a.md", b"# Water")).json()["id"]
    if name == "analysis-retry":
        Analysis.objects.get(pk=owned["analysis"]).cancel()
    make_body, url = BODIES[name], address_of(POSTS[name], owned)
    body = make_body(owned, alice) if make_body else {}

    first = client_of(alice).post(url, body, headers=KEY)
    other_session = client_of(alice)  # where the first has ended
    done = sorted(everything_in_the_database())
    again = other_session.post(url, body, headers=KEY)
    done_again = sorted(everything_in_the_database())
    other = other_session.post(url, body | {"filename": "other"}, headers=KEY)

    assert 200 <= first.status_code < 300, first.json()
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (again.get("Location"), again["Idempotency-Replayed"]) == (first.get("Location"), "true")
    assert "Idempotency-Replayed" not in first
    assert done_again == done
    if name in OPEN:  # a stranger's key says nothing about another request
        assert "Idempotency-Replayed" not in other
    else:
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def test_no_body_is_kept_for_a_post_that_is_not_there():
    assert BODIES.keys() == POSTS.keys()


def test_of_requests_at_once_one_is_done_and_no_other_waits(transactional_db, alice):
    make_document(alice)
    headers = KEY | {"Authorization": f"Bearer {start_session(alice).access_token}"}
    with web(DATABASE_URL=database_url()) as url, ThreadPoolExecutor(8) as pool:
        with transaction.atomic():
            DocumentUsage.objects.select_for_update().get(user=alice)  # the one that works waits
            sent = [pool.submit(send, f"{url}/documents", NOTE, **headers) for _ in range(8)]
            refused = [
                future.result() for _, future in zip(range(7), as_completed(sent), strict=False)
            ]
        answers = [future.result() for future in sent]
        later = send(f"{url}/documents", NOTE, **headers)

    [done] = [answer for answer in answers if answer not in refused]
    assert {
        (status, a["Retry-After"], b"idempotency_in_progress" in body)
        for status, a, body in refused
    } == {(409, "1", True)}
    assert (done[0], later[0], later[2]) == (201, 201, done[2])
    assert later[1]["Idempotency-Replayed"] == "true"
    assert Document.objects.filter(filename="note.txt").count() == 1


def test_files_are_a_part_of_the_request(alice, client_of):
    client, files = client_of(alice), [("a.txt", b"One."), ("b.txt", b"Two.")]

    first, again = (upload(client, *files, **KEY) for _ in range(2))
    other = upload(client, files[0], ("b.txt", b"Too."), **KEY)

    assert (first.status_code, len(first.json()["results"])) == (201, 2)
    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert Document.objects.count() == 2


def test_answers_with_secrets_cannot_be_read_in_the_database(alice, client_of):
    client = client_of(alice)
    login = {"email": alice.email, "password": PASSWORD}
    answers = [
        client.post(reverse("auth-login"), login, headers=KEY).json(),
        client.post(reverse("token-list"), TOKEN, headers=KEY).json(),
    ]

    secrets = [answers[0]["access_token"], answers[0]["refresh_token"], answers[1]["token"]]
    secrets += [PASSWORD, KEY["Idempotency-Key"]]
    rows = "".join(everything_in_the_database())
    assert [s for s in secrets if s in rows or s.encode().hex() in rows] == []
    for kept in IdempotencyKey.objects.all():
        with pytest.raises(zlib.error):
            zlib.decompress(bytes(kept.answer or b"")[NONCE_BYTES:])


def test_what_was_written_before_a_refusal_stays(alice, anonymous):
    spent = {"refresh_token": start_session(alice).refresh_token}
    anonymous.post(reverse("auth-refresh"), spent)

    response = anonymous.post(reverse("auth-refresh"), spent, headers=KEY)

    assert (response.status_code, response.json()["code"]) == (401, "invalid_refresh_token")
    assert not Session.objects.filter(user=alice).exists()


def test_a_key_is_forgotten_after_a_day(alice, client_of, run_jobs):
    client = client_of(alice)
    client.post(reverse("token-list"), TOKEN, headers=KEY)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))

    again = client.post(reverse("token-list"), TOKEN | {"name": "x"}, headers=KEY)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    app.configure_task("accounts.clean", queue="upkeep").defer(timestamp=0)
    run_jobs()

    assert (again.status_code, PersonalAccessToken.objects.count()) == (201, 2)
    assert not IdempotencyKey.objects.exists()
