import pytest
from django.contrib.admin import site
from django.test import Client
from django.urls import reverse

from accounts.models import User
from analysis.models import Analysis, AnalysisResult
from analysis.tests.factories import make_analysis, make_delivery, make_webhook
from conftest import PASSWORD
from documents.models import Document
from documents.tests.factories import make_read_document

OURS = [
    "accounts_user",
    "accounts_session",
    "accounts_personalaccesstoken",
    "documents_document",
    "analysis_analysis",
    "analysis_analysisresult",
    "analysis_retentionrun",
    "analysis_webhookendpoint",
    "analysis_webhookdelivery",
]


def test_staff_log_in_with_their_email_through_the_page(db):
    User.objects.create_superuser("root@example.com", "Root", PASSWORD)

    response = Client().post(
        reverse("admin:login"), {"username": "Root@example.com", "password": PASSWORD}
    )

    assert response.status_code == 302


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Document, "documents_document"),
        (Analysis, "analysis_analysis"),
        (AnalysisResult, "analysis_analysisresult"),
    ],
)
def test_what_the_machine_wrote_is_read_only(staff, result, model, name):
    row = model.objects.get()
    url = reverse(f"admin:{name}_change", args=[row.pk])

    assert staff.get(url).status_code == 200
    assert staff.post(url, {"prompt": "changed", "filename": "changed"}).status_code == 403
    assert staff.get(reverse(f"admin:{name}_add")).status_code == 403


def test_webhooks_are_read_only_and_shown_without_what_their_secret_is_made_of(staff, alice):
    webhook = make_delivery(make_webhook(alice)).endpoint
    url = reverse("admin:analysis_webhookendpoint_change", args=[webhook.pk])

    page = staff.get(url).content.decode()

    assert webhook.url in page
    assert str(webhook.secret_salt) not in page
    assert staff.post(url, {"url": "https://changed.example.com/"}).status_code == 403
    for name in ("analysis_webhookendpoint", "analysis_webhookdelivery"):
        found = staff.get(reverse(f"admin:{name}_changelist"), {"q": "alice@"}).content.decode()
        assert f"Webhook {webhook.pk}" in found or webhook.url in found


def test_staff_create_a_user_whose_email_is_lower_case(staff):
    response = staff.post(
        reverse("admin:accounts_user_add"),
        {
            "email": "New@Example.com",
            "username": "New",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )

    assert response.status_code == 302
    assert User.objects.filter(email="new@example.com").exists()


def test_the_registered_models_are_the_known_ones():
    ours = {"accounts", "documents", "analysis"}
    names = {m._meta.label_lower.replace(".", "_") for m in site._registry}

    assert {name for name in names if name.split("_")[0] in ours} == set(OURS)


def test_an_unknown_admin_page_stays_a_page(staff):
    response = staff.get("/admin/nothing/")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_the_page_of_an_analysis_shows_answers_quotations_and_errors(staff, alice):
    document = make_read_document(alice, "Water boils.\fIce melts.", page_count=2)
    analysis = make_analysis(alice, document, models=["builtin:summary", "builtin:quotes"])
    good, bad = analysis.results.order_by("pk")
    AnalysisResult.objects.filter(pk=good.pk).update(
        status="succeeded",
        response="It says **so**.",
        quotations=[
            {"text": "Ice melts.", "verdict": "exact", "page": 2, "start": 13, "end": 23},
            {"text": "Ice burns.", "verdict": "not_found", "page": None},
        ],
        quotations_total=2,
        quotations_held=1,
    )
    AnalysisResult.objects.filter(pk=bad.pk).update(
        status="failed", error_code="quota_exceeded", error="You have no credits left."
    )

    page = staff.get(reverse("admin:analysis_analysis_change", args=[analysis.pk])).text

    content = reverse("admin:documents_document_content", args=[document.pk])
    assert "<strong>so</strong>" in page
    assert f'<a href="{content}?start=13&amp;end=23">exact, page 2</a>' in page
    assert "not found in the document" in page
    assert "You have no credits left." in page
    assert f'href="{content}?page=2"' in page


def test_the_admin_says_where_it_runs(staff, settings):
    settings.ENVIRONMENT = "staging"

    assert (
        '<span class="environment environment-staging">staging</span>' in staff.get("/admin/").text
    )
