import pytest
from django.contrib.admin import site
from django.test import Client
from django.urls import reverse

from accounts.models import User
from analysis.models import Analysis, AnalysisResult
from conftest import PASSWORD
from documents.models import Document

OURS = [
    "accounts_user",
    "accounts_session",
    "accounts_personalaccesstoken",
    "documents_document",
    "analysis_analysis",
    "analysis_analysisresult",
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
