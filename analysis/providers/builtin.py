"""Models that need no key and no network: they extract and count, and say that they do not reason.

The same messages always give the same answer.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from analysis.providers.interface import Message, ModelInfo, ProviderError, Purpose
from analysis.providers.terms import count_words, key_terms, shared_terms
from analysis.providers.text import NEGATIONS, WORD, Sentence, sentences, stems

PROVIDER = "builtin"
CONTEXT_WINDOW = 500_000  # about 1.5 million characters: what takes a second and not a gigabyte
DISCLAIMER = "Extracted, not reasoned:"
LONGEST_SUMMARY = 7
MOST_QUOTES = 5
MOST_TERMS = 15
MOST_CLAIMS = 100
MOST_STATEMENTS = 10  # of each group in a merge
CANDIDATES = 300  # sentences worth comparing with each other
ALIKE = 0.5  # of the words of two statements that count as one
QUESTION_WEIGHT = 4  # of a word of the question, against a word of the document

_FIRST_LINE = re.compile(r"\s*[#*\[]*([^\n]{1,80}?)[*\]]*:[*\]]*[ \t]*\n")
_MARKUP = re.compile(r"^(?:[-*•#>]+|\d{1,3}[.)])\s+")


def _model(name: str, description: str) -> ModelInfo:
    return ModelInfo(
        id=f"{PROVIDER}:{name}",
        provider=PROVIDER,
        name=name,
        kind="extractive",
        description=f"{description} Extracts, does not reason; needs no key and no network.",
        context_window=CONTEXT_WINDOW,
        input_usd_per_million=Decimal(0),
        output_usd_per_million=Decimal(0),
    )


MODELS = {
    "summary": _model("summary", "The sentences that say most about question and document."),
    "quotes": _model("quotes", "Literal quotations that match the question, with their pages."),
    "keywords": _model("keywords", "The document's key terms and how often they occur."),
}


def answer(name: str, messages: Sequence[Message]) -> str:
    """Answer from the document, or merge the other models' answers when there are any."""
    question = " ".join(_contents(messages, "question"))
    answers = [_label_and_text(i, text) for i, text in enumerate(_contents(messages, "answer"), 1)]
    if answers:
        return _merge_terms(answers) if name == "keywords" else _merge_statements(answers)
    # Form feeds before the text stand for the pages before it.
    document = "\f".join(
        "\f" * (message.first_page - 1) + message.content
        for message in messages
        if message.purpose == "document"
    )
    if not stems(document):
        raise ProviderError(
            "refused_request",
            f"{PROVIDER}:{name} extracts from a document and needs a document with words in it.",
        )
    models: dict[str, Callable[[str, str], str]] = {
        "summary": _summary,
        "quotes": _quotes,
        "keywords": _keywords,
    }
    return models[name](document, question)


def _contents(messages: Iterable[Message], purpose: Purpose) -> list[str]:
    return [message.content for message in messages if message.purpose == purpose]


def _summary(document: str, question: str) -> str:
    found = sentences(document)
    weights = _weights(found, stems(question))
    best = sorted(range(len(found)), key=lambda i: -_score(found[i], weights))[:CANDIDATES]
    wanted = min(LONGEST_SUMMARY, max(1, round(len(found) / 3)))
    chosen: list[int] = []
    while best and len(chosen) < wanted:
        # What one chosen sentence says already counts half for the next.
        top = max(best, key=lambda i: (_score(found[i], weights), -i))
        best.remove(top)
        chosen.append(top)
        for word in found[top].stems:
            weights[word] /= 2
    lines = [f"- {found[i].line} (page {found[i].page})" for i in sorted(chosen)]
    head = f"{DISCLAIMER} {len(chosen)} of {len(found)} sentences, those that share most words"
    return "\n".join([f"{head} with the question and the document.", "", *lines])


def _quotes(document: str, question: str) -> str:
    found = sentences(document)
    asked = stems(question)
    rarity = _rarity(found)
    scores = {
        i: math.fsum(rarity[word] for word in shared)
        for i, sentence in enumerate(found)
        if (shared := asked & sentence.stems)
    }
    best = sorted(scores, key=lambda i: (-scores[i], len(found[i].text), i))[:MOST_QUOTES]
    if not best:
        return f"{DISCLAIMER} no sentence of the document shares a word with the question."
    lines = [f"{n}. “{found[i].text}” (page {found[i].page})" for n, i in enumerate(best, 1)]
    head = f"{DISCLAIMER} literal passages that share most words with the question, best first."
    return "\n".join([head, "", *lines])


def _keywords(document: str, question: str) -> str:
    lines = [f"- {term.text} ({term.count})" for term in key_terms(document, MOST_TERMS)]
    if asked := count_words(question, document):
        words = ", ".join(f"{word} ({count})" for word, count in asked)
        lines += ["", f"Words of the question: {words}"]
    head = f"{DISCLAIMER} key terms of the document and how often they occur."
    return "\n".join([head, "", *lines])


def _weights(found: Sequence[Sentence], asked: frozenset[str]) -> dict[str, float]:
    """Words that are frequent in the document but not everywhere in it, above all those asked."""
    frequency = Counter(word for sentence in found for word in sentence.stems)
    rarity = _rarity(found)
    return {
        word: math.log1p(count) * rarity[word] * (QUESTION_WEIGHT if word in asked else 1)
        for word, count in frequency.items()
    }


def _rarity(found: Sequence[Sentence]) -> dict[str, float]:
    frequency = Counter(word for sentence in found for word in sentence.stems)
    return {word: math.log(1 + len(found) / count) for word, count in frequency.items()}


def _score(sentence: Sentence, weights: dict[str, float]) -> float:
    """Divided by the root of the length, so that neither long nor short sentences win by it."""
    length = max(8, len(sentence.stems))
    return math.fsum(weights[word] for word in sentence.stems) / math.sqrt(length)


def _label_and_text(number: int, content: str) -> tuple[str, str]:
    """The answer's author, if its first line names one, and the answer."""
    if first := _FIRST_LINE.match(content):
        return first[1].strip(), content[first.end() :]
    return f"answer {number}", content


@dataclass(frozen=True)
class _Statement:
    number: int
    text: str
    stems: frozenset[str]
    essentials: frozenset[str]  # without these in common, two statements never say the same
    supporters: list[str]


def lexical_claims(answers: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Return what the answers say, each statement with the labels of those that say it.

    Grouped by shared words, the most supported first; nothing is checked.
    """
    found = sorted(_statements(list(answers.items())), key=lambda one: -len(one.supporters))
    return [(one.text, one.supporters) for one in found[:MOST_CLAIMS]]


def _statements(answers: Sequence[tuple[str, str]]) -> list[_Statement]:
    """Group the sentences of all answers that share their numbers and half of their words."""
    statements: list[_Statement] = []
    holding: dict[str, list[_Statement]] = {}  # by word
    for label, text in answers:
        for sentence in sentences(text):
            line = _MARKUP.sub("", sentence.line)
            if DISCLAIMER in line:
                continue
            found = _Statement(len(statements), line, stems(line), _essentials(line), [label])
            if same := _same(found, holding):
                if label not in same.supporters:
                    same.supporters.append(label)
                continue
            statements.append(found)
            for word in found.stems:
                holding.setdefault(word, []).append(found)
    return statements


def _merge_statements(answers: Sequence[tuple[str, str]]) -> str:
    statements = _statements(answers)
    head = (
        f"Lexical merge of {len(answers)} answers, not reasoned: statements are grouped by the"
        " words they share; nothing was checked."
    )
    lines = [head]
    for support in range(len(answers), 0, -1):
        group = [statement for statement in statements if len(statement.supporters) == support]
        if group:
            lines += ["", f"{_support(support, len(answers))}:"]
            lines += [f"- {s.text} ({'; '.join(s.supporters)})" for s in group[:MOST_STATEMENTS]]
        if len(group) > MOST_STATEMENTS:
            lines.append(f"- and {len(group) - MOST_STATEMENTS} more")
    return "\n".join(lines)


def _same(found: _Statement, holding: dict[str, list[_Statement]]) -> _Statement | None:
    """The statement most like this one, if it is like enough to count as the same."""
    # Who shares half of the words shares one of the rarer half and one more: look there only.
    rarest = sorted(found.stems, key=lambda word: len(holding.get(word, ())))
    rivals = {
        other.number: other
        for word in rarest[: len(rarest) // 2 + 1]
        for other in holding.get(word, ())
        if other.essentials == found.essentials
    }
    likeness = {
        number: len(found.stems & other.stems) / len(found.stems | other.stems)
        for number, other in rivals.items()
    }
    best = max(likeness, key=lambda number: (likeness[number], -number), default=-1)
    return rivals[best] if likeness.get(best, 0) >= ALIKE else None


def _essentials(text: str) -> frozenset[str]:
    """Numbers and negations: "90 days" is not "30 days", and "may" is not "may not"."""
    words = WORD.findall(text.casefold())
    numbers = {word for word in words if word[0].isdigit()}
    return frozenset(numbers | ({"not"} if NEGATIONS.intersection(words) else set()))


def _merge_terms(answers: Sequence[tuple[str, str]]) -> str:
    """The terms of all answers, those that most of them use first."""
    head = f"Lexical merge of {len(answers)} answers, not reasoned: their key terms and counts."
    lines = [
        f"- {term.text} ({term.count}): {_support(count, len(answers)).lower()}"
        for term, count in shared_terms([text for _, text in answers], MOST_TERMS)
    ]
    return "\n".join([head, "", *lines])


def _support(count: int, total: int) -> str:
    return "In one answer only" if count == 1 else f"In {count} of {total} answers"
