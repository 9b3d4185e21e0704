import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from accounts.models import PersonalAccessToken, Session
from accounts.tests.test_staff import member_of
from analysis.models import AnalysisResult, WebhookEndpoint
from documents.tests.factories import make_document, make_read_document
from ultrai.tests.admin.test_pages import OURS

ANALYSES = reverse("admin:analysis_analysis_changelist")
DOCUMENTS = reverse("admin:documents_document_changelist")


def content_of(document, query=""):
    return reverse("admin:documents_document_content", args=[document.pk]) + query


def test_support_staff_see_everything_but_the_text_of_documents(result):
    support = member_of("Support")
    document = result.document

    page = support.get(reverse("admin:documents_document_change", args=[document.pk]))

    assert page.status_code == 200
    assert "confidential" not in page.text
    assert support.get(content_of(document)).status_code == 403
    assert support.get(DOCUMENTS, {"q": "confidential"}).context["cl"].result_count == 0
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("name", [*OURS, "procrastinate_procrastinatejob"])
def test_support_staff_see_every_list_and_change_nothing(result, name):
    support = member_of("Support")

    assert support.get(reverse(f"admin:{name}_changelist")).status_code == 200
    assert support.get(reverse(f"admin:{name}_add")).status_code == 403


def test_permissions_are_offered_of_what_the_admin_shows(staff, alice):
    user = staff.get(reverse("admin:accounts_user_change", args=[alice.pk])).text
    support = Group.objects.get(name="Support")
    group = staff.get(reverse("admin:auth_group_change", args=[support.pk])).text

    assert [("legal holds" in page, "file part" in page) for page in (user, group)] == [
        (True, False),
        (True, False),
    ]


def test_no_page_shows_a_secret(staff, alice, owned):
    token, session = PersonalAccessToken.objects.get(), Session.objects.get(user=alice)
    webhook = WebhookEndpoint.objects.get()
    webhook.rotate_secret()
    webhook.refresh_from_db()

    rows = [alice, token, session, webhook, webhook.deliveries.get()]
    pages = [
        staff.get(reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_{page}", args=args))
        for row in rows
        for page, args in (("changelist", []), ("change", [row.pk]), ("delete", [row.pk]))
    ]

    salts = [webhook.secret_salt, webhook.previous_secret_salt, session.refresh_jti]
    secrets = [alice.password, token.sha256, webhook.secret, *map(str, salts)]
    assert {page.status_code for page in pages} == {200}
    assert [one for one in secrets for page in pages if one in page.text] == []


def test_opening_the_text_is_logged(alice):
    document = make_read_document(alice, "First page.\fSecond page.", page_count=2)

    page = member_of("Administrators").get(content_of(document, "?page=2"))

    assert "Second page." in page.text
    assert "First page." not in page.text
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (
        str(document.pk),
        "Opened page 2 of the text.",
    )


def test_a_quotations_link_opens_its_page_with_the_words_marked(alice):
    document = make_read_document(alice, "First page.\fSecond page.", page_count=2)

    page = member_of("Administrators").get(content_of(document, "?start=12&end=18"))

    assert "Page 2 of 2" in page.text
    assert "<mark>Second</mark> page." in page.text


@pytest.mark.parametrize("query", ["?page=x", "?page=-1", "?start=9999&end=10000", "?page=99"])
def test_a_page_that_is_not_there_is_the_nearest(alice, query):
    administrator = member_of("Administrators")

    assert administrator.get(content_of(make_document(alice), query)).status_code == 200
    assert (
        administrator.get(reverse("admin:documents_document_content", args=[0])).status_code == 404
    )


def test_without_the_permission_to_read_analyses_no_list_or_page_quotes_them(result):
    AnalysisResult.objects.update(
        status="succeeded", response="A secret answer.", prompt="A secret question?"
    )
    result.analysis.__class__.objects.update(prompt="A secret question?")
    support = member_of("Support")
    pages = [
        ANALYSES,
        reverse("admin:analysis_analysisresult_changelist"),
        reverse("admin:analysis_analysis_change", args=[result.analysis_id]),
        reverse("admin:analysis_analysisresult_change", args=[result.pk]),
    ]
    assert all("secret" in support.get(page).text for page in pages)

    Group.objects.get(name="Support").permissions.remove(
        Permission.objects.get(codename="read_analysis")
    )

    assert not any("secret" in support.get(page).text for page in pages)
    found = support.get(ANALYSES, {"q": "alice@ secret"})
    assert found.context["cl"].result_count == 0
