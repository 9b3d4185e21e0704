"""How fast ordinary PDFs are read, and how much memory that takes.

    .venv/bin/python benchmarks/extraction.py

Makes 100 PDFs of a few pages, reads them one and two at a time, and prints PDFs a second, the
greatest resident memory of any child and what starting a child costs. Expected on two cores:
at least 5 a second.
"""

import asyncio
import random
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fpdf import FPDF

from documents.extraction import extract_text

DOCUMENTS = 100
WORDS = "the quick brown fox jumps over a lazy dog while seven wizards box with quarts"


def make_pdf(chance: random.Random) -> bytes:
    pdf = FPDF()
    for _ in range(chance.randint(2, 6)):
        pdf.add_page()
        pdf.set_font("helvetica", size=16)
        pdf.cell(text="A heading", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("times", size=11)
        pdf.multi_cell(0, 5, " ".join(chance.choices(WORDS.split(), k=500)))
    return bytes(pdf.output())


async def read_all(files: list[bytes], at_once: int) -> float:
    free = asyncio.Semaphore(at_once)

    async def read(data: bytes) -> None:
        async with free:
            assert (await extract_text(data, "pdf")).text

    start = time.perf_counter()
    await asyncio.gather(*map(read, files))
    return len(files) / (time.perf_counter() - start)


async def start_only(times: int = 20) -> float:
    """What an RTF of one word costs is what a child costs."""
    start = time.perf_counter()
    for _ in range(times):
        await extract_text(b"{\\rtf1 word}", "rtf")
    return (time.perf_counter() - start) / times


def main() -> None:
    chance = random.Random(1)
    files = [make_pdf(chance) for _ in range(DOCUMENTS)]
    print(f"{DOCUMENTS} PDFs of {sum(map(len, files)) // DOCUMENTS:,} bytes on average")
    for at_once in (1, 2):
        print(f"{at_once} at a time: {asyncio.run(read_all(files, at_once)):.1f} a second")
    print(f"starting a child: {asyncio.run(start_only()) * 1000:.0f} ms")
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"greatest memory of a child: {children:.0f} MiB; of this process: {own:.0f} MiB")


if __name__ == "__main__":
    main()
