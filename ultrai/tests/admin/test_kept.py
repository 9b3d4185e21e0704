"""The front page's figures are kept for some seconds, for all who may see them."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import override_script_prefix
from django.urls import reverse

from accounts.models import User
from accounts.tests.test_staff import member_of
from analysis.figures.models import UserFigures
from ultrai import kept
from ultrai.admin import front_page
from ultrai.admin.front_page import Cell, Column, Panel, Source
from ultrai.tests.admin.test_front_page import (
    FRONT_PAGE,
    count,
    make_call,
    make_failed_call,
    panels_of,
    text_of,
)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are added to."""
    seconds = [1_000.0]
    monkeypatch.setattr(kept, "monotonic", lambda: seconds[0])
    return seconds


def calls(client):
    return panels_of(client.get(FRONT_PAGE))["Tokens and cost by user"][0][1]


def test_figures_are_made_anew_after_ten_seconds(staff, alice, clock):
    make_call(alice)
    count()
    assert calls(staff) == "1"
    make_call(alice)
    count()

    clock[0] += 9.9
    assert calls(staff) == "1"
    clock[0] += 0.1
    assert calls(staff) == "2"


def test_what_users_spent_is_added_up_again_when_the_worker_has_counted_or_after_a_minute(
    staff, alice, clock
):
    make_call(alice)
    count()
    assert calls(staff) == "1"
    UserFigures.objects.update(calls=5)  # as nobody does
    clock[0] += 10
    assert calls(staff) == "1"

    clock[0] += 50
    assert calls(staff) == "5"
    count()
    clock[0] += 10
    assert calls(staff) == "1"


def test_the_page_says_as_of_when_the_figures_are(staff, monkeypatch):
    first = datetime(2026, 11, 28, 12, 30, 59, 999_999, UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: first)
    assert "As of 2026-11-28 12:30:59 UTC." in staff.get(FRONT_PAGE).text
    monkeypatch.setattr("django.utils.timezone.now", lambda: first + timedelta(seconds=1))

    assert "As of 2026-11-28 12:30:59 UTC." in staff.get(FRONT_PAGE).text
    assert "As of 2026-11-28 12:31:00 UTC." in staff.get(FRONT_PAGE, {"period": "24h"}).text


@pytest.mark.parametrize(
    ("permission", "hidden"),
    [
        ("view_analysis", ["Analyses that ended, by day (UTC)"]),
        (
            "view_analysisresult",
            [
                "Failures by code",
                "Latency by provider",
                "Tokens and cost by provider",
                "Tokens and cost by user",
            ],
        ),
        ("view_user", ["Tokens and cost by user"]),
        ("view_procrastinatejob", ["Now: queues and worker"]),
        ("view_document", ["Storage by type"]),
    ],
)
def test_what_is_kept_for_others_is_seen_by_nobody_who_may_not(staff, permission, hidden):
    support = member_of("Support")
    everything = panels_of(staff.get(FRONT_PAGE))
    assert panels_of(support.get(FRONT_PAGE)) == everything
    permissions = Group.objects.get(name="Support").permissions
    permissions.remove(*Permission.objects.filter(codename=permission))

    assert sorted(everything.keys() - panels_of(support.get(FRONT_PAGE)).keys()) == hidden
    assert panels_of(staff.get(FRONT_PAGE)) == everything


def test_who_asks_by_another_prefix_changes_no_links_of_others(staff, alice):
    make_failed_call(alice)
    count()
    results = reverse("admin:analysis_analysisresult_changelist")
    with override_script_prefix("/elsewhere/"):
        assert f'<a href="/elsewhere{results}?error_code=' in staff.get(FRONT_PAGE).text

    assert "/elsewhere/" not in staff.get(FRONT_PAGE).text


def test_each_is_offered_what_they_may_do(staff, db):
    def offered(client):
        page = client.get(FRONT_PAGE).text
        return set(re.findall(r'<a href="([^"]*)" class="(addlink|changelink|viewlink)"', page))

    support, users = member_of("Support"), reverse("admin:accounts_user_changelist")

    assert (users, "changelink") in offered(staff)
    assert (users, "viewlink") in offered(support)
    assert not [url for url, kind in offered(support) if kind != "viewlink"]
    assert (users, "changelink") in offered(staff)


def actions_of(client):
    part = client.get(FRONT_PAGE).text.partition('id="recent-actions-module"')[2]
    return [
        (kind, " ".join(text_of(about).split()), re.findall('<a href="([^"]*)"', about))
        for kind, about in re.findall(r'<li class="(\w+link)">(.*?)</li>', part, re.DOTALL)
    ]


def test_each_sees_at_once_what_they_did_themselves(staff, alice, bob, client_of):
    root, log = User.objects.get(email="root@example.com"), LogEntry.objects
    assert actions_of(staff) == []
    for flag in (ADDITION, CHANGE, DELETION):
        log.log_actions(root.pk, [alice], flag)
    log.log_actions(bob.pk, [bob], CHANGE)
    alice_page = reverse("admin:accounts_user_change", args=[alice.pk])

    assert actions_of(staff) == [
        ("deletelink", "Deleted: alice@example.com User", []),
        ("changelink", "Changed: alice@example.com User", [alice_page]),
        ("addlink", "Added: alice@example.com User", [alice_page]),
    ]
    assert actions_of(member_of("Support")) == []


def test_the_last_ten_actions_are_shown_also_of_what_is_no_more(staff):
    root = User.objects.get(email="root@example.com")
    gone = ContentType.objects.create(app_label="gone", model="model")
    log = partial(LogEntry.objects.create, user=root, object_id="1", action_flag=CHANGE)
    for number in range(9):
        log(object_repr=f"number {number}")
    log(object_repr="<b>gone</b>", content_type=gone)
    log(object_repr="without a kind")

    assert actions_of(staff) == [
        ("changelink", "Changed: without a kind Unknown content", []),
        ("changelink", "Changed: <b>gone</b> Model", []),
        *(("changelink", f"Changed: number {of} Unknown content", []) for of in range(8, 0, -1)),
    ]


class Making:
    """A panel that is made when it is let go on, and counts how often."""

    def __init__(self):
        self.times, self.has_begun, self.may_end = 0, Event(), Event()

    def __call__(self, period):
        self.times += 1
        number = self.times
        self.has_begun.set()
        assert self.may_end.wait(10)
        yield Panel("Making", [Column("Time")], [[Cell(str(number))]])


@pytest.fixture
def making(transactional_db, monkeypatch):
    making = Making()
    monkeypatch.setattr(front_page, "sources", [Source(0, (), making)])
    return making


@pytest.fixture
def asked(staff):
    """Ask in a thread of its own; who waits is let go on in the end."""
    with ThreadPoolExecutor(4) as threads:

        def ask():
            with closing(connection):
                return panels_of(staff.get(FRONT_PAGE))["Making"]

        yield lambda: threads.submit(ask)


def test_of_two_who_ask_first_one_has_the_figures_made(making, asked):
    first = asked()
    making.has_begun.wait(10)
    second = asked()
    with pytest.raises(TimeoutError):
        second.result(0.3)  # has nothing to show yet

    making.may_end.set()

    assert (first.result(10), second.result(10), making.times) == ([("1",)], [("1",)], 1)


def test_while_figures_are_made_anew_the_others_see_the_old_ones(making, asked, clock):
    making.may_end.set()
    assert asked().result(10) == [("1",)]
    clock[0] += 59
    making.has_begun.clear()
    making.may_end.clear()

    first = asked()
    making.has_begun.wait(10)
    assert asked().result(10) == [("1",)]
    making.may_end.set()

    assert (first.result(10), making.times) == ([("2",)], 2)


def test_figures_older_than_a_minute_are_waited_for(making, asked, clock):
    making.may_end.set()
    assert asked().result(10) == [("1",)]
    clock[0] += 60
    making.has_begun.clear()
    making.may_end.clear()

    first = asked()
    making.has_begun.wait(10)
    second = asked()
    with pytest.raises(TimeoutError):
        second.result(0.3)
    making.may_end.set()

    assert (first.result(10), second.result(10), making.times) == ([("2",)], [("2",)], 2)


def test_who_cannot_make_it_stops_nobody():
    values: kept.Kept[int] = kept.Kept(most=1)
    with pytest.raises(ZeroDivisionError):
        values.get("key", lambda: 1 // 0)

    assert values.get("key", lambda: 1) == 1


def test_no_more_is_kept_than_that():
    values: kept.Kept[str] = kept.Kept(most=2)
    for key in "abc":
        values.get(key, lambda: "first")

    assert [values.get(key, lambda: "again") for key in "cba"] == ["first", "first", "again"]
