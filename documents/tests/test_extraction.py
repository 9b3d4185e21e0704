# ruff: noqa: RUF001 - letters of other scripts are what this is about
"""What a file is, what a plain text says, and what the worker needs of whatever reads files."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from documents.extraction import (
    FORMATS,
    MEDIA_TYPES,
    PLAIN_TEXT,
    Limits,
    UnreadableFile,
    UnsupportedFile,
    decode_text,
    extract_text,
    is_current,
    recognise,
)
from documents.tests.extraction_files import (
    extract,
    make_docx,
    make_pdf,
    make_slow_pdf,
    make_zip,
    reason,
)

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
EVERYONE = (
    "Все люди рождаются свободными и равными в своём достоинстве и правах. "
    "Они наделены разумом и совестью."
)
JAPANESE = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"


# Plain text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("naïve “7 €”", "utf-8"),
        ("naïve “7 €”", "utf-8-sig"),
        ("naïve “7 €”", "utf-16"),
        ("naïve “7 €”", "utf-16-le"),
        ("naïve “7 €”", "utf-16-be"),
        ("naïve “7 €”", "utf-32"),
        ("naïve “7 €”", "utf-32-le"),
        ("naïve “7 €”", "utf-32-be"),
        (f"{JAPANESE}\n", "utf-16-le"),
        ("naïve “7 €”", "cp1252"),
        ("Der Müller aß schöne Brötchen und ging über die Straße.", "cp1252"),
        ("El niño comió una manzana en España. ¿Qué?", "cp1252"),
        ("Le garçon a été très heureux à l’école.", "mac_roman"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "cp1250"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "iso8859_2"),
        ("Wszyscy ludzie rodzą się wolni i równi pod względem swych praw.", "iso8859_2"),
        (EVERYONE, "cp1251"),
        (EVERYONE, "koi8-r"),
        ("Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια.", "cp1253"),
        ("Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.", "cp1254"),
        ("يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.", "cp1256"),
        (JAPANESE, "shift_jis"),
        (f"{JAPANESE}\n{JAPANESE}", "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        ("人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心。", "gb18030"),
        ("人人生而自由,在尊嚴和權利上一律平等。他們賦有理性和良心。", "big5"),
        ("모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.", "euc_kr"),
    ],
)
def test_text_is_read_in_any_encoding(text, encoding):
    data = text.encode(encoding)

    assert (recognise(data, "notes.txt"), decode_text(data)) == ("txt", text)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"one\r\nnext\rlast", "one\nnext\nlast"),
        (b"a\tb\fc\vd\x1be", "a\tb\fc\nde"),
        ("a\ud800b".encode("utf-16", "surrogatepass"), "a\ufffdb"),
        (b"all is well " * 9_000 + "and “7 €” later".encode("cp1252"), None),
        (b"ascii first " * 9_000 + "and “7 €” later".encode(), None),
    ],
    ids=["lines", "controls", "surrogate", "late cp1252", "late UTF-8"],
)
def test_text_is_clean(data, text):
    decoded = decode_text(data)

    assert decoded == text if text else decoded.endswith(" and “7 €” later")


def test_a_text_with_a_stray_nul_is_text_without_it():
    data = ("A long enough letter, naïve as it is.\n" * 3 + "Regards\0").encode()

    assert (recognise(data, "a"), decode_text(data)) == ("txt", data.decode().rstrip("\0"))


def test_few_broken_bytes_do_not_change_the_encoding():
    text = "naïve café, “quoted” — and so on. " * 3_000

    decoded = decode_text(text.encode() + b"\xff\xfe end")

    assert decoded == text + "\ufffd\ufffd end"


@pytest.mark.parametrize("name", ["notes.md", "notes.txt", "data.csv", "code.py", "data.json"])
def test_plain_text_is_extracted_as_it_is(name):
    result = extract(b'{"a": 1}\r\n\r\nfirst\fsecond\x00' + b" " * 200, name)

    assert (result.text.rstrip(), result.page_count) == ('{"a": 1}\n\nfirst\fsecond', None)


# What a file is


@pytest.mark.parametrize(
    ("data", "name", "file_type"),
    [
        (make_pdf("x"), "report.pdf", "pdf"),
        (make_pdf("x"), "report.txt", "pdf"),
        (b"\n\njunk\n" + make_pdf("x"), "report", "pdf"),
        (make_docx(), "report.pdf", "docx"),
        (make_docx()[:-30], "cut short.docx", "docx"),
        (make_zip({"xl/workbook.xml": ""}), "report.docx", "xlsx"),
        (make_zip({"ppt/presentation.xml": ""}), "x", "pptx"),
        (
            make_zip({"content.xml": ""}, b"application/vnd.oasis.opendocument.text"),
            "x.docx",
            "odt",
        ),
        (make_zip({"META-INF/container.xml": ""}, b"application/epub+zip"), "x", "epub"),
        (b"{\\rtf1 x}", "x.txt", "rtf"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "x.txt", "png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "x", "jpeg"),
        (b"II*\x00\x08\x00\x00\x00", "x", "tiff"),
        (b"\n<!-- saved -->\n<!DOCTYPE html><p>x", "x", "html"),
        (b"<?xml version='1.0'?><html xmlns='x'/>", "x.txt", "html"),
        (b"<p>part of a page", "x.html", "html"),
        (b"<p>part of a page", "x.txt", "txt"),
        (b"no tag in it", "x.html", "txt"),
        (b"Received: x\n y\nFrom: a\n\nHello", "x", "eml"),
        (b"From: the beginning\nto: the end\n\nHello", "x.eml", "txt"),
        (b"# Title", "README.MD", "md"),
        (b"# Title", "README", "txt"),
        (b"a,b\n", "x.csv", "csv"),
        (b'{"a": 1}', "x.json", "json"),
        (b"Some words", "x.json", "txt"),
        (b"import os", "x.py", "code"),
        (b"The header of a PDF is %PDF-1.7, its end startxref.", "about.txt", "txt"),
        (b"", "empty.txt", "txt"),
    ],
)
def test_the_content_says_what_a_file_is(data, name, file_type):
    assert recognise(data, name) == file_type


@pytest.mark.parametrize(
    "data",
    [
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" + b"This program" * 9,
        b"GIF89a\x01\x00\x01\x00",
        make_zip({"inside.docx": make_docx()}),
        b"\x1f\x8b\x08" + b"compressed " * 99,
        bytes(range(256)) * 9,
        b"text and \x00\x01\x02 bytes " * 9,
    ],
    ids=["exe", "gif", "zip of a docx", "gzip", "all bytes", "mixture"],
)
@pytest.mark.parametrize("name", ["x.txt", "x.md", "x.pdf", "x.docx"])
def test_other_files_are_refused_whatever_their_name(data, name):
    with pytest.raises(UnsupportedFile, match=r"Accepted are: PDF, Word .*, plain text\.$"):
        recognise(data, name)


@pytest.mark.parametrize(
    ("stream", "newer"),
    [("WordDocument", "DOCX"), ("Workbook", "XLSX"), ("PowerPoint Document", "PPTX")],
)
def test_an_older_office_file_is_refused_with_advice(stream, newer):
    with pytest.raises(UnsupportedFile, match=f"save it as {newer}"):
        recognise(OLE + bytes(500) + stream.encode("utf-16-le"), "x.docx")


@pytest.mark.parametrize("ending", ["docx", "xlsx", "pptx"])
def test_encrypted_office_file(ending):
    data = OLE + "EncryptedPackage".encode("utf-16-le")

    found = (recognise(data, f"secret.{ending}"), reason(data, f"secret.{ending}"))

    assert found == (ending, "encrypted")


@pytest.mark.parametrize("data", [b" \n", b""])
def test_text_without_text(data):
    assert reason(data) == "no_text"


def test_text_above_the_limit_of_characters():
    assert reason(b"word " * 20, characters=50) == "too_large_unpacked"


def test_every_format_has_a_media_type_and_a_reader():
    read_elsewhere = {name for name, known in FORMATS.items() if known.readers or known.is_picture}

    assert set(MEDIA_TYPES) == set(FORMATS) == read_elsewhere | PLAIN_TEXT
    assert all("/" in media_type for media_type in MEDIA_TYPES.values())


def test_what_an_older_extractor_made_is_not_current():
    made = extract(make_pdf("x")).extractor

    known = [made, f"{made} + tesseract 5.3.0 eng", "ultrai pdf 1, pypdfium2 5.0", "pypdfium2 5.0"]

    assert [is_current("pdf", name) for name in known] == [True, True, False, False]


# What the worker needs


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


async def started_child():
    """The child that reads the file, once it is a program of its own and no copy of us."""
    async with asyncio.timeout(60):
        while not (found := [child for child in children() if b"child.py" in command_of(child)]):
            await asyncio.sleep(0.01)
    return found[0]


def command_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found


def test_a_broken_installation_is_not_blamed_on_the_file(monkeypatch):
    monkeypatch.setattr("documents.extraction.process._CHILD", "/nowhere/child.py")

    with pytest.raises(RuntimeError, match="failed to start"):
        extract(make_pdf("x"))


def test_the_event_loop_stays_free():
    slow = make_slow_pdf() + b"%" * 20_000_000

    async def turns_of_the_loop():
        task = asyncio.create_task(extract_text(slow, "pdf", Limits(seconds=1)))
        waits = []
        while not task.done():
            start = time.monotonic()
            await asyncio.sleep(0.01)
            waits.append(time.monotonic() - start)
        assert isinstance(task.exception(), UnreadableFile)
        return len(waits), max(waits)

    turns, longest = asyncio.run(turns_of_the_loop())
    assert turns > 5  # had it waited for the child, it would be one
    assert longest < 0.3


@linux
def test_cancelling_kills_the_child():
    async def start_and_cancel():
        task = asyncio.create_task(extract_text(make_slow_pdf(), "pdf"))
        running = [await started_child()]
        task.cancel()
        await asyncio.wait([task], timeout=5)
        return task.cancelled(), [is_running(pid) for pid in running]

    assert asyncio.run(start_and_cancel()) == (True, [False])


@linux
def test_the_child_has_none_of_our_secrets(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")

    async def environment():
        task = asyncio.create_task(extract_text(make_slow_pdf(), "pdf"))
        variables = environment_of(await started_child())
        task.cancel()
        await asyncio.wait([task])
        return variables

    assert asyncio.run(environment()) == b"LC_ALL=C.UTF-8\x00OMP_THREAD_LIMIT=1\x00"


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
