"""The endpoints under /webhooks."""

import pytest
from django.urls import reverse
from standardwebhooks.webhooks import Webhook

from accounts.tests.test_own_data import everything_in_the_database
from analysis.models import WebhookDelivery, WebhookEndpoint
from analysis.tests.factories import make_delivery, make_webhook

WEBHOOKS = reverse("webhook-list")
URL = "https://example.com/hook"


@pytest.fixture
def webhook(alice):
    return make_webhook(alice)


def address(name, *ids):
    return reverse(f"webhook-{name}", args=[getattr(one, "pk", one) for one in ids])


def test_a_webhook_is_made_with_its_secret_and_shown_without(alice, client_of):
    client = client_of(alice)

    created = client.post(
        WEBHOOKS, {"url": URL, "description": "CI", "events": ["analysis.failed"]}
    )

    body = created.json()
    secret = body.pop("secret")
    assert created.status_code == 201
    assert secret.startswith("whsec_")
    assert (
        body == client.get(created["Location"]).json() == client.get(WEBHOOKS).json()["results"][0]
    )
    assert (body["url"], body["events"], body["enabled"]) == (URL, ["analysis.failed"], True)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "ftp://example.com/"},
        {"url": "https://user:password@example.com/"},
        {"url": "https://example.com/#top"},
        {"url": "https://example.com:99999/"},
        {"url": "https://exämple.com/"},
        {"url": "https://example.com/a b"},
        {"url": "https://127.0.0.1/"},
        {"url": "https://127.1/"},
        {"url": "https://2130706433/"},
        {"url": "https://[::ffff:7f00:1]/"},
        {"url": ""},
        {"events": []},
        {"events": ["analysis.started"]},
    ],
)
def test_what_cannot_be_called_is_refused(changes, alice, client_of):
    response = client_of(alice).post(WEBHOOKS, {"url": URL} | changes)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == list(changes)


def test_production_sends_by_https_only(alice, client_of, settings):
    settings.WEBHOOK_SCHEMES = {"https"}

    response = client_of(alice).post(WEBHOOKS, {"url": "http://example.com/"})

    assert response.json()["errors"] == {"url": ["Webhooks are sent by https only."]}


def test_a_user_has_twenty_at_the_most(alice, client_of):
    for _ in range(20):
        make_webhook(alice)

    response = client_of(alice).post(WEBHOOKS, {"url": URL})

    assert (response.status_code, response.json()["code"]) == (409, "too_many_webhooks")


@pytest.mark.parametrize("action", ["create", "rotate"])
def test_a_repeated_request_gets_the_same_secret_and_no_row_has_it(
    action, alice, webhook, client_of
):
    url = WEBHOOKS if action == "create" else address("rotate-secret", webhook)
    headers = {"Idempotency-Key": "once"}
    first, second = (
        client_of(alice).post(url, {"url": URL} if action == "create" else {}, headers=headers)
        for _ in range(2)
    )

    secret = first.json()["secret"]
    assert second["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()
    assert not [row for row in everything_in_the_database() if secret[6:] in row]


def test_after_a_rotation_both_secrets_sign(alice, receiver, client_of, run_jobs):
    webhook = make_webhook(alice, receiver.url)
    new = client_of(alice).post(address("rotate-secret", webhook)).json()["secret"]
    client_of(alice).post(address("test", webhook))
    run_jobs()

    [message] = receiver.messages
    assert new != webhook.secret
    for secret in (new, webhook.secret):
        verified = Webhook(secret).verify(message.body, message.headers)
        assert verified["data"] == {"webhook_id": webhook.pk}


def test_a_day_after_a_rotation_only_the_new_secret_signs(webhook):
    webhook.rotate_secret()
    WebhookEndpoint.objects.update(previous_secret_until="2026-01-01T00:00:00Z")
    webhook.refresh_from_db()

    assert len(webhook.signatures(b"x").split()) == 1


def test_a_test_says_what_came_of_it_and_is_not_repeated(alice, receiver, client_of, run_jobs):
    receiver.replies = [(500, {})]
    client = client_of(alice)
    answer = client.post(address("test", make_webhook(alice, receiver.url)))
    run_jobs()

    delivery = client.get(answer["Location"]).json()
    assert answer.status_code == 202
    assert (delivery["event"], delivery["status"]) == ("webhook.test", "failed")
    assert (delivery["response_status"], delivery["attempts"]) == (500, 1)
    assert WebhookEndpoint.objects.get().failing_since is None


def test_deliveries_are_listed_by_status_the_newest_first(alice, webhook, client_of):
    failed = [make_delivery(webhook).pk for _ in range(2)]
    client_of(alice).post(address("test", webhook))

    response = client_of(alice).get(address("delivery-list", webhook), {"status": "failed"})

    assert [row["id"] for row in response.json()["results"]] == failed[::-1]


def test_a_delivery_is_sent_anew_under_its_old_id(alice, receiver, client_of, run_jobs):
    delivery = make_delivery(make_webhook(alice, receiver.url))
    again = address("delivery-redeliver", delivery.endpoint, delivery)
    response = client_of(alice).post(again)
    run_jobs()

    assert (response.status_code, response.json()["status"]) == (202, "pending")
    assert [m.headers["webhook-id"] for m in receiver.messages] == [delivery.message]
    assert WebhookDelivery.objects.get().status == "delivered"


def test_what_is_on_its_way_is_not_sent_twice(alice, webhook, client_of):
    client = client_of(alice)
    sent = client.post(address("test", webhook)).json()

    again = client.post(address("delivery-redeliver", webhook, sent["id"]))
    tested = client.post(address("test", webhook))

    assert [again.status_code, again.json()["code"]] == [409, "delivery_pending"]
    assert [tested.status_code, tested.json()["code"]] == [409, "delivery_pending"]


def test_to_a_disabled_webhook_nothing_is_sent(alice, webhook, client_of):
    delivery = make_delivery(webhook)
    webhook.disable("It answered 410 Gone.")

    answers = [
        client_of(alice).post(address("test", webhook)),
        client_of(alice).post(address("delivery-redeliver", webhook, delivery)),
    ]

    assert [a.json()["code"] for a in answers] == ["webhook_disabled"] * 2


def test_another_webhooks_delivery_is_404(alice, webhook, client_of):
    other = make_delivery(make_webhook(alice))

    response = client_of(alice).get(address("delivery-detail", webhook, other))

    assert response.status_code == 404


def test_a_change_does_not_undo_what_the_worker_wrote(alice, webhook, client_of):
    webhook.disable("It answered 410 Gone.")

    body = client_of(alice).patch(address("detail", webhook), {"description": "old"}).json()

    assert (body["description"], body["enabled"]) == ("old", False)


def test_deleting_a_webhook_deletes_its_deliveries(alice, webhook, client_of):
    make_delivery(webhook)

    assert client_of(alice).delete(address("detail", webhook)).status_code == 204
    assert not WebhookDelivery.objects.exists()
