"""Office files, books, pages and letters: the whole text of real ones, with their pages."""

import io
from datetime import date, datetime, time
from email.message import EmailMessage

import docx
import openpyxl  # type: ignore[import-untyped]
import pptx
import pytest

from documents.extraction import Extraction
from documents.tests.extraction_files import FILES, extract, make_docx, make_zip, reason

LETTER = """\
# Survey

A. Writer

# Survey of the café

Opening words: naïve, “7 €”, Ελληνικά, 日本語.{mark}

## Findings

- first point
- second point

| Item | Cost |
| --- | --- |
| Roof | £5 |

# Second chapter

Closing words & 1 < 2."""
DECK = """\
# Plan for café

- First
  - Second

Notes: Say hello.\f# Costs

| Item | Cost |
| --- | --- |
| Roof | £5 |"""
SHEET = """\
# sheet

| Item | Cost | Day |
| --- | --- | --- |
| Roof | 5.5 | 2024-02-29 |
| Door | 7 | 2024-03-01 |"""
BOOK = LETTER.format(mark="1").replace("# Survey\n", "Title: Survey\n\n# Survey\n", 1)
BOOK = BOOK.replace("\n\n# Second", "\n\n1. A footnote.↩︎\n\n# Second")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("book.epub", Extraction(BOOK, None, "ultrai epub 1")),
        ("deck.odp", Extraction(DECK, 2, "ultrai odp 1")),
        ("deck.pptx", Extraction(DECK, 2, "ultrai pptx 1")),
        (
            "letter.docx",
            Extraction(LETTER.format(mark="[^1]") + "\n\n[^1]: A footnote.", None, "ultrai docx 2"),
        ),
        ("letter.odt", Extraction(LETTER.format(mark=" [A footnote.]"), None, "ultrai odt 1")),
        ("letter.rtf", Extraction(LETTER.format(mark=" [A footnote.]"), None, "ultrai rtf 1")),
        ("sheet.ods", Extraction(SHEET, 1, "ultrai ods 1")),
        ("sheet.xlsx", Extraction(SHEET, 1, "ultrai xlsx 1")),
    ],
)
def test_a_file_made_by_another_program(name, expected):
    assert extract((FILES / name).read_bytes()) == expected


def saved(document):
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


# DOCX


def test_docx_becomes_markdown_in_document_order():
    document = docx.Document()
    document.add_heading("Report", 0)
    document.add_paragraph("Opening\twords.")
    document.add_heading("Findings", 2)
    document.add_paragraph("first", style="List Bullet")
    document.add_paragraph("second", style="List Number")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Item", "Cost", "Roof", "£5|6\nnet"), strict=True):
        cell.text = text
    document.add_paragraph("Closing words.")

    assert extract(saved(document)) == Extraction(
        "# Report\n\nOpening\twords.\n\n## Findings\n\n- first\n- second\n\n"
        "| Item | Cost |\n| --- | --- |\n| Roof | £5\\|6 net |\n\nClosing words.",
        None,
        "ultrai docx 2",
    )


def test_docx_has_each_header_and_footer_once_and_no_hidden_text():
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Acme Ltd"
    document.sections[0].footer.paragraphs[0].text = "12"  # a page's number says nothing
    document.add_section().footer.is_linked_to_previous = False
    document.sections[1].footer.paragraphs[0].text = "Confidential"
    paragraph = document.add_paragraph("Seen")
    paragraph.add_run(" unseen").font.hidden = True

    assert extract(saved(document)).text == "Acme Ltd\n\nSeen\n\nConfidential"


def test_docx_has_inserted_text_once_and_no_deleted_text():
    markup = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    data = make_docx(
        f'<w:p xmlns:mc="{markup}">'
        "<w:r><w:t>We agree to </w:t></w:r><w:del><w:r><w:delText>nothing</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>"
        "<w:ins><w:r><w:t>everything.</w:t></w:r></w:ins>"
        "<mc:Fallback><w:r><w:t>again</w:t></w:r></mc:Fallback></w:p>"
    )

    assert extract(data).text == "We agree to everything."


def test_docx_keeps_nested_lists_wide_cells_and_tables_in_tables():
    item = '<w:p><w:pPr><w:numPr><w:ilvl w:val="{}"/><w:numId w:val="1"/></w:numPr></w:pPr>{}</w:p>'
    run = "<w:r><w:t>{}</w:t></w:r>"
    inner = f"<w:tbl><w:tr><w:tc><w:p>{run.format('inner')}</w:p></w:tc></w:tr></w:tbl>"
    wide = f'<w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr><w:p>{run.format("wide")}</w:p></w:tc>'
    cells = f"<w:tc><w:p/></w:tc><w:tc>{inner}<w:p>{run.format('outer')}</w:p></w:tc>"
    data = make_docx(
        item.format(0, run.format("a"))
        + item.format(1, run.format("b"))
        + f"<w:tbl><w:tr>{wide}</w:tr><w:tr>{cells}</w:tr></w:tbl>"
    )

    assert extract(data).text == ("- a\n  - b\n\n| wide |  |\n| --- | --- |\n|  | inner outer |")


def test_docx_keeps_text_boxes():
    box = "<w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent>"
    data = make_docx(f"<w:p><w:r><w:t>before </w:t>{box}<w:t>after</w:t></w:r></w:p>")

    assert extract(data).text == "in a box\n\nbefore after"


@pytest.mark.parametrize(
    "data",
    [
        make_docx("<w:p>")[:-30],
        make_docx("<w:p>"),
        make_docx("<w:p/>").replace(b"document.xml", b"document_xml"),
    ],
    ids=["cut", "broken XML", "no main part"],
)
def test_damaged_docx(data):
    assert reason(data, "x.pdf") == "damaged"


def test_docx_without_text():
    assert reason(make_docx("<w:p/>")) == "no_text"


# PPTX


def test_pptx_keeps_the_place_of_a_hidden_slide():
    deck = pptx.Presentation()
    for title in ("One", "Two", "Three"):
        deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = title
    deck.slides[1]._element.set("show", "0")

    result = extract(saved(deck))

    assert (result.text, result.page_count) == ("# One\f\f# Three", 3)


def test_pptx_reads_groups_and_line_breaks():
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "in a group\vsecond line"

    assert extract(saved(deck)).text == "in a group\nsecond line"


def test_pptx_without_text():
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[6])

    assert reason(saved(deck)) == "no_text"


# XLSX


def test_xlsx_writes_values_as_people_do():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Figures"
    sheet.append(["kind", "value"])
    sheet.append(["date", date(2024, 2, 29)])
    sheet.append(["moment", datetime(2024, 2, 29, 13, 45)])  # noqa: DTZ001
    sheet.append(["time", time(13, 45)])
    sheet.append(["sum", 0.1 + 0.2])
    sheet.append(["share", 0.075])
    sheet["B6"].number_format = "0.0%"
    sheet.append(["true", True])
    sheet.append(["euro", 7.5])
    sheet["B8"].number_format = '"day" 0.00 [$€-407]'
    sheet["E9"] = "far\nright"

    assert extract(saved(book)).text == (
        "# Figures\n\n| kind | value |  |\n| --- | --- | --- |\n| date | 2024-02-29 |  |\n"
        "| moment | 2024-02-29 13:45:00 |  |\n| time | 13:45:00 |  |\n| sum | 0.3 |  |\n"
        "| share | 7.5% |  |\n| true | TRUE |  |\n| euro | 7.5 |  |\n|  |  | far right |"
    )


def test_xlsx_has_a_page_for_each_sheet_that_is_shown():
    book = openpyxl.Workbook()
    book.active.append(["first"])
    book.create_sheet("Secret").append(["hidden"])
    book["Secret"].sheet_state = "hidden"
    book.create_sheet("Last").append(["last"])

    result = extract(saved(book))

    text = "# Sheet\n\n| first |\n| --- |\f# Last\n\n| last |\n| --- |"
    assert (result.text, result.page_count) == (text, 2)


def test_xlsx_without_cells():
    assert reason(saved(openpyxl.Workbook())) == "no_text"


# OpenDocument and EPUB


def test_encrypted_odt():
    manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    parts = {
        "content.xml": b"\x80 not XML",
        "META-INF/manifest.xml": f'<m:manifest xmlns:m="{manifest}"><m:encryption-data/>'
        "</m:manifest>",
    }

    assert reason(make_zip(parts, b"application/vnd.oasis.opendocument.text")) == "encrypted"


def test_odt_leaves_out_what_was_deleted_or_hidden():
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    content = (
        f'<o:document-content xmlns:o="{space}office:1.0" xmlns:t="{space}text:1.0" '
        f'xmlns:s="{space}style:1.0"><o:automatic-styles><s:style s:name="T1">'
        '<s:text-properties t:display="none"/></s:style></o:automatic-styles><o:body><o:text>'
        "<t:tracked-changes><t:p>deleted</t:p></t:tracked-changes>"
        '<t:p>Seen<t:span t:style-name="T1"> unseen</t:span>'
        '<o:annotation><t:p>comment</t:p></o:annotation><t:s t:c="2"/>twice</t:p>'
        "</o:text></o:body></o:document-content>"
    )
    data = make_zip({"content.xml": content}, b"application/vnd.oasis.opendocument.text")

    assert extract(data).text == "Seen  twice"


# RTF


def test_rtf_reads_code_pages_and_unicode_and_leaves_out_what_is_hidden():
    data = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset204 Arial;}{\f1\fcharset128 Gothic;}}"
        rb"{\header top}\f0 \'cf\'f0\'e8\'e2\'e5\'f2 \f1\'93\'fa\'96\'7b\plain  caf\'e9\par"
        rb"\u8364?\u-10179?\u-8704? {\v unseen}\deleted gone\deleted0 kept"
        rb"{\*\unknown no}\bin3 }}}\par}tail"
    )

    assert extract(data).text == "Привет 日本 café\n\n€😀 kept"


# HTML


def test_html_keeps_what_a_reader_sees():
    data = b"""<!DOCTYPE html><html><head><title>A &amp; B</title><style>p {}</style></head><body>
    <script>let x = "<p>no</p>";</script><h2>One <em>two</em></h2><p hidden>unseen</p>
    <div style="display: none">unseen <div>too</div></div>
    <p>Text<br>with a <a href="https://example.com">link</a> &copy; &#8364;</p>
    <ol><li>first<ul><li>inner</ul><li>second</ol>
    <pre>a
      b</pre><table><tr><th colspan=2>Wide<tr><td>1<td>2</table></body></html>"""

    assert extract(data) == Extraction(
        "Title: A & B\n\n## One two\n\nText\nwith a link © €\n\n1. first\n  - inner\n2. second\n\n"
        "```\na\n      b\n```\n\n| Wide |  |\n| --- | --- |\n| 1 | 2 |",
        None,
        "ultrai html 1",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "shift_jis", "iso-8859-1", "koi8-r", "utf-16"])
def test_html_in_the_encoding_it_declares(encoding):
    text = {"shift_jis": "日本", "koi8-r": "Да", "iso-8859-1": "é"}.get(encoding, "é日")
    data = f'<html><meta charset="{encoding}"><p>{text}'.encode(encoding)

    assert extract(data).text == text


# E-mail


def make_letter():
    letter = EmailMessage()
    letter["From"] = "Álice <alice@example.com>"
    letter["To"] = "bob@example.com"
    letter["Date"] = "Fri, 01 Mar 2024 10:00:00 +0000"
    letter["Subject"] = "Café — the plan"
    return letter


def test_eml_takes_the_plain_form_and_names_attachments():
    letter = make_letter()
    letter.set_content("Hello café\n", charset="iso-8859-1")
    letter.add_alternative("<p>Hello in HTML</p>", subtype="html")
    letter.add_attachment(b"%PDF", "application", "pdf", filename="bill für uns.pdf")
    inner = make_letter()
    inner.set_content("inner text")
    letter.add_attachment(inner)

    head = (
        "From: Álice <alice@example.com>\nTo: bob@example.com\n"
        "Date: Fri, 01 Mar 2024 10:00:00 +0000\nSubject: Café — the plan\n\n"
    )
    assert extract(letter.as_bytes()) == Extraction(
        f"{head}Hello café\n\nAttachments: bill für uns.pdf\n\n{head}inner text",
        None,
        "ultrai eml 1",
    )


def test_eml_of_html_only():
    letter = make_letter()
    letter.set_content("<h1>Hello</h1><p>café</p>", subtype="html")

    assert extract(letter.as_bytes()).text.endswith("the plan\n\n# Hello\n\ncafé")


def test_encrypted_eml():
    letter = make_letter()
    letter.add_attachment(b"x", "application", "pkcs7-mime", filename="smime.p7m")
    data = letter.as_bytes().replace(b"multipart/mixed", b"multipart/encrypted")

    assert reason(data) == "encrypted"
