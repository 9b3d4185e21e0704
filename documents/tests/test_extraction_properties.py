"""Any bytes under any name: text that a database takes, or one of the errors we declare."""

import asyncio
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from documents.extraction import (
    FORMATS,
    Limits,
    UnreadableFile,
    UnsupportedFile,
    decode_text,
    extract_text,
    recognise,
)
from documents.tests.extraction_files import FILES, make_docx, make_pdf

ENDINGS = [f".{file_type}" for file_type in FORMATS] + ["", ".exe", ".tar.gz", "."]
names = st.builds(str.__add__, st.text(max_size=20), st.sampled_from(ENDINGS))
STARTS = [
    b"%PDF-1.7\n",
    b"PK\x03\x04",
    b"{\\rtf1 ",
    b"<!DOCTYPE html><table>",
    b"From: a\nDate: b\n",
    b"\xff\xfe",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\x89PNG\r\n\x1a\n",
]
anything = st.builds(bytes.__add__, st.sampled_from([b"", *STARTS]), st.binary(max_size=2_000))
TEXTS = [
    make_pdf("Some words", compressed=False),
    make_docx("<w:p><w:r><w:t>Some words</w:t></w:r></w:p>"),
    *(path.read_bytes() for path in sorted(FILES.glob("[!R]*"))),
]


@st.composite
def damaged(draw):
    """A sound file with some of its bytes changed, or its end cut off."""
    data = bytearray(draw(st.sampled_from(TEXTS)))
    places = st.integers(0, len(data) - 1)
    for place in draw(st.lists(places, min_size=1, max_size=20)):
        data[place] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.one_of(st.just(len(data)), places))])


def is_storable(text):
    return "\0" not in text and text.encode().decode() == text


@settings(derandomize=True, deadline=None, max_examples=300)
@given(anything, names)
def test_any_bytes_are_of_a_known_type_or_unsupported(data, name):
    with suppress(UnsupportedFile):
        assert recognise(data, name) in FORMATS


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.one_of(st.binary(max_size=2_000), st.text(max_size=500).map(str.encode)))
def test_any_bytes_decode_to_storable_text(data):
    assert is_storable(decode_text(data))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=500))
def test_utf8_comes_back_as_it_was(text):
    assert decode_text(text.encode()) == text.removeprefix("\ufeff")


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.one_of(anything, damaged()), names)
def test_any_file_ends_in_text_or_a_declared_failure(data, name):
    with suppress(UnsupportedFile, UnreadableFile):
        result = asyncio.run(extract_text(data, recognise(data, name), Limits(seconds=10)))
        assert result.text.strip()
        assert is_storable(result.text)
        assert result.page_count in (None, result.text.count("\f") + 1)
