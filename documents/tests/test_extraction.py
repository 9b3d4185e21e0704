import asyncio
import io
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import docx
import pytest
from fpdf import FPDF

from documents.extraction import (
    Extraction,
    Limits,
    UnreadableFile,
    UnsupportedFile,
    decode_text,
    extract_text,
    recognise,
)

ROOT = Path(__file__).parents[2]
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def extract(data, filename="upload", **limits):
    return asyncio.run(extract_text(data, recognise(data, filename), Limits(**limits)))


def reason(data, filename="upload", **limits):
    with pytest.raises(UnreadableFile) as caught:
        extract(data, filename, **limits)
    assert str(caught.value).endswith(".")
    return caught.value.code


def make_pdf(*pages, compressed=True, **encryption):
    pdf = FPDF()
    pdf.set_compression(compressed)
    pdf.set_font("helvetica", size=11)
    if encryption:
        pdf.set_encryption(**encryption)
    for text in pages:
        pdf.add_page()
        pdf.multi_cell(0, 6, text)
    return bytes(pdf.output())


def make_raw_pdf(page_count, *objects):
    """Pages that all show object 4, which is the first of the given ones."""
    kids = b"3 0 R " * page_count
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
    page += b"/Resources<</XObject<</X 5 0 R>>>>>>"
    pages = b"<</Type/Pages/Count %d/Kids[%s]>>" % (page_count, kids)
    out = b"%PDF-1.7\n"
    for number, body in enumerate((b"<</Type/Catalog/Pages 2 0 R>>", pages, page, *objects), 1):
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return out + b"trailer<</Root 1 0 R>>\n%%EOF\n"


def make_stream(body, extra=b""):
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(body), extra, body)


def make_slow_pdf():
    """Hours of work in a few kilobytes and little memory."""
    operators = zlib.compress(b"1 0 0 1 0 0 cm q Q\n" * 200_000, 9)
    return make_raw_pdf(10_000, make_stream(operators, b"/Filter/FlateDecode"))


def make_docx(body="", before="", size=None, **parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("word/document.xml", "w", force_zip64=True) as part:
            part.write(f'{before}<w:document xmlns:w="{WORD}"><w:body>{body}'.encode())
            for _ in range(size or 0):
                part.write(b"<w:p><w:r><w:t>a</w:t></w:r></w:p>" * 30_000)  # about 1 MB
            part.write(b"</w:body></w:document>")
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def children(pid="self"):
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for text in lists for child in text.read_text().split()]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def environment_of(pid):
    return Path(f"/proc/{pid}/environ").read_bytes()


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found


# What we accept


def test_pdf_pages_are_separated_by_form_feeds():
    data = make_pdf("First page.\nSecond line: café, £5.", "Second\fpage", "Third")

    result = extract(data)

    text = "First page.\nSecond line: café, £5.\fSecond page\fThird"
    assert re.fullmatch(r"pypdfium2 \d+(\.\d+)+", result.extractor)
    assert (result.text.replace("Second\npage", "Second page"), result.page_count) == (text, 3)


def test_pdf_keeps_the_place_of_a_page_without_text():
    result = extract(make_pdf("One", "", "Three"))

    assert (result.text, result.page_count) == ("One\f\fThree", 3)


def test_pdf_joins_words_split_at_the_end_of_a_line():
    result = extract(make_pdf("The reno-\nvation by Ms Hill-\nSmith."))

    assert result.text == "The renovation by Ms Hill-Smith."


def test_pdf_with_a_wrong_page_size_keeps_its_text():
    data = make_pdf("Above the edge", compressed=False).replace(b"/MediaBox", b"/MediaBux")

    assert extract(data).text == "Above the edge"


def test_pdf_that_pdfium_cannot_open_is_read_by_pypdf():
    data = make_pdf("One", "Two", compressed=False).replace(b"/Root", b"/Ruut")

    result = extract(data)

    assert (result.text, result.page_count) == ("One\fTwo", 2)
    assert result.extractor.startswith("pypdf ")


def test_pdf_with_an_empty_user_password_opens():
    assert extract(make_pdf("Open to all", owner_password="secret")).text == "Open to all"


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
    file = io.BytesIO()
    document.save(file)

    assert extract(file.getvalue()) == Extraction(
        "# Report\n\nOpening\twords.\n\n## Findings\n\n- first\n- second\n\n"
        "| Item | Cost |\n| --- | --- |\n| Roof | £5\\|6 net |\n\nClosing words.",
        None,
        "ultrai docx 1",
    )


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


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("naïve “7 €”\r\nnext\rlast".encode(), "naïve “7 €”\nnext\nlast"),
        ("\ufeffnaïve “7 €”".encode(), "naïve “7 €”"),
        ("naïve “7 €”".encode("utf-16"), "naïve “7 €”"),
        (b"\xfe\xff" + "naïve “7 €”".encode("utf-16-be"), "naïve “7 €”"),
        ("naïve “7 €”".encode("utf-32"), "naïve “7 €”"),
        ("naïve “7 €”".encode("cp1252"), "naïve “7 €”"),
        (b"na\xefve \x81", "naïve \x81"),
        (b"a\x00b\x07c\td\fe\vf\x1b", "abc\td\fe\nf"),
        ("a\ud800b".encode("utf-16", "surrogatepass"), "a\ufffdb"),
        ("x\ud800".encode("utf-8", "surrogatepass"), "xí\xa0€"),
    ],
)
def test_text_is_decoded(data, text):
    assert decode_text(data) == text


@pytest.mark.parametrize("name", ["notes.md", "notes.txt"])
def test_plain_text_is_extracted_as_it_is(name):
    result = extract(b"# Title\r\n\r\nfirst\fsecond\x00" + b" " * 200, name)

    assert (result.text.rstrip(), result.page_count) == ("# Title\n\nfirst\fsecond", None)


# What a file is


@pytest.mark.parametrize(
    ("data", "name", "file_type"),
    [
        (make_pdf("x"), "report.pdf", "pdf"),
        (make_pdf("x"), "report.txt", "pdf"),
        (b"\n\njunk\n" + make_pdf("x"), "report", "pdf"),
        (make_docx(), "report.pdf", "docx"),
        (make_docx()[:-30], "cut short.docx", "docx"),
        (b"# Title", "README.MD", "md"),
        (b"# Title", "README", "txt"),
        (b"The header of a PDF is %PDF-1.7, its end startxref.", "about.txt", "txt"),
        ("naïve".encode("utf-16"), "notes.txt", "txt"),
        (b"", "empty.txt", "txt"),
    ],
)
def test_the_content_says_what_a_file_is(data, name, file_type):
    assert recognise(data, name) == file_type


def make_zip(name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, make_docx())
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" + b"This program" * 9,
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06",
        make_zip("inside.docx"),
        b"{\\rtf1\\ansi Hello}",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
    ],
    ids=["exe", "png", "zip of a docx", "rtf", "doc"],
)
@pytest.mark.parametrize("name", ["x.txt", "x.md", "x.pdf", "x.docx"])
def test_other_files_are_refused_whatever_their_name(data, name):
    with pytest.raises(UnsupportedFile, match=r"PDF, Word \(DOCX\), Markdown, plain text\.$"):
        recognise(data, name)


# What we cannot read


def test_encrypted_pdf():
    assert reason(make_pdf("x", owner_password="o", user_password="u")) == "encrypted"


def test_encrypted_docx():
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")

    assert reason(data, "secret.docx") == "encrypted"


@pytest.mark.parametrize(
    "data",
    [
        make_pdf("x" * 500)[:400],
        b"%PDF-1.7\nnothing else",
        make_docx("<w:p>")[:-30],
        make_docx("<w:p>"),
        make_docx("<w:p/>").replace(b"document.xml", b"document_xml"),
    ],
    ids=["cut PDF", "PDF header", "cut DOCX", "broken XML", "no main part"],
)
def test_damaged_file(data):
    assert reason(data, "x.pdf") == "damaged"


@pytest.mark.parametrize("data", [make_pdf("", ""), make_docx("<w:p/>"), b" \n", b""])
def test_file_without_text(data):
    assert reason(data) == "no_text"


# What attacks us


def test_zip_bomb():
    bomb = make_docx(size=300)

    assert len(bomb) < 3_000_000
    assert reason(bomb) == "too_large_unpacked"


def test_zip_that_lies_about_its_size():
    honest = make_docx(size=20)
    size = zipfile.ZipFile(io.BytesIO(honest)).infolist()[0].file_size.to_bytes(4, "little")

    assert reason(honest.replace(size, b"\x00\x10\x00\x00")) == "damaged"


@pytest.mark.parametrize(
    "limits",
    [{"unpacked_bytes": 900_000}, {"characters": 60_000}, {"zip_entries": 1}],
    ids=str,
)
def test_docx_above_a_limit(limits):
    assert reason(make_docx(size=1, other="x"), **limits) == "too_large_unpacked"


def test_pdf_and_text_above_the_limit_of_characters():
    reasons = [reason(data, characters=50) for data in (make_pdf("word " * 20), b"word " * 20)]

    assert reasons == ["too_large_unpacked"] * 2


def test_zip_that_unpacks_to_many_times_its_size():
    assert reason(make_docx(size=15), unpacked_ratio=50) == "too_large_unpacked"


def test_xml_that_defines_entities():
    dtd = '<!DOCTYPE w:document [<!ENTITY harmless "text">]>'

    assert reason(make_docx("<w:p><w:r><w:t>&harmless;</w:t></w:r></w:p>", dtd)) == "damaged"


def test_billion_laughs():
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    dtd = f'<!DOCTYPE w:document [<!ENTITY l0 "ha">{laughs}]>'

    assert reason(make_docx("<w:p><w:r><w:t>&l9;</w:t></w:r></w:p>", dtd)) == "damaged"


def test_form_that_shows_itself():
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>"

    data = make_raw_pdf(1, make_stream(b"/X Do"), make_stream(b"/X Do /X Do", form))

    assert reason(data, memory_bytes=200 * 2**20) == "out_of_memory"


def test_stream_that_unpacks_to_a_gigabyte():
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(b" " * 2**20) for _ in range(1024)) + packer.flush()

    data = make_raw_pdf(1, make_stream(body, b"/Filter/FlateDecode"))

    assert reason(data, memory_bytes=200 * 2**20) == "out_of_memory"


@pytest.mark.parametrize("limits", [{"seconds": 0.5}, {"cpu_seconds": 1}], ids=str)
def test_slow_file_times_out(limits):
    assert reason(make_slow_pdf(), **limits) == "timeout"


# What the worker needs


def test_a_broken_installation_is_not_blamed_on_the_file(monkeypatch):
    monkeypatch.setattr("documents.extraction.process._CHILD", "/nowhere/child.py")

    with pytest.raises(RuntimeError, match="failed to start"):
        extract(make_pdf("x"))


def test_the_event_loop_stays_free():
    slow = make_slow_pdf() + b"%" * 20_000_000

    async def longest_wait():
        task = asyncio.create_task(extract_text(slow, "pdf", Limits(seconds=1)))
        waits = []
        while not task.done():
            start = time.monotonic()
            await asyncio.sleep(0.01)
            waits.append(time.monotonic() - start)
        assert isinstance(task.exception(), UnreadableFile)
        return max(waits)

    assert asyncio.run(longest_wait()) < 0.3


@linux
def test_cancelling_kills_the_child():
    async def start_and_cancel():
        task = asyncio.create_task(extract_text(make_slow_pdf(), "pdf"))
        await asyncio.sleep(0.3)  # well into the file
        running = children()
        task.cancel()
        await asyncio.wait([task], timeout=5)
        return task.cancelled(), [is_running(pid) for pid in running]

    assert asyncio.run(start_and_cancel()) == (True, [False])


@linux
def test_the_child_has_none_of_our_secrets(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")

    async def environment():
        task = asyncio.create_task(extract_text(make_slow_pdf(), "pdf"))
        await asyncio.sleep(0.3)  # until it has become the child's own
        (child,) = children()
        variables = environment_of(child)
        task.cancel()
        await asyncio.wait([task])
        return variables

    assert asyncio.run(environment()) == b"LC_ALL=C.UTF-8\x00"


@linux
def test_the_child_dies_with_a_worker_that_is_killed(tmp_path):
    (tmp_path / "slow.pdf").write_bytes(make_slow_pdf())
    script = (
        "import asyncio, pathlib; from documents.extraction import extract_text; "
        f"data = pathlib.Path({str(tmp_path / 'slow.pdf')!r}).read_bytes(); "
        "asyncio.run(extract_text(data, 'pdf'))"
    )
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    (child,) = wait_until(lambda: children(worker.pid))
    time.sleep(0.3)  # well into the file
    assert is_running(child)

    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()

    wait_until(lambda: not is_running(child))
