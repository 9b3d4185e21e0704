"""Metrics over the processes of a real gunicorn, and of what the workers did."""

import os
import re
import signal
from pathlib import Path

import pytest
from django.urls import reverse

from analysis.tests.factories import make_analysis
from documents.tests.factories import make_document
from ultrai.tests.processes import database_url, fetch, gunicorn, wait_until

TOKEN = "a-token-for-metrics-of-32-letters"
HISTOGRAM = "ultrai_http_request_duration_seconds"


def scrape(url):
    status, _, body = fetch(f"{url}/metrics", Authorization=f"Bearer {TOKEN}")
    return body.decode() if status == 200 else ""


def counted(url, route, status):
    series = rf'{HISTOGRAM}_count{{method="GET",route="{route}",status="{status}"}} (\d+)'
    return int((re.findall(series, scrape(url)) or [0])[0])


def test_all_processes_are_counted_and_the_dead_ones_too(transactional_db, tmp_path):
    variables = {
        "DATABASE_URL": database_url(),
        "METRICS_TOKEN": TOKEN,
        "TMPDIR": str(tmp_path),
    }
    with gunicorn(2, **variables) as (url, master):
        for number in range(30):
            assert fetch(f"{url}/documents/{number}")[0] == 401
        assert counted(url, "/documents/<int:pk>", 401) == 30
        assert "/documents/7" not in scrape(url)
        wait_until(lambda: 'ultrai_database_pool_connections{state="idle"}' in scrape(url))

        children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
        assert len(children) == 2
        for child in children:
            os.kill(int(child), signal.SIGKILL)
            wait_until(lambda: scrape(url))
        for number in range(30):
            fetch(f"{url}/documents/{number}")
        assert counted(url, "/documents/<int:pk>", 401) == 60

        [folder] = tmp_path.glob("ultrai-metrics-*")
        # Two places, however many processes had them.
        assert len(list(folder.glob("histogram_*.db"))) == 2
        master.send_signal(signal.SIGTERM)
        master.wait()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("token", "sent", "status"),
    [
        ("", "Bearer ", 404),
        ("", f"Bearer {TOKEN}", 404),
        (TOKEN, "", 401),
        (TOKEN, "Bearer x", 401),
        (TOKEN, f"Basic {TOKEN}", 401),
        (TOKEN, f"Bearer {TOKEN}", 200),
    ],
)
def test_they_are_for_whoever_has_the_token(db, anonymous, settings, token, sent, status):
    settings.METRICS_TOKEN = token

    response = anonymous.get(reverse("metrics"), headers={"Authorization": sent})

    assert response.status_code == status


def test_calls_are_counted_by_provider_and_outcome(alice, run_jobs, anonymous, settings):
    settings.METRICS_TOKEN = TOKEN
    document = make_document(alice)
    make_analysis(user=alice, document=document, prompt="Why?", models=["builtin:summary"])
    run_jobs()

    token = {"Authorization": f"Bearer {TOKEN}"}
    text = anonymous.get(reverse("metrics"), headers=token).content.decode()

    assert 'ultrai_provider_calls_total{outcome="succeeded",provider="builtin"} 1.0' in text
    assert 'ultrai_provider_cost_usd_total{provider="builtin"} 0.0' in text
    assert "ultrai_database_up 1.0" in text


def test_what_a_client_invents_makes_no_series(db, anonymous, settings):
    settings.METRICS_TOKEN = TOKEN
    anonymous.generic("INVENTED", "/nobody/knows")

    token = {"Authorization": f"Bearer {TOKEN}"}
    text = anonymous.get(reverse("metrics"), headers=token).content.decode()

    assert 'method="other",route="unmatched",status="404"' in text
    assert "INVENTED" not in text
