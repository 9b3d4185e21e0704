"""How well quotations are told from inventions: `python benchmarks/quotations.py` prints figures.

The test set beside it holds documents and quotations, each with the verdict it must get. Besides,
inventions are made by the thousand: true sentences in which one thing was changed.
"""

import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis import quotations
from analysis.quotations import Finding, Source

TEST_SET = Path(__file__).with_suffix(".json")
VERDICTS = ("exact", "normalised", "near", "not_found")
Case = dict[str, Any]


def load() -> tuple[dict[str, str], list[Case]]:
    test_set = json.loads(TEST_SET.read_text())
    documents = {name: "\n".join(lines) for name, lines in test_set["documents"].items()}
    return documents, test_set["cases"]


def judge(documents: dict[str, str], cases: list[Case]) -> list[tuple[Case, Finding]]:
    sources = {name: Source(text) for name, text in documents.items()}
    return [(case, sources[case["document"]].find(case["quotation"])) for case in cases]


def precision_and_recall(judged: list[tuple[Case, Finding]]) -> tuple[float, float]:
    """Of `not_found`: the share that is rightly called so, and the share that is called so."""
    expected = [case["verdict"] == "not_found" for case, _ in judged]
    found = [finding.verdict == "not_found" for _, finding in judged]
    both = sum(a and b for a, b in zip(expected, found, strict=True))
    return both / max(1, sum(found)), both / max(1, sum(expected))


def is_right(case: Case, finding: Finding) -> bool:
    return (finding.verdict, finding.page) == (case["verdict"], case["page"])


def confusion(judged: list[tuple[Case, Finding]]) -> Iterator[str]:
    counts: Counter[tuple[str, str]] = Counter(
        (case["verdict"], finding.verdict) for case, finding in judged
    )
    yield f"{'expected / found':18}" + "".join(f"{verdict:>12}" for verdict in VERDICTS)
    for expected in VERDICTS:
        row = "".join(f"{counts[expected, found]:12}" for found in VERDICTS)
        yield f"{expected:18}{row}"


def inventions(text: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Sentences of the document in each of which one thing was changed."""
    sentences = [s for s in re.split(r"(?<=[.!?])\s+", text) if 6 <= len(s.split()) <= 40]
    for sentence in sentences:
        words = sentence.split()
        for figure in re.finditer(r"\d", sentence):
            digit = str((int(figure[0]) + chance.randint(1, 9)) % 10)
            yield "digit", sentence[: figure.start()] + digit + sentence[figure.end() :]
        at = chance.randrange(1, len(words) - 1)
        yield "negation", " ".join([*words[:at], "not", *words[at:]])
        other = chance.choice(sentences).split()
        if other != words:
            half, rest = words[: len(words) // 2], other[len(other) // 2 :]
            yield "glued", " ".join([*half, *rest])
            yield "appended", " ".join([*words, *rest])
            yield "word", " ".join([*words[:at], other[0] + "ing", *words[at + 1 :]])
        for i, word in enumerate(words[1:], 1):
            if word[0].isupper() and word[1:].isalpha() and words[i - 1][-1].isalnum():
                yield "name", " ".join([*words[:i], "Dunwich", *words[i + 1 :]])
                yield "name", " ".join([*words[:i], word[:-1] + "x", *words[i + 1 :]])
            if word.casefold() in {"not", "no", "never", "nicht", "keine", "pas", "jamais"}:
                yield "negation", " ".join([*words[:i], *words[i + 1 :]])


def large_document(characters: int, chance: random.Random) -> str:
    vocabulary = sorted(set(" ".join(load()[0].values()).split()))
    pages = (" ".join(chance.choices(vocabulary, k=400)) for _ in range(characters // 2_700))
    return "\f".join(pages)[:characters]


def main() -> None:
    documents, cases = load()
    started = time.perf_counter()
    judged = judge(documents, cases)
    seconds = time.perf_counter() - started
    for case, finding in judged:
        if not is_right(case, finding):
            print(f"WRONG {case} -> {finding}")
    print(*confusion(judged), sep="\n")
    precision, recall = precision_and_recall(judged)
    print(f"{len(cases)} quotations in {seconds:.2f} s: {sum(is_right(*j) for j in judged)} right")
    print(f"not_found: precision {precision:.3f}, recall {recall:.3f}")

    chance = random.Random(5)
    kinds: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    for text in documents.values():
        source = Source(text)
        for kind, quotation in inventions(text, chance):
            if quotation in text:  # another page's number, for one
                continue
            finding = source.find(quotation)
            kinds[kind] += 1
            caught[kind] += finding.verdict == "not_found"
            if finding.verdict != "not_found":
                print(f"  not caught, {kind}: {quotation!r} {finding.verdict}")
    print("made inventions caught:", ", ".join(f"{k} {caught[k]}/{n}" for k, n in kinds.items()))

    print("by threshold:")
    chosen = quotations.NEAR
    for threshold in (0.7, 0.75, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.96):
        vars(quotations)["NEAR"] = threshold
        judged = judge(documents, cases)
        precision, recall = precision_and_recall(judged)
        right = sum(is_right(*j) for j in judged)
        print(f"  {threshold:.2f}: {right} right, precision {precision:.3f}, recall {recall:.3f}")
    vars(quotations)["NEAR"] = chosen

    text = large_document(1_000_000, chance)
    started = time.perf_counter()
    source = Source(text)
    built = time.perf_counter() - started
    made = [q for document in documents.values() for _, q in inventions(document, chance)]
    asked = [*chance.sample(made, 10), *(large_document(200, chance) for _ in range(10))]
    started = time.perf_counter()
    for quotation in asked:
        source.find(quotation)
    seconds = time.perf_counter() - started
    print(f"{len(text):,} characters prepared in {built:.2f} s, 20 quotations in {seconds:.2f} s")


if __name__ == "__main__":
    main()
