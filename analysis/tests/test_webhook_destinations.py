"""Where webhooks go, and where they never do, whatever a name server says."""

import asyncio
import signal
import ssl
from ipaddress import ip_network

import pytest
import trustme
from procrastinate.contrib.django import app

from analysis.models import WebhookDelivery
from analysis.services import cancel_analysis
from analysis.tests.factories import make_analysis, make_webhook
from analysis.tests.receivers import running_receiver
from analysis.tests.test_worker import as_if_a_minute_had_passed
from analysis.webhooks.destinations import is_allowed
from analysis.webhooks.sending import Sender
from ultrai.tests.processes import wait_until, worker

REFUSED = "The host is not on the public internet: webhooks are not sent there."
ALLOWED = ["127.0.0.0/8"]


class NameServer:
    """Answers with the next of these lists of addresses, and counts."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host, port):
        self.asked += 1
        return self.answers.pop(0)


def post(url, names, tls=None):
    return asyncio.run(Sender(names, tls).post(url, {}, b"{}"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",  # carriers' NAT
        "100.100.100.200",  # metadata of Alibaba
        "169.254.169.254",  # metadata of AWS, Google, Azure ...
        "168.63.129.16",  # Azure's own
        "192.0.0.192",  # metadata of Oracle
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",  # NAT64
        "64:ff9b:1::10.0.0.1",
        "2002:a00:1::",  # 6to4
        "2001:0:a00:1::",  # Teredo
        "2001:db8::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",  # metadata of AWS
        "fe80::1",
        "fe80::1%lo",
        "fec0::1",
        "ff02::1",
    ],
)
def test_a_name_that_leads_inside_is_refused(address):
    names = NameServer(["93.184.215.14", address])

    outcome = post("https://receiver.example.com/", names)

    assert (outcome.status, outcome.error) == (None, REFUSED)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_public_addresses_are_allowed(address):
    assert is_allowed(address)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "[::1]"])
def test_this_machine_is_refused_under_any_name(host, alice, receiver, run_jobs, settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    make_webhook(alice, f"http://{host}:{receiver.server_port}/")
    cancel_analysis(make_analysis(alice))
    run_jobs()

    assert receiver.messages == []
    assert WebhookDelivery.objects.get().error == REFUSED


def test_networks_of_the_settings_are_allowed(settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("10.20.0.0/16"), ip_network("fd12::/64")]

    allowed = ["10.20.3.4", "::ffff:10.20.3.4", "10.21.0.1", "fd12::1", "fd13::1"]

    assert [is_allowed(one) for one in allowed] == [True, True, False, True, False]


def test_what_was_checked_is_what_is_connected_to(receiver):
    names = NameServer(["127.0.0.1"], ["10.0.0.1"])

    outcome = post(f"http://receiver.example.com:{receiver.server_port}/x?y", names)

    assert (outcome.status, names.asked) == (204, 1)
    assert receiver.messages[0].path == "/x?y"
    assert receiver.messages[0].headers["host"] == f"receiver.example.com:{receiver.server_port}"


def test_an_address_that_is_away_leaves_the_next_one(receiver, settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    names = NameServer(["127.0.0.2", "127.0.0.1"])  # the receiver listens on the second only

    assert post(f"http://receiver.example.com:{receiver.server_port}/", names).status == 204


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def secure_receiver(authority, settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("127.0.0.1/32")]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("receiver.example.com", "localhost").configure_cert(context)
    with running_receiver(context) as receiver:
        yield receiver


@pytest.mark.parametrize(
    ("host", "is_trusted", "arrived"),
    [
        ("receiver.example.com", True, 1),
        ("other.example.com", True, 0),
        ("receiver.example.com", False, 0),
    ],
)
def test_the_certificate_must_be_the_hosts(host, is_trusted, arrived, authority, secure_receiver):
    tls = ssl.create_default_context()
    if is_trusted:
        authority.configure_trust(tls)

    outcome = post(f"https://{host}:{secure_receiver.server_port}/", NameServer(["127.0.0.1"]), tls)

    assert len(secure_receiver.messages) == arrived
    assert (outcome.status == 204) == bool(arrived)
    assert ("certificate verify failed" in outcome.error) != bool(arrived)


def test_kill_9_of_the_worker_loses_no_message(
    authority, secure_receiver, transactional_db, alice, tmp_path
):
    """The whole way: a real worker, TLS, the system's name server; then all of it again."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    variables = {
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32,::1/128",
    }
    secure_receiver.release.clear()
    make_webhook(alice, f"https://localhost:{secure_receiver.server_port}/hook")
    cancel_analysis(make_analysis(alice))
    with worker(**variables) as first:
        wait_until(lambda: secure_receiver.messages)
        first.send_signal(signal.SIGKILL)
        first.wait()
    secure_receiver.release.set()
    as_if_a_minute_had_passed()
    WebhookDelivery.objects.update(next_attempt_at="2026-01-01T00:00:00Z")
    app.configure_task("queue.rescue", queue="upkeep").defer(timestamp=0)

    with worker(**variables):
        wait_until(lambda: WebhookDelivery.objects.get().status == "delivered")

    ids = [message.headers["webhook-id"] for message in secure_receiver.messages]
    assert ids == [WebhookDelivery.objects.get().message] * 2
