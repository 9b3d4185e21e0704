"""Sentences, words and pages: what the built-in models know about language, which is little."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

LONGEST_SENTENCE = 600
FEWEST_WORDS = 2  # of meaning; shorter pieces are headings, page numbers and labels
LONGEST_WORD = 60  # longer ones are encoded data
SHORT_LINE = 40  # a line this short was ended by its author, not wrapped by a program

_CJK = "\u3040-\u30ff\u3400-\u9fff"  # written without spaces: each character counts as a word
WORD = re.compile(rf"[{_CJK}]|\d+(?:[.,]\d+)*(?![^\W_])|[^\W_{_CJK}]+")
_BOUNDARY = re.compile(
    r"(?P<page>\f)"
    r"|(?P<line>\r?\n)"
    r"|(?P<stop>[.!?…][\"'”\u2019»)\]]*)(?=\s)"
    r"|(?P<ideographic>[。\uff01\uff1f][\"'”」』\uff09]*)"
)
_BULLET = re.compile(r"[ \t]*(?:[-*•\u2013·#>|]|\(?\w{1,3}[.)])[ \t]")
_ABBREVIATION = re.compile(
    r"\b(?:\w|\d{1,2}|dr|mr|mrs|ms|prof|st|no|nr|art|abs|vgl|bzw|gem|ggf|evtl|inkl|usw|ca|cf|vs"
    r"|fig|sec|sig|inc|ltd|co|pp|al|approx|mio|mrd|jan|feb|mar|apr|jun|jul|aug|sept?|oct|okt|nov"
    r"|dec|dez)$",
    re.IGNORECASE,
)

# Too common to say what a text is about: English, German, French, Spanish, Italian, and a
# few Chinese signs.
STOP_WORDS = frozenset(
    """
    a about above after again all also am an and any are as at be because been before being below
    between both but by can could did do does doing don down during each few for from further had
    has have having he her here hers him his how i if in into is it its just may me might more most
    must my no nor not of off on once only or other our out over own per same shall she should so
    some such than that the their them then there these they this those through to too under until
    up upon us very was we were what when where which while who whom why will with within would
    you your
    aber alle als am an auch auf aus bei bin bis da damit dann das dass dem den der des die dies
    diese dieser doch durch ein eine einem einen einer eines er es für gegen hat hatte ich ihr im
    in ist ja kann kein keine man mit muss nach nicht noch nur ob oder ohne sein seine sich sie
    sind so über um und uns unter vom von vor war was weil welche wenn werden wie wir wird wurde
    zu zum zur
    au aux avec ce ces cette dans de des donc du elle en entre est et être il ils je la le les leur
    lui mais ne nous ont ou où par pas plus pour qu que quel quelle qui sa sans se ses si son sont
    sur tous tout un une vous
    al como con cual cuando de del donde el ella en entre era es esta este esto ha han hay la las
    lo los más muy ni no nos o para pero por porque que qué se ser si sin sobre su sus también un
    una y ya
    agli ai al alla alle anche che chi ci come con cosa da dal dalla dei del della delle di dove e
    è gli ha hanno i il in io la le lo ma nel nella non o per perché più quale quando quanto questa
    questo se si sono su sua sul sulla tra un una uno
    的 是 了 在 和 有 不 为 以 及 其 或 与
    """.split()  # noqa: SIM905 - a list of four hundred quoted words is no clearer
)

NEGATIONS = frozenset(
    """
    no not never none nor without cannot t nicht nie niemals kein keine keinen keiner ohne weder
    ne pas jamais sans aucun aucune ni nunca sin non mai senza
    """.split()  # noqa: SIM905 - as above; "t" is what is left of "don't"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str  # exactly as in the document, line breaks included, so that it can be found there
    page: int
    stems: frozenset[str]

    @property
    def line(self) -> str:
        return " ".join(self.text.split())


@lru_cache(maxsize=20_000)
def content_stem(word: str) -> str:
    """Cut a word to what its inflections share, roughly, in any European language.

    Empty for a word that does not say what a text is about, as single letters never do.
    """
    word = word.casefold()
    if word in STOP_WORDS or len(word) > LONGEST_WORD:
        return ""
    if len(word) == 1:
        return word if "\u30a0" <= word <= "\u9fff" else ""  # hiragana is mostly grammar
    if word[0].isdigit():
        return word
    return (word[:-1] if len(word) > 4 and word.endswith("s") else word)[:7]


def stems(text: str) -> frozenset[str]:
    return frozenset(map(content_stem, WORD.findall(text))) - {""}


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text whose pages are separated by form feeds, in order."""
    found = [
        Sentence(piece, page, content) for piece, page in _pieces(text) if (content := stems(piece))
    ]
    return [s for s in found if len(s.stems) >= FEWEST_WORDS] or found


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    start, page, line_start = 0, 1, 0
    for boundary in _BOUNDARY.finditer(text):
        kind, end = boundary.lastgroup, boundary.end()
        is_end = (
            kind in {"page", "ideographic"}
            or (kind == "line" and _ends_paragraph(text, line_start, boundary))
            or (kind == "stop" and _ends_sentence(text, start, boundary))
        )
        if is_end:
            for piece in _within_limit(text[start:end].strip()):
                yield piece, page
            start = end
        if kind in {"page", "line"}:
            line_start = end
        if kind == "page":
            page += 1
    for piece in _within_limit(text[start:].strip()):
        yield piece, page


def _ends_paragraph(text: str, line_start: int, boundary: re.Match[str]) -> bool:
    """A blank line, a bullet or a heading follows, or the line was a heading itself."""
    following = text[boundary.end() : boundary.end() + SHORT_LINE].lstrip(" \t")
    is_short = boundary.start() - line_start < SHORT_LINE
    return (
        not following
        or following[0] in "\r\n\f"
        or _BULLET.match(following) is not None
        or (is_short and following[0].isupper())
    )


def _ends_sentence(text: str, start: int, boundary: re.Match[str]) -> bool:
    """Not after "Dr." or "3.", and not when the text goes on in lower case."""
    following = text[boundary.end() : boundary.end() + SHORT_LINE].lstrip()
    before = text[max(start, boundary.start() - 8) : boundary.start()]
    is_abbreviation = text[boundary.start()] == "." and _ABBREVIATION.search(before) is not None
    return not is_abbreviation and not following[:1].islower()


def _within_limit(piece: str) -> Iterator[str]:
    """Cut what has no full stops, such as a table, at spaces."""
    while len(piece) > LONGEST_SENTENCE:
        cut = max(piece.rfind(space, 1, LONGEST_SENTENCE) for space in " \n\t")
        cut = cut if cut > 0 else LONGEST_SENTENCE
        yield piece[:cut].rstrip()
        piece = piece[cut:].lstrip()
    if piece:
        yield piece
