import re

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.models import Session
from analysis.models import Analysis, AnalysisResult
from documents.models import Document, Passage
from ultrai.tests.endpoints import endpoints
from ultrai.tests.schema import parsed

LARGE = [Document, Passage, Analysis, AnalysisResult, Session]


def test_the_schema_describes_every_endpoint(anonymous):
    schema = parsed(anonymous.get(reverse("schema")).content)

    described = {
        (re.sub(r"\{.*?\}", "{}", path), method)
        for path, operations in schema["paths"].items()
        for method in operations
        if method != "parameters"
    }
    routed = {
        ("/" + re.sub(r"<.*?>", "{}", e.route), method)
        for e in endpoints()
        for method in e.methods
        if e.name not in {"schema", "docs"}
    }
    assert described == routed


def test_the_docs_page_loads_nothing_from_elsewhere(anonymous):
    response = anonymous.get(reverse("docs"))

    page = response.content.decode()
    assert response.status_code == 200
    assert re.findall(r'(?:src|href)="(https?:)?//', page) == []
    assert "default-src 'self'" in response["Content-Security-Policy"]


@pytest.mark.django_db  # closing the response closes connections
@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js"])
def test_the_docs_pages_assets_are_served_by_ourselves(anonymous, name):
    response = anonymous.get(f"/static/drf_spectacular_sidecar/swagger-ui-dist/{name}")

    assert response.status_code == 200
    response.close()


def test_every_variable_of_the_settings_is_documented():
    read = set(
        re.findall(
            r'env(?:_\w+)?\(\s*"([A-Z_]+)"', (settings.BASE_DIR / "ultrai/settings.py").read_text()
        )
    )
    documented = (settings.BASE_DIR / "docs/configuration.md").read_text()

    assert read
    assert sorted(name for name in read if f"`{name}`" not in documented) == []


def test_every_test_that_the_security_page_names_exists():
    page = (settings.BASE_DIR / "docs/security.md").read_text()
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", page)

    assert named
    assert [
        f"{file}::{test}"
        for file, test in named
        if f"def {test}(" not in (settings.BASE_DIR / file).read_text()
    ] == []


def test_the_docs_say_what_needs_each_index_of_the_large_tables():
    page = (settings.BASE_DIR / "docs/indexes.md").read_text()

    described = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)

    assert sorted(described) == sorted(
        index.name for model in LARGE for index in model._meta.indexes
    )
