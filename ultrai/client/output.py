"""What is shown: tables, answers, and the progress of an analysis."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

BAR_WIDTH = 30


def safe(text: Any) -> str:
    """The text without control characters: a model's answer must not steer the terminal."""
    return "".join(c for c in str(text) if c.isprintable() or c in "\n\t")


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Columns as wide as what is in them; the last as wide as it likes."""
    cells = [list(heads)]
    cells += [["" if cell is None else safe(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def answers(analysis: dict[str, Any]) -> str:
    """An analysis to read: the question, then what each model said."""
    parts = [f"# {safe(analysis['prompt'])}", summary(analysis)]
    for result in analysis["results"]:
        head = f"## {result['stage']}: {result['model'] or result['llm_provider']}"
        text = result["response"] or result["error"]
        if result["status"] != "succeeded":
            head += f" ({result['status']})"
        parts.append(safe(f"{head}\n\n{text or ''}".rstrip()))
    return "\n\n".join(parts)


def summary(analysis: dict[str, Any]) -> str:
    progress, cost = analysis["progress"], analysis["cost_usd"]
    line = f"Analysis {analysis['id']} {analysis['status']}: {progress['done']} of "
    line += f"{progress['of']} calls succeeded, {progress['failed']} failed"
    return line + (f", {cost} USD" if cost else "")


class ProgressDisplay:
    """A bar where a person looks on, a line for each call where nobody does; to standard error."""

    def __init__(self) -> None:
        self.out = sys.stderr
        self.is_terminal = self.out.isatty()

    def show(self, progress: dict[str, int], ended: dict[str, Any] | None = None) -> None:
        """The calls so far, and the one that has just ended."""
        if ended:
            seconds = (ended["latency_ms"] or 0) / 1000
            line = f"{ended['stage']} {ended['model']} {ended['status']} ({seconds:.1f} s)"
            self._write(f"{safe(line)} {safe(ended['error'] or '')}".rstrip() + "\n")
        if self.is_terminal:
            self._write(self._bar(**progress))

    def clear(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        self.out.write(f"\r\x1b[K{text}" if self.is_terminal else text)
        self.out.flush()

    def _bar(self, done: int, failed: int, of: int) -> str:
        width = min(BAR_WIDTH, shutil.get_terminal_size().columns - 30)
        filled = width * (done + failed) // of if of else 0
        bar = "█" * filled + "░" * (width - filled)
        return f"{bar} {done + failed}/{of}" + (f", {failed} failed" if failed else "")
