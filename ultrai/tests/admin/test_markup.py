"""What strangers write is text in the admin, wherever it is shown."""

import pytest
from django.urls import reverse

from analysis.figures import counting
from ultrai.markdown import rendered

EVERYWHERE = [
    "accounts_user",
    "documents_document",
    "analysis_analysis",
    "analysis_analysisresult",
]


def assert_harmless(page):
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("name", EVERYWHERE)
def test_markup_is_text_in_lists_and_on_pages(staff, hostile, name):
    assert_harmless(staff.get(reverse(f"admin:{name}_changelist")))
    assert_harmless(staff.get(reverse(f"admin:{name}_change", args=[hostile[name]])))
    assert_harmless(staff.get(reverse(f"admin:{name}_delete", args=[hostile[name]])))


def test_markup_is_text_in_a_documents_text_and_its_history(staff, hostile):
    pk = hostile["documents_document"]

    assert_harmless(staff.get(reverse("admin:documents_document_content", args=[pk])))
    assert_harmless(staff.get(reverse("admin:documents_document_history", args=[pk])))


def test_markup_is_text_on_the_page_that_asks_for_confirmation(staff, hostile):
    chosen = {"action": "hold", "_selected_action": [hostile["documents_document"]]}

    assert_harmless(staff.post(reverse("admin:documents_document_changelist"), chosen))


def test_markup_is_text_on_the_front_page(staff, hostile):
    for _ in counting.steps():
        pass

    assert_harmless(staff.get(reverse("admin:index")))


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](  JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html,x)",
        "[x](vbscript:x)",
        "[x](//evil.example)",
        "<javascript:alert(1)>",
        "![x](https://evil.example/pixel.png)",
        "[x]: javascript:alert(1)\n\n[x]",
    ],
)
def test_no_link_or_image_that_does_more_than_lead_somewhere(text):
    html = rendered(text)

    assert 'href="http' in html if "pixel" in text else "href" not in html
    assert "<img" not in html


def test_markdown_is_shown_as_what_it_means():
    html = rendered("# Title\n\n**bold** [web](https://example.com)\n\n| a |\n|---|\n| 1 |")

    assert "<h1>Title</h1>" in html
    assert "<strong>bold</strong>" in html
    assert 'href="https://example.com"' in html
    assert "<td>1</td>" in html


@pytest.mark.parametrize("piece", ["[", "*a ", "`", "> ", "](", "<a ", "- "])
def test_a_text_made_to_take_long_does_not(piece):
    assert rendered(piece * 20_000)
