"""The words of RTF that a reader of its text must know."""

import codecs
from typing import Final

CHARACTERS: Final = {
    "line": "\n",
    "tab": "\t",
    "emdash": "—",
    "endash": "\N{EN DASH}",
    "lquote": "\N{LEFT SINGLE QUOTATION MARK}",
    "rquote": "\N{RIGHT SINGLE QUOTATION MARK}",
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
}

# Groups whose content is none of the document's text.
SKIPPED: Final = frozenset(
    [
        "fonttbl",
        "colortbl",
        "info",
        "pict",
        "objdata",
        "header",
        "headerl",
        "headerr",
        "headerf",
        "footer",
        "footerl",
        "footerr",
        "footerf",
        "generator",
        "themedata",
        "xmlnstbl",
        "listtable",
        "listoverridetable",
        "rsidtbl",
        "datastore",
        "latentstyles",
        "fldinst",
        "filetbl",
        "revtbl",
        "nonshppict",
        "bkmkstart",
        "bkmkend",
        "annotation",
        "atnid",
        "atnauthor",
        "atntime",
        "atnicn",
        "atnref",
        "atnparent",
        "atndate",
        "sp",
        "private1",
        "ftnsep",
        "ftnsepc",
        "ftncn",
        "aftnsep",
        "aftnsepc",
        "aftncn",
        "xe",
        "tc",
        "rxe",
        "txe",
        "pgdsctbl",
        "userprops",
        "docvar",
        "colorschememapping",
        "wgrffmtfilter",
        "mmathPr",
        "nonesttables",
        "pnseclvl",
    ]
)
# After \* a reader leaves out what it does not know; text boxes are known.
KEPT_THOUGH_OPTIONAL: Final = frozenset(
    ["shpinst", "shptxt", "listtext", "pntext", "footnote", "nesttableprops"]
)

# By the charset that a font says it has.
CODE_PAGES: Final = {
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    134: "gb18030",
    136: "big5hkscs",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
}


def code_page(number: int) -> str | None:
    names = {65001: "utf-8", 936: "gb18030", 950: "big5hkscs", 10000: "mac_roman"}
    name = names.get(number, f"cp{number}")
    try:
        codecs.lookup(name)
    except LookupError:
        return None
    return name
