import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import PersonalAccessToken, Session, User
from accounts.tokens import make_personal_access_token
from conftest import PASSWORD
from documents.tests.factories import make_document

USERS = reverse("admin:accounts_user_changelist")


def member_of(group, password=None):
    user = User.objects.create_user(f"{group}@example.com", group, password, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def administrator(db):
    return member_of("Administrators")


@pytest.fixture
def support(db):
    return member_of("Support")


def run_action(client, action, user):
    chosen = {"action": action, "_selected_action": [user.pk]}
    return client.post(USERS, chosen | {"confirmed": "yes"})


@pytest.mark.parametrize("action", ["deactivate", "end_sessions", "force_password_reset"])
def test_staff_actions_end_sessions_and_tokens_and_are_logged(
    administrator, alice, client_of, action
):
    client = client_of(alice)
    make_personal_access_token(user=alice, name="x", scopes=["read"], expires_at=None)

    response = run_action(administrator, action, alice)

    assert response.status_code == 302
    assert client.get(reverse("auth-me")).status_code == 401
    assert (Session.objects.count(), PersonalAccessToken.objects.count()) == (0, 0)
    assert LogEntry.objects.get().object_id == str(alice.pk)


def test_a_forced_reset_leaves_only_the_mail(administrator, alice, anonymous, run_jobs, mailoutbox):
    run_action(administrator, "force_password_reset", alice)
    run_jobs()

    body = {"email": alice.email, "password": PASSWORD}
    assert anonymous.post(reverse("auth-login"), body).status_code == 401
    assert [message.to for message in mailoutbox] == [[alice.email]]


def test_a_deactivated_user_is_out(administrator, alice, anonymous):
    run_action(administrator, "deactivate", alice)

    body = {"email": alice.email, "password": PASSWORD}
    assert anonymous.post(reverse("auth-login"), body).status_code == 401


def test_a_password_set_in_the_admin_ends_sessions(administrator, alice, client_of):
    client = client_of(alice)
    url = reverse("admin:auth_user_password_change", args=[alice.pk])
    new = "a password set by staff"

    form = {"password1": new, "password2": new, "usable_password": "true"}
    response = administrator.post(url, form)

    alice.refresh_from_db()
    assert response.status_code == 302
    assert alice.check_password(new)
    assert client.get(reverse("auth-me")).status_code == 401


@pytest.mark.parametrize("action", ["deactivate", "end_sessions", "force_password_reset"])
def test_support_staff_look_and_change_nothing(support, alice, client_of, action):
    client = client_of(alice)

    run_action(support, action, alice)

    assert client.get(reverse("auth-me")).status_code == 200
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    "name",
    ["accounts_user", "accounts_session", "documents_document", "analysis_analysis"],
)
def test_support_staff_see_every_list_and_delete_nothing(support, alice, name):
    document = make_document(alice)

    assert support.get(reverse(f"admin:{name}_changelist")).status_code == 200
    delete = reverse("admin:documents_document_delete", args=[document.pk])
    assert support.post(delete, {"post": "yes"}).status_code == 403


def test_a_user_without_staff_status_does_not_get_in(alice):
    client = Client()
    client.login(username=alice.email, password=PASSWORD)

    assert client.get(USERS).status_code == 302
