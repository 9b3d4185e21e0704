"""What attacks us: each ends in a clear failure or correct text, within the limits."""

import io
import zipfile
import zlib

import pytest

from documents.tests.extraction_files import (
    RELATIONS,
    extract,
    make_docx,
    make_raw_pdf,
    make_relations,
    make_slow_pdf,
    make_stream,
    make_zip,
    reason,
)

SMALL = {"memory_bytes": 200 * 2**20}
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION_LAUGHS = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
ODF = "urn:oasis:names:tc:opendocument:xmlns:"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"


def make_xlsx(sheet, before=""):
    workbook = (
        f'<workbook xmlns="{SHEET}" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships"><sheets><sheet name="S" r:id="worksheet1"/></sheets></workbook>'
    )
    opening = before + f'<worksheet xmlns="{SHEET}"><sheetData>'
    return make_zip(
        {
            "xl/workbook.xml": workbook,
            "xl/_rels/workbook.xml.rels": make_relations(worksheet1="worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": [opening, *sheet, "</sheetData></worksheet>"],
        }
    )


def make_pptx(slide, before=""):
    deck = (
        f'<p:presentation xmlns:p="{SLIDE}" xmlns:r="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships"><p:sldIdLst>'
        '<p:sldId id="256" r:id="slide1"/></p:sldIdLst></p:presentation>'
    )
    opening = before + f'<p:sld xmlns:p="{SLIDE}" xmlns:a="{DRAWING}"><p:sp>'
    return make_zip(
        {
            "ppt/presentation.xml": deck,
            "ppt/_rels/presentation.xml.rels": make_relations(slide1="slides/slide1.xml"),
            "ppt/slides/slide1.xml": [opening, *slide, "</p:sp></p:sld>"],
        }
    )


def make_odt(body, before="", kind="text"):
    opening = (
        f'<o:document-content xmlns:o="{ODF}office:1.0" xmlns:t="{ODF}text:1.0" '
        f'xmlns:b="{ODF}table:1.0"><o:body><o:{kind}>'
    )
    content = [before + opening, *body, f"</o:{kind}></o:body></o:document-content>"]
    media_type = f"application/vnd.oasis.opendocument.{kind}"
    return make_zip({"content.xml": content}, media_type.encode())


def make_epub(chapters, before="", spine='<itemref idref="a"/>'):
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="book.opf"/></rootfiles></container>'
    )
    book = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        '<item id="a" href="a.html" media-type="application/xhtml+xml"/></manifest>'
        f"<spine>{spine}</spine></package>"
    )
    parts = {"META-INF/container.xml": container, "book.opf": before + book, "a.html": chapters}
    return make_zip(parts, b"application/epub+zip")


def pack(byte, megabytes):
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(byte * 2**20) for _ in range(megabytes)) + packer.flush()


# PDF


def test_form_that_shows_itself():
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>"

    data = make_raw_pdf(1, make_stream(b"/X Do"), make_stream(b"/X Do /X Do", form))

    assert reason(data, **SMALL) == "out_of_memory"


def test_stream_that_unpacks_to_a_gigabyte():
    data = make_raw_pdf(1, make_stream(pack(b" ", 1024), b"/Filter/FlateDecode"))

    assert reason(data, **SMALL) == "out_of_memory"


def test_ten_thousand_pages():
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    data = make_raw_pdf(10_000, make_stream(b"BT /F 12 Tf 9 9 Td (x) Tj ET"), b"null", font)

    result = extract(data)

    assert (result.page_count, result.text) == (10_000, "\f".join("x" * 10_000))


@pytest.mark.parametrize("limits", [{"seconds": 0.5}, {"cpu_seconds": 1}], ids=str)
def test_slow_file_times_out(limits):
    assert reason(make_slow_pdf(), **limits) == "timeout"


# Zips


def test_three_hundred_megabytes_of_paragraphs_in_a_small_docx():
    bomb = make_docx(size=300)  # nine million

    assert len(bomb) < 3_000_000
    assert reason(bomb) == "too_large_unpacked"


def test_four_million_paragraphs_are_read_or_refused_in_time():
    data = make_docx(size=135)

    assert reason(data, cpu_seconds=3) in ("timeout", "too_large_unpacked")


def test_zip_that_lies_about_its_size():
    honest = make_docx(size=20)
    size = zipfile.ZipFile(io.BytesIO(honest)).infolist()[0].file_size.to_bytes(4, "little")

    assert reason(honest.replace(size, b"\x00\x10\x00\x00")) == "damaged"


def test_zip_within_zip_is_not_opened():
    inner = make_zip({f"{n}": [b"0" * 2**20] * 10 for n in range(10)})

    assert (
        extract(make_docx("<w:p><w:r><w:t>a</w:t></w:r></w:p>", parts={"x.zip": inner})).text == "a"
    )


@pytest.mark.parametrize(
    "limits",
    [{"unpacked_bytes": 900_000}, {"characters": 60_000}, {"zip_entries": 1}],
    ids=str,
)
def test_docx_above_a_limit(limits):
    assert reason(make_docx(size=1, parts={"other": "x"}), **limits) == "too_large_unpacked"


def test_zip_that_unpacks_to_many_times_its_size():
    assert reason(make_docx(size=15), unpacked_ratio=50) == "too_large_unpacked"


# XML


@pytest.mark.parametrize(
    "before",
    ['<!DOCTYPE x [<!ENTITY harmless "text">]>', BILLION_LAUGHS, EXTERNAL, "<!DOCTYPE x>"],
    ids=["harmless", "billion laughs", "external", "no entity"],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda before: make_docx("<w:p><w:r><w:t>a</w:t></w:r></w:p>", before),
        lambda before: make_odt(["<t:p>a</t:p>"], before),
        lambda before: make_xlsx(["<row><c><v>1</v></c></row>"], before),
        lambda before: make_pptx(["<a:p><a:t>a</a:t></a:p>"], before),
    ],
    ids=["docx", "odt", "xlsx", "pptx"],
)
def test_xml_with_a_document_type(make, before):
    assert reason(make(before)) == "damaged"


@pytest.mark.parametrize("before", [BILLION_LAUGHS, EXTERNAL], ids=["laughs", "external"])
def test_epub_whose_contents_define_entities(before):
    assert reason(make_epub("<p>&l9;</p>", before)) == "damaged"


def test_entities_of_html_stay_what_they_are():
    data = f"<!-- -->{BILLION_LAUGHS}<html><p>&l9; &secret; &amp;".encode()

    assert "&l9; &secret; &" in extract(data, "x.html").text


# Each of the other types


def test_sheet_whose_empty_cells_repeat_for_ever():
    cell = '<b:table-cell b:number-columns-repeated="999999999">{}</b:table-cell>'
    row = '<b:table-row b:number-rows-repeated="999999999">{}</b:table-row>'
    full = row.format(cell.format("<t:p>x</t:p>"))

    data = make_odt([f"<b:table>{full * 50}</b:table>"], kind="spreadsheet")

    assert reason(data, characters=1_000_000) in ("too_large_unpacked", "out_of_memory")


def test_odt_with_ever_more_spaces():
    data = make_odt(["<t:p>a", '<t:s t:c="999999999"/>' * 9, "b</t:p>"])

    assert extract(data).text == "a" + " " * 900 + "b"


def test_sheet_with_a_cell_in_its_last_corner():
    data = make_xlsx(['<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'])

    assert extract(data).text == "# S\n\n| 1 |\n| --- |"


def test_sheet_that_names_strings_that_are_not_there():
    assert reason(make_xlsx(['<row><c t="s"><v>99</v></c></row>'])) == "damaged"


def test_sheet_of_many_megabytes():
    rows = ["<row>" + "<c><v>1</v></c>" * 10_000 + "</row>"] * 1_000

    assert reason(make_xlsx(rows), cpu_seconds=2) in ("timeout", "too_large_unpacked")


def test_slide_with_a_table_in_every_paragraph():
    data = make_pptx(["<a:p><a:tbl><a:tr><a:tc>"] * 20_000 + ["</a:tc></a:tr></a:tbl></a:p>"])

    assert reason(data) == "damaged"


def test_book_that_repeats_one_chapter():
    chapter = '<itemref idref="a"/>'
    data = make_epub("<p>once", spine=chapter * 100_000)

    assert extract(data).text == "once"


@pytest.mark.parametrize(
    "data",
    [
        b"{\\rtf1 " + b"{" * 500_000 + b"text",
        b"{\\rtf1 text\\bin99999999999999999999 }",
        b"{\\rtf1 \\uc9999999 \\u-9999999999 0123456789abcdef text\\trowd\\cell\\cell\\row }",
    ],
    ids=["groups", "bin", "numbers"],
)
def test_hostile_rtf(data):
    assert "text" in extract(data).text


def test_html_nested_deeply():
    assert extract(b"<html>" + b"<div><table><tr><td>" * 20_000 + b"deep").text == "deep"


def test_html_that_opens_comments_for_ever():
    data = b"<html><p>text" + b"<!--" * 200_000

    assert reason(data, cpu_seconds=1) == "timeout"


def test_mail_nested_deeply():
    part = "Content-Type: multipart/mixed; boundary=b{0}\n\n--b{0}\n"
    nested = "".join(part.format(number) for number in range(3_000))
    data = f"From: a@example.com\nDate: x\nMIME-Version: 1.0\n{nested}\ntext\n"

    assert reason(data.encode(), cpu_seconds=10) in ("damaged", "timeout")


def test_mail_with_broken_fields():
    data = b"From: =?utf-8?B?////?= <\xff>\nDate: \xff\nTo: " + b"<" * 10_000 + b"\n\nHello"

    assert extract(data, cpu_seconds=10).text.endswith("Hello")


def test_relations_may_not_leave_the_file():
    relations = (
        f'<Relationships xmlns="{RELATIONS}"><Relationship Id="a" '
        'Type="x/officeDocument" Target="../../../../etc/passwd"/></Relationships>'
    )
    data = make_docx("<w:p><w:r><w:t>a</w:t></w:r></w:p>", parts={"_rels/.rels": relations})

    assert extract(data).text == "a"
