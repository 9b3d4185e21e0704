"""Text as the words that quotations are compared by, and which words may never differ.

A word is lower case, in NFKC (so ligatures are letters), with its hyphens taken out: then
"renova-\\ntion" is "renovation" and "well-\\nknown" is "well-known". Punctuation and white space
stand between words and are compared afterwards.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rapidfuzz.distance import OSA

_MARKS: Final = "".join(  # accents and vowel signs belong to their letter; \w leaves them out
    re.escape(chr(code))
    for code in range(0x300, 0x10000)
    if unicodedata.category(chr(code)).startswith("M")
)
_INVISIBLE: Final = "\u00ad\u200b-\u200d\u2060\ufeff"  # soft hyphen, joiners, byte order mark
_QUOTES: Final = "\"'`´ʼ‘’‚‛“”„‟«»‹›「」『』＂＇〝〞〟"  # noqa: RUF001
_APOSTROPHES: Final = "'’ʼ‘´"  # noqa: RUF001
_HYPHENS: Final = "-‐‑\u00ad"  # noqa: RUF001
_DASHES: Final = "-‐‑‒–—―−⸺﹘﹣－"  # noqa: RUF001
_SYMBOLS: Final = "%‰°§€$£¥¢₹+=<>≤≥±×÷≈≠&"  # noqa: RUF001
# Scripts without spaces between words: each character is a word.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_LETTERS: Final = rf"[^\W_{_UNSPACED}]+(?:[{_MARKS}{_INVISIBLE}]+[^\W_{_UNSPACED}]*)*"
_LINE_END: Final = r"[ \t]*+[\n\r\f]\s*+"
# [3] and [page 3] refer; they are not text.
_REFERENCE: Final = re.compile(
    r"\[(?:(?:p|pp|page|S|Seite)\.? ?)?\d{1,4}(?:[,;–-] ?\d{1,4}){0,9}\]"  # noqa: RUF001
)
_TOKEN: Final = re.compile(
    rf"{_REFERENCE.pattern}|(?P<word>"
    rf"(?:(?<![^\s(])[-−–])?\d+(?:[.,:/{_APOSTROPHES}]\d+)*"  # noqa: RUF001
    rf"|{_LETTERS}(?:(?:[{_APOSTROPHES}]|[{_HYPHENS}\x02\ufffe](?:{_LINE_END})?){_LETTERS})*"
    rf"|[{_UNSPACED}][{_MARKS}]*"
    rf"|[{_SYMBOLS}])"
)
_NOT_IN_WORDS: Final = re.compile(rf"[{_HYPHENS}{_INVISIBLE}\x02\ufffe\s]+")
_LAYOUT: Final = re.compile(rf"[\s*_~`|\\\x02\ufffe{_INVISIBLE}]+")  # Markdown's marks among them
_DASH: Final = re.compile(rf"(?<!\d)[{_DASHES}]+|[{_DASHES}]+(?!\d)")
_UNIFIED: Final = str.maketrans(
    dict.fromkeys(_QUOTES, '"') | dict.fromkeys(_DASHES, "-") | {"。": ".", "、": ","}
)
_JOINTS: Final = re.compile(r"(?<=\d)[^\w\s]+(?=\d)")


class Word(NamedTuple):
    text: str
    start: int
    end: int


_UNSPACED_CHARACTER: Final = re.compile(rf"[{_UNSPACED}]")


def is_unspaced(word: str) -> bool:
    """Whether its script puts no spaces between words."""
    return bool(_UNSPACED_CHARACTER.match(word))


def words_in(text: str, start: int = 0, end: int = sys.maxsize) -> Iterator[Word]:
    seen: dict[str, str] = {}
    for token in _TOKEN.finditer(text, start, min(end, len(text))):
        if (raw := token["word"]) is not None:
            word = seen.get(raw)
            if word is None:
                word = seen[raw] = _normal(raw)
            yield Word(word, *token.span())


def _normal(raw: str) -> str:
    sign = "-" if raw[0] in _DASHES else ""  # of a number: words do not begin with one
    raw = sign + _NOT_IN_WORDS.sub("", raw.lstrip(_DASHES))
    if raw.isascii():
        return raw.lower()
    raw = re.sub(f"[{_APOSTROPHES}]", "'", raw)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", raw).casefold())


def punctuation(text: str) -> str:
    """Return the text without what the words settle: white space, hyphens, case; and no Markdown.

    Quotation marks are one kind, dashes count only between figures, and what stands outside the
    first and the last word does not count: style puts full stops inside quotation marks.
    """
    text = _REFERENCE.sub("", text).translate(_UNIFIED)
    bare = _LAYOUT.sub("", unicodedata.normalize("NFKC", text).casefold())
    return _DASH.sub("", bare).strip("\"'.,;:!?()[]{}…")


def references(text: str) -> set[str]:
    return set(_REFERENCE.findall(text))


def has_same_figures(one: str, other: str) -> bool:
    """Whether punctuation joins figures alike: 3-4 is not 3/4."""
    return _JOINTS.findall(one) == _JOINTS.findall(other)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# What turns a statement round. Words of several languages stand together: a quotation is short, and
# a word too many here only means that a quotation has to be copied more exactly.
_NEGATIONS: Final = _listed(
    """no not nor never none nobody nothing nowhere neither cannot without unless except hardly
    barely scarcely few little less least only almost nearly
    nicht kein keine keinen keinem keiner keines nie niemals nichts niemand nirgends ohne weder
    noch kaum außer ausser fast nur wenig wenige
    ne pas jamais rien aucun aucune ni sans personne sauf guère non nulle presque seulement peu
    nunca jamás nada nadie ningún ninguno ninguna sin tampoco salvo casi sólo solo
    mai niente nulla nessun nessuno nessuna né senza quasi
    niet geen nooit niets niemand zonder behalve bijna
    não nem nenhum nenhuma ninguém sem
    不 没 沒 無 无 非 未 否 莫 勿 ず"""
)
_NUMBERS: Final = _listed(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
    hundred hundreds thousand thousands million millions billion billions trillion dozen half third
    quarter double twice once first second fourth fifth sixth seventh eighth ninth tenth percent
    null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreissig vierzig
    fünfzig sechzig siebzig achtzig neunzig hundert tausend million millionen milliarde milliarden
    halb hälfte viertel drittel doppelt zweimal erste ersten zweite zweiten dritte dritten prozent
    deux trois quatre cinq sept huit neuf dix onze douze quinze vingt trente quarante cinquante
    soixante cent cents mille milliard milliards moitié tiers demi premier première deuxième
    dos tres cuatro cinco seis siete ocho nueve diez veinte treinta cuarenta cincuenta cien ciento
    mil millón millones mitad primero primera segundo segunda tercero
    due tre quattro cinque sei sette otto nove dieci venti cento milione milioni metà primo
    janvier février mars avril mai juin juillet août septembre octobre novembre décembre
    enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
    lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes
    sábado domingo"""
)
# One of these may be missing or added; none says who does what to whom.
_SMALL: Final = _listed(
    """a an the of that which to in on at is are was were also
    der die das den dem des ein eine einen einem einer im am auch ist sind
    le la les l de du des d un une que qui au aux en y est sont
    el los las del una es il lo gli di della uno che è het een dat te op
    o os da dos um uma"""
)
_ROLES: Final = ({"er", "ee"}, {"or", "ee"})
_SHORTEST_MISSPELT: Final = 4
_LONG_WORD: Final = 8
# What scanners take for each other.
_LOOKALIKES: Final = (
    ("rn", "m"),
    ("vv", "w"),
    ("cl", "d"),
    ("l", "i"),
    ("1", "i"),
    ("0", "o"),
    ("b", "h"),
)


def turns_the_statement(word: str) -> bool:
    return word in _NEGATIONS or word.endswith("n't") or word.startswith("n'")


def is_number(word: str) -> bool:
    return word in _NUMBERS or word in _SYMBOLS or any(character.isnumeric() for character in word)


def is_small(word: str) -> bool:
    return word in _SMALL


def may_not_differ(words: Sequence[str], position: int) -> bool:
    """Negations, figures, and the word after a figure, which is its unit."""
    word = words[position]
    return (
        turns_the_statement(word)
        or is_number(word)
        or (position > 0 and is_number(words[position - 1]))
    )


def is_misread(one: str, other: str) -> bool:
    """Whether a scanner may have taken one for the other."""
    return _by_look(one) == _by_look(other)


def _by_look(word: str) -> str:
    for seen, read in _LOOKALIKES:
        word = word.replace(seen, read)
    return word


def is_misread_letter(one: str, other: str) -> bool:
    """Whether the other is a word in which a scanner saw a figure: bel1s."""
    return (
        one.isalpha()
        and other[0].isalpha()
        and not other.isalpha()
        and other.isalnum()
        and is_misread(one, other)
    )


def is_misspelt(one: str, other: str) -> bool:
    """A letter off, or two in a long word; not where it turns the meaning.

    That is at the start (import, export; hyper-, hypo-) and in employer, employee.
    """
    shorter = min(len(one), len(other))
    if shorter < _SHORTEST_MISSPELT or {one[-2:], other[-2:]} in _ROLES:
        return False
    allowed = 1 if shorter < _LONG_WORD else 2
    distance = OSA.distance(one, other, score_cutoff=allowed)
    return distance <= allowed and one[: 2 * distance] == other[: 2 * distance]
