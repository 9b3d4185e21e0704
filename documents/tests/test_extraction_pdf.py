"""PDF: pages, words, forms, and files that one library cannot read."""

import re

import pytest

from documents.tests.extraction_files import extract, make_pdf, make_raw_pdf, make_stream, reason


def test_pages_are_separated_by_form_feeds():
    data = make_pdf("First page.\nSecond line: café, £5.", "Second\fpage", "Third")

    result = extract(data)

    text = "First page.\nSecond line: café, £5.\fSecond page\fThird"
    assert re.fullmatch(r"ultrai pdf \d+, pypdfium2 \d+(\.\d+)+", result.extractor)
    assert (result.text.replace("Second\npage", "Second page"), result.page_count) == (text, 3)


def test_a_page_without_text_keeps_its_place():
    result = extract(make_pdf("One", "", "Three"))

    assert (result.text, result.page_count, result.unread_pages) == ("One\f\fThree", 3, ())


def test_words_split_at_the_end_of_a_line_are_joined():
    result = extract(make_pdf("The reno-\nvation by Ms Hill-\nSmith."))

    assert result.text == "The renovation by Ms Hill-Smith."


def test_a_wrong_page_size_hides_nothing():
    data = make_pdf("Above the edge", compressed=False).replace(b"/MediaBox", b"/MediaBux")

    assert extract(data).text == "Above the edge"


def test_what_pdfium_cannot_open_is_read_by_pypdf():
    data = make_pdf("One", "Two", compressed=False).replace(b"/Root", b"/Ruut")

    result = extract(data)

    assert (result.text, result.page_count) == ("One\fTwo", 2)
    assert ", pypdf " in result.extractor


def test_an_empty_user_password_opens():
    assert extract(make_pdf("Open to all", owner_password="secret")).text == "Open to all"


def test_what_people_filled_into_a_form_is_text():
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    look = make_stream(
        b"/Tx BMC BT /F 12 Tf 2 5 Td (Ms Smith) Tj ET EMC",
        b"/Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</F 6 0 R>>>>",
    )
    field = (
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(Ms Smith)/F 4"
        b"/Rect[100 690 300 710]/AP<</N 8 0 R>>>>"
    )
    page = make_stream(b"BT /F 12 Tf 50 695 Td (Name:) Tj ET")
    form = b"/AcroForm<</Fields[7 0 R]/DR<</Font<</F 6 0 R>>>>>>"

    data = make_raw_pdf(1, page, b"null", font, field, look, catalog=form)

    assert " ".join(extract(data).text.split()) == "Name: Ms Smith"


def test_encrypted():
    assert reason(make_pdf("x", owner_password="o", user_password="u")) == "encrypted"


@pytest.mark.parametrize(
    "data", [make_pdf("x" * 500)[:400], b"%PDF-1.7\nnothing else"], ids=["cut", "header"]
)
def test_damaged(data):
    assert reason(data) == "damaged"


def test_without_text():
    assert reason(make_pdf("", "")) == "no_text"


def test_above_the_limit_of_characters():
    assert reason(make_pdf("word " * 20), characters=50) == "too_large_unpacked"
