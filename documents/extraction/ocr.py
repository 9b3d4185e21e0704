"""Text recognition (OCR) of scanned pages by tesseract, where it is installed.

Tesseract runs in a child of its own for each page, under the same limits as whatever else reads a
file. What it may take altogether is bounded by `Limits.ocr_pages` and `Limits.ocr_seconds`.
"""

import shutil
import time
from dataclasses import replace
from typing import Final

from documents.extraction.contract import MIB, Extraction, Limits, Reason, UnreadableFile
from documents.extraction.formats import extractor
from documents.extraction.process import refuse_killed, run_child, understand
from documents.extraction.text import clean

_NO_OCR: Final = (
    "The file contains no text, only pictures, and this server has no text recognition (OCR). "
    "Run text recognition on the file and upload the result."
)
_NOTHING_FOUND: Final = "Text recognition (OCR) found no text in the file."
_TOO_SLOW: Final = (
    "Recognising the text of this scan took more than {seconds:g} seconds. "
    "Split it into smaller files."
)
_TOO_MANY: Final = (
    "The file is a scan of {pages} pages, more than the {most} whose text can be recognised (OCR). "
    "Split it into smaller files."
)


async def complete(data: bytes, found: Extraction, limits: Limits) -> Extraction:
    """Fill the pages of a PDF that hold only a picture.

    A file with text on other pages keeps that whatever happens; pages that could not be recognised
    stay in `unread_pages`.
    """
    has_text = bool(found.text.strip())
    try:
        tesseract = await _Tesseract.find(limits)
        if len(found.unread_pages) > limits.ocr_pages:
            sentence = _TOO_MANY.format(pages=len(found.unread_pages), most=limits.ocr_pages)
            raise UnreadableFile(Reason.NO_TEXT, sentence)
        return await _fill(data, found, tesseract, has_text)
    except UnreadableFile:
        if has_text:
            return found
        raise


async def _fill(
    data: bytes, found: Extraction, tesseract: "_Tesseract", has_text: bool
) -> Extraction:
    pages = found.text.split("\f")
    unread = []
    failure: UnreadableFile | None = None
    for number in found.unread_pages:
        try:
            picture = await tesseract.render(data, number)
            pages[number - 1] = (await tesseract.read(picture)).replace("\f", "\n").strip()
        except UnreadableFile as error:
            if error.code is Reason.TIMEOUT and not has_text:
                raise  # the beginning of a scan must not pass for all of it
            failure = error
            unread.append(number)
    if not any(pages):
        raise failure or UnreadableFile(Reason.NO_TEXT, _NOTHING_FOUND)
    made_by = f"{found.extractor} + {await tesseract.version()}"
    return Extraction("\f".join(pages), len(pages), made_by, tuple(unread))


async def recognise_picture(data: bytes, file_type: str, limits: Limits) -> Extraction:
    """A page for each picture in the file: only TIFF has several."""
    tesseract = await _Tesseract.find(limits)
    text = await tesseract.read(data)
    pages = [page.strip() for page in text.removesuffix("\f").split("\f")]
    if not any(pages):
        raise UnreadableFile(Reason.NO_TEXT, _NOTHING_FOUND)
    made_by = f"{extractor(file_type)} + {await tesseract.version()}"
    return Extraction("\f".join(pages), len(pages), made_by)


class _Tesseract:
    """The program, and how much of its time one file has left."""

    def __init__(self, program: str, limits: Limits) -> None:
        self._program = program
        self._limits = limits
        self._end = time.monotonic() + limits.ocr_seconds

    @classmethod
    async def find(cls, limits: Limits) -> "_Tesseract":
        program = shutil.which("tesseract")
        if program is None:
            raise UnreadableFile(Reason.NO_TEXT, _NO_OCR)
        found = cls(program, limits)
        answer, _ = await found._run(["--list-langs"])
        missing = set(limits.ocr_languages.split("+")) - set(answer.decode().split())
        if missing:  # our own fault, not the file's; tesseract would quietly do without
            raise RuntimeError(f"Tesseract has no data for: {', '.join(sorted(missing))}.")
        return found

    async def render(self, data: bytes, number: int) -> bytes:
        return understand(*await self._child(["render", "pdf", str(number)], data))[1]

    async def read(self, picture: bytes) -> str:
        languages = self._limits.ocr_languages
        # 1: turns pages that lie on their side or head, then finds columns and blocks.
        arguments = ["stdin", "stdout", "-l", languages, "--psm", "1"]
        answer, code = await self._run(arguments, picture)
        refuse_killed(code)
        if code > 0:
            raise UnreadableFile(Reason.DAMAGED)
        return clean(answer.decode(errors="replace"))

    async def version(self) -> str:
        answer, _ = await self._run(["--version"])
        return f"{answer.decode().partition('\n')[0].strip()} {self._limits.ocr_languages}"

    async def _run(self, arguments: list[str], data: bytes = b"") -> tuple[bytes, int]:
        return await self._child(["run", self._program, *arguments], data)

    async def _child(self, task: list[str], data: bytes) -> tuple[bytes, int]:
        left = replace(
            self._limits,
            seconds=max(0.1, self._end - time.monotonic()),
            characters=16 * MIB,  # a picture of a page, or the text of a few
        )
        try:
            return await run_child(task, data, left)
        except UnreadableFile as error:
            if error.code is Reason.TIMEOUT:
                sentence = _TOO_SLOW.format(seconds=self._limits.ocr_seconds)
                raise UnreadableFile(Reason.TIMEOUT, sentence) from None
            raise
