"""Pages are kept: nobody sees what was rendered for somebody else, or what was before."""

import re
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import Permission
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from accounts.models import User
from documents.tests.factories import make_document

DOCUMENTS = reverse("admin:documents_document_changelist")
HOME = reverse("admin:index")
USERS = reverse("admin:accounts_user_changelist")


pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk():
    """Staff who may see documents and nothing else."""
    user = User.objects.create_user("clerk@example.com", "Clerk", None, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_document"))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def shown(page):
    """What is in the header, in the sidebar and among the actions."""
    header = re.search(r"<strong>(.*?)</strong>", page.text)
    sidebar = page.text.split('id="nav-sidebar"')[1].split("</nav>")[0]
    links = re.findall(r'href="(/admin/\w+/\w+/)"', sidebar)
    return header and header[1], links, 'name="action"' in page.text


def test_everybody_sees_their_own_page_whoever_came_before(staff, clerk):
    for _ in range(2):
        name, links, has_actions = shown(staff.get(DOCUMENTS))
        assert (name, has_actions) == ("root@example.com", True)
        assert {DOCUMENTS, reverse("admin:accounts_user_changelist")} < set(links)

        assert shown(clerk.get(DOCUMENTS)) == ("clerk@example.com", [DOCUMENTS], False)


def test_what_somebody_may_do_is_asked_each_time(staff, clerk):
    assert shown(clerk.get(DOCUMENTS)) == ("clerk@example.com", [DOCUMENTS], False)

    User.objects.filter(email="clerk@example.com").update(is_superuser=True)

    name, links, has_actions = shown(clerk.get(DOCUMENTS))
    assert (name, has_actions) == ("clerk@example.com", True)
    assert set(links) == set(shown(staff.get(DOCUMENTS))[1])


def test_a_new_address_is_shown(clerk):
    assert shown(clerk.get(DOCUMENTS))[0] == "clerk@example.com"

    User.objects.filter(email="clerk@example.com").update(email="o'neill@example.com")

    assert shown(clerk.get(DOCUMENTS))[0] == "o&#x27;neill@example.com"


def test_the_sidebar_marks_the_list_that_is_open(staff):
    for name in ("accounts_user", "documents_document", "accounts_user"):
        url = reverse(f"admin:{name}_changelist")
        page = staff.get(url).text.split('id="nav-sidebar"')[1].split("</nav>")[0]

        assert re.findall(r'href="(.*?)" aria-current="page"', page) == [url]


def test_a_list_in_a_window_of_its_own_is_not_the_one_of_a_page(staff):
    def adding(query):
        return re.findall(r'href="(/admin/accounts/user/add/[^"]*)"', staff.get(USERS, query).text)

    usual = adding({})
    assert usual
    assert all("_popup=1" in link for link in adding({"_popup": "1"}))
    assert adding({}) == usual


def test_the_filters_mark_what_is_chosen(staff):
    def chosen(query):
        page = staff.get(DOCUMENTS, query).text.split('id="changelist-filter"')[1]
        return re.findall(r'<li class="selected">\s*<a href="(.*?)">', page.split("</search>")[0])

    assert "?status=ready" not in chosen({})
    assert "?status=ready" in chosen({"status": "ready"})
    assert "?status=ready" in chosen({"status": "ready", "older_than": "5"})
    assert "?status=ready" not in chosen({})


def test_each_page_of_a_list_has_its_own_rows_and_links(staff, alice):
    ids = [str(make_document(alice).pk) for _ in range(151)][::-1]  # three pages of 50, and one

    for first in (0, 50, 100, 150, 50, 0):
        query = {"older_than": ids[first - 1]} if first else {}
        page = staff.get(DOCUMENTS, query).text

        assert re.findall(r'name="_selected_action" value="(\d+)"', page) == ids[first:][:50]
        assert ("Older" in page, "Newest" in page) == (first < 150, first > 0)


def test_whoever_adds_a_row_comes_back_to_the_page_they_were_on(staff):
    for query in ("is_staff__exact=1", "is_staff__exact=1&older_than=7", "is_staff__exact=1"):
        page = staff.get(f"{USERS}?{query}").text

        (link,) = re.findall(r'href="/admin/accounts/user/add/\?([^"]*)"', page)
        assert unquote(link) == f"_changelist_filters={query}"


def test_a_search_is_in_no_page_but_its_own(staff):
    for query in ({}, {"q": "somebody@example.com"}, {}):
        assert ("somebody" in staff.get(DOCUMENTS, query).text) == bool(query)


def test_a_message_is_shown_once_and_to_nobody_else(staff, clerk):
    """The front page says so when it does not know the period: on the page, and on no other."""
    for _ in range(2):
        assert "The period is one of" in staff.get(HOME, {"period": "1y"}).text
        for client in (staff, clerk):
            assert "The period is one of" not in client.get(HOME).text


def test_each_page_has_the_token_of_whoever_asks_for_it(staff, clerk):
    staff.get(DOCUMENTS)
    page = clerk.get(DOCUMENTS).text

    tokens = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert len(tokens) == 2
    assert len(set(tokens)) == 1
    logout = clerk.post(reverse("admin:logout"), {"csrfmiddlewaretoken": tokens[0]})
    assert logout.status_code == 200
    assert clerk.get(DOCUMENTS).status_code == 302


def test_pages_with_links_of_their_own_in_the_header_keep_them():
    user = User.objects.create_superuser("root@example.com", "Root", "a password of some length")
    client = Client()
    client.force_login(user)
    change = reverse("admin:password_change")
    for url, count in ((HOME, 1), (change, 0), (HOME, 1)):
        header = client.get(url).text.split('<header id="header">')[1].split("</header>")[0]
        assert header.count(f'href="{change}"') == count


def shown_to(page, who, **values):
    return page.render(Context({"who": who, **values}))


def test_what_is_fresh_is_so_in_whatever_is_kept_around_it():
    page = Template(
        "{% load kept %}{% kept outer %}{{ outer }}{% kept inner %}{{ inner }}"
        "{% fresh %}{{ who }}{% endfresh %}{{ time }}{% endkept %}{% endkept %}"
    )

    assert shown_to(page, "alice", outer=1, inner=2, time=":1") == "12alice:1"
    assert shown_to(page, "bob", outer=1, inner=2, time=":2") == "12bob:1"
    assert shown_to(page, "carol", outer=3, inner=2, time=":3") == "32carol:1"
    assert shown_to(page, "dave", outer=3, inner=4, time=":4") == "32dave:1"
    assert shown_to(page, "erin", outer=5, inner=4, time=":5") == "54erin:5"


def test_what_is_fresh_is_kept_for_nobody_however_it_is_included():
    part = Template("{% load kept %}{% fresh %}{{ who }}{{ name }}{% endfresh %}")
    for include in ("{% include part %}", "{% include part with name=who only %}"):
        page = Template("{% load kept %}{% kept %}" + include + "{% endkept %}")

        shown_to(page, "alice", part=part)
        assert shown_to(page, "bob", part=part) == "bob"
