"""Plain text from bytes, and the clean-up that every format's text goes through."""

import codecs
import re
import unicodedata
from typing import Final

# PostgreSQL refuses NUL and lone surrogates; the other control characters are never content.
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1f\ud800-\udfff]")

# UTF-32 first: its little-endian mark starts with that of UTF-16.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE: Final = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_ISO_2022_JP: Final = re.compile(rb"\x1b\$[@B]|\x1b\([IJ]")

SAMPLE: Final = 64 * 1024
# What a guess is made from: enough to know a language by, little enough to be quick.
_GUESSED_FROM: Final = 8 * 1024
# Bytes no text is made of. Text may hold a few by accident; a program or picture is full of them.
_BINARY: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_MOST_BINARY: Final = 0.02
# What a guess may choose from, so that the rare cannot win over the likely.
_LIKELY: Final = [
    "big5",
    "cp932",
    "euc_jp",
    "euc_kr",
    "gb18030",
    "cp1250",
    "cp1251",
    "cp1252",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp1258",
    "iso8859_2",
    "iso8859_5",
    "iso8859_7",
    "koi8_r",
    "koi8_u",
    "mac_roman",
    "tis_620",
]
# What Western Europe writes besides ASCII. In other encodings the same bytes are other letters,
# and a text in those has hardly ever only bytes that mean one of these.
_WESTERN: Final = frozenset(
    b"\x80\x82\x84\x85\x8b\x8c\x91\x92\x93\x94\x95\x96\x97\x9b\x9c"
    b"\xa0\xa1\xa3\xa7\xa9\xab\xae\xb0\xb7\xba\xbb\xbf"
    + bytes(set(range(0xC0, 0x100)) - set(b"\xd0\xd7\xdd\xde\xf0\xf7\xfd\xfe"))
)
_SYMBOL_IN_WORD: Final = re.compile(r"(?<=[^\W\d_])[«»¤¦§¨©¬®°±¶ˇ˘˝¹²³¼½¾](?=[^\W\d_])")


def decode_text(data: bytes) -> str:
    """Text in whatever encoding it has: marked, Unicode, or guessed from how it reads."""
    encoding = find_encoding(data[:SAMPLE]) or _legacy(data)
    if encoding == "utf-8" and not _stays_utf8(data):
        encoding = _legacy(data)
    return clean(data.decode(encoding, errors="replace"))


def clean(text: str) -> str:
    """Newlines and vertical tabs become \\n; control characters go, save tab and form feed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\v", "\n")
    return _CONTROL.sub("", text)


def find_encoding(sample: bytes) -> str | None:
    """The encoding of a text that starts with these bytes; None when they are no text.

    A few control characters, NUL included, are an accident that leaves a text a text; one byte
    in fifty is not. Two- and four-byte Unicode without a mark is known by its regular NULs.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding
    has_few_binary = len(sample) - len(sample.translate(None, _BINARY)) <= (
        len(sample) * _MOST_BINARY
    )
    if has_few_binary and _is_utf8(sample):
        return "iso2022_jp" if _ISO_2022_JP.search(sample) else "utf-8"
    if b"\0" in sample:
        for encoding in _WIDE:
            if _reads_as(sample, encoding):
                return encoding
    return _legacy(sample) if has_few_binary else None


def _is_utf8(sample: bytes) -> bool:
    """A sample may end within a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=len(sample) < SAMPLE)
    except UnicodeDecodeError:
        return False
    return True


def _stays_utf8(data: bytes) -> bool:
    """Whether what is UTF-8 in the sample is so to the end, but for a few damaged bytes."""
    try:
        data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        beyond_ascii = sum(len(part) for part in re.findall(r"[^\x00-\x7f]+", text))
        return text.count("\ufffd") <= beyond_ascii / 10
    return True


def _reads_as(sample: bytes, encoding: str) -> bool:
    """Nearly every NUL is the first half of an ASCII or Latin character, and all is readable."""
    width = 4 if "32" in encoding else 2
    try:
        text = sample.decode(encoding) if len(sample) % width == 0 else ""
    except UnicodeDecodeError:
        return False
    latin = sum("\0" < character < "\u0100" for character in text)
    odd = sum(
        character not in "\t\n\r\f"
        and (not ord(character) & 0xFF or unicodedata.category(character) in ("Cc", "Cn", "Co"))
        for character in text
    )
    return latin > 0 and odd <= len(text) * _MOST_BINARY


def _legacy(data: bytes) -> str:
    """One- and two-byte encodings carry no sign of which they are: the most readable wins."""
    from charset_normalizer import from_bytes

    sample = _telling_part(data)
    if _is_western(sample):
        return "cp1252"
    guesses = list(from_bytes(sample, cp_isolation=_LIKELY, preemptive_behaviour=False))
    if not guesses:
        return "latin-1"  # takes every byte
    likely = [guess for guess in guesses if guess.chaos <= guesses[0].chaos + 0.05]
    # Best first, and min() takes the first of equals.
    return min(likely, key=lambda guess: len(_SYMBOL_IN_WORD.findall(str(guess)))).encoding


def _is_western(sample: bytes) -> bool:
    others = [byte for byte in sample if byte >= 0x80]
    letters = sum(character.isalpha() for character in sample.decode("cp1252", errors="replace"))
    accented = sum(byte >= 0xC0 for byte in others)
    return _WESTERN.issuperset(others) and accented <= letters / 3


def _telling_part(data: bytes) -> bytes:
    """The lines with other than ASCII, which alone tell encodings apart."""
    telling = bytearray()
    for line in data.splitlines(keepends=True):
        if not line.isascii():
            telling += line[:_GUESSED_FROM]
        if len(telling) > _GUESSED_FROM:
            break
    return bytes(telling)
