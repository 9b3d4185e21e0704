"""What a number in a cell means: a date or time when its format says so, a percentage, a number."""

import re
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from documents.extraction.xml import Attributes, parse
from documents.extraction.zips import Package


class Kind(Enum):
    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    PERCENT = "percent"


_BUILT_IN: Final = (
    {9: Kind.PERCENT, 10: Kind.PERCENT, 22: Kind.DATETIME}
    | dict.fromkeys((*range(14, 18), *range(27, 32), 36, *range(50, 59)), Kind.DATE)
    | dict.fromkeys((*range(18, 22), *range(32, 36), *range(45, 48)), Kind.TIME)
)
# Parts of a format that are no codes: quoted, escaped, padding, colours and conditions.
_LITERAL: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_WIDEST_COLUMN: Final = 16_384  # Excel's own limit, XFD
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet has no time zone
_DAYS_TO_1904: Final = 1462


def read_kinds(package: Package, part: str) -> list[Kind]:
    """The kind of each cell style, which cells name by number."""
    own: dict[int, Kind] = {}
    kinds: list[Kind] = []
    in_cell_styles = False

    def start(full_name: str, attributes: Attributes) -> None:
        nonlocal in_cell_styles
        name = full_name.rpartition("}")[2]
        if name == "numFmt":
            own[int(attributes["numFmtId"])] = _kind_of(attributes.get("formatCode", ""))
        elif name == "cellXfs":
            in_cell_styles = True
        elif name == "xf" and in_cell_styles:
            number = int(attributes.get("numFmtId", "0"))
            kinds.append(own.get(number) or _BUILT_IN.get(number, Kind.NUMBER))

    def end(full_name: str) -> None:
        nonlocal in_cell_styles
        if full_name.endswith("}cellXfs"):
            in_cell_styles = False

    parse(package.chunks(part), start, end)
    return kinds


def _kind_of(code: str) -> Kind:
    codes = _LITERAL.sub("", code.partition(";")[0]).lower()
    has_date = "y" in codes or "d" in codes
    has_time = "h" in codes or "s" in codes
    if has_date and has_time:
        return Kind.DATETIME
    if has_date or (set("m") <= set(codes) and not has_time and "0" not in codes):
        return Kind.DATE
    if has_time:
        return Kind.TIME
    return Kind.PERCENT if "%" in codes else Kind.NUMBER


def as_written(raw: str, kind: Kind, is_1904: bool) -> str:
    """As a person would write the value; as it is stored where it cannot be what it claims."""
    try:
        number = float(raw)
        if kind is Kind.NUMBER:
            return _plain(number) if len(raw) > 15 else raw
        if kind is Kind.PERCENT:
            return f"{_plain(number * 100)}%"
        if kind is Kind.TIME and number >= 1:  # a duration
            hours, seconds = divmod(round(number * 86_400), 3600)
            return f"{hours}:{seconds // 60:02}:{seconds % 60:02}"
        days = number + (_DAYS_TO_1904 if is_1904 and kind is not Kind.TIME else 0)
        moment = _EPOCH + timedelta(seconds=round(days * 86_400))
    except (ValueError, OverflowError):
        return raw
    if kind is Kind.DATE and moment.time() == _EPOCH.time():
        return moment.date().isoformat()
    return moment.time().isoformat() if kind is Kind.TIME else moment.isoformat(" ")


def _plain(number: float) -> str:
    """Without the digits that binary fractions add: 0.1 and not 0.10000000000000001."""
    return f"{number:.15g}"


def column_number(reference: str) -> int:
    """1 for "A7"."""
    number = 0
    for character in reference.upper():
        if not "A" <= character <= "Z":
            break
        number = number * 26 + ord(character) - 64
    if not 1 <= number <= _WIDEST_COLUMN:
        raise ValueError(reference)
    return number
