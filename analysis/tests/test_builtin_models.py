import asyncio
import os
import re
import subprocess
import sys
import time
from decimal import Decimal

import pytest

from analysis.providers import Completion, Message, ProviderError, complete, offered_models

DOCUMENT = """SERVICE AGREEMENT

1. Term
This agreement starts on 1 January 2026 and runs for two years. It renews for one
year at a time unless a party gives notice of termination. The notice period is 90
days before the end of the current term.

2. Fees
The customer pays a yearly fee of 12,000 euros. Invoices are due within 30 days.
Late payment carries interest of 5 percent per year, as Dr. Weber of the finance
department has confirmed.
\f3. Data protection
The data protection officer keeps a register of processing. The data protection
officer answers requests within one month. Personal data are deleted 60 days after
termination of the agreement.
"""
QUESTION = "What is the notice period for termination?"
ANSWERS = [
    "Response A:\nThe notice period is 90 days. Personal data are deleted after 60 days.",
    "Response B:\n- The notice period is 90 days before the end of the term.\n- Ask a lawyer.",
    "The notice period is 30 days. Personal data are not deleted after 60 days.",
]


def ask(model, document=None, question=QUESTION, answers=()):
    messages = [Message("system", "Answer.", "instructions"), Message("user", question, "question")]
    messages += [Message("user", document, "document")] if document is not None else []
    messages += [Message("user", answer, "answer") for answer in answers]
    return asyncio.run(complete(f"builtin:{model}", messages, {}))


def test_summary_keeps_the_sentences_that_matter_in_their_order():
    assert ask("summary", DOCUMENT).text == (
        "Extracted, not reasoned: 4 of 11 sentences, those that share most words with the question"
        " and the document.\n"
        "\n"
        "- It renews for one year at a time unless a party gives notice of termination. (page 1)\n"
        "- The notice period is 90 days before the end of the current term. (page 1)\n"
        "- Late payment carries interest of 5 percent per year, as Dr. Weber of the finance"
        " department has confirmed. (page 1)\n"
        "- Personal data are deleted 60 days after termination of the agreement. (page 2)"
    )


def test_quotes_are_literal_and_name_their_page():
    assert ask("quotes", DOCUMENT).text == (
        "Extracted, not reasoned: literal passages that share most words with the question, best"
        " first.\n"
        "\n"
        "1. “The notice period is 90\ndays before the end of the current term.” (page 1)\n"
        "2. “It renews for one\nyear at a time unless a party gives notice of termination.”"
        " (page 1)\n"
        "3. “Personal data are deleted 60 days after\ntermination of the agreement.” (page 2)"
    )


def test_keywords_are_counted_and_so_are_the_words_of_the_question():
    assert ask("keywords", DOCUMENT, "Is there a penalty for termination?").text == (
        "Extracted, not reasoned: key terms of the document and how often they occur.\n"
        "\n"
        "- data protection (3)\n"
        "- data protection officer (2)\n"
        "- agreement (3)\n"
        "- year (3)\n"
        "- days (3)\n"
        "- Term (2)\n"
        "- one (2)\n"
        "- notice (2)\n"
        "- termination (2)\n"
        "\n"
        "Words of the question: penalty (0), termination (2)"
    )


@pytest.mark.parametrize("model", ["summary", "quotes"])
def test_a_merge_counts_who_says_the_same_with_the_same_numbers(model):
    assert ask(model, answers=ANSWERS).text == (
        "Lexical merge of 3 answers, not reasoned: statements are grouped by the words they share;"
        " nothing was checked.\n"
        "\n"
        "In 2 of 3 answers:\n"
        "- The notice period is 90 days. (Response A; Response B)\n"
        "\n"
        "In one answer only:\n"
        "- Personal data are deleted after 60 days. (Response A)\n"
        "- Ask a lawyer. (Response B)\n"
        "- The notice period is 30 days. (answer 3)\n"
        "- Personal data are not deleted after 60 days. (answer 3)"
    )


def test_merged_keywords_name_how_many_answers_use_them():
    assert ask("keywords", answers=ANSWERS).text == (
        "Lexical merge of 3 answers, not reasoned: their key terms and counts.\n"
        "\n"
        "- days (5): in 3 of 3 answers\n"
        "- notice period (3): in 3 of 3 answers\n"
        "- 90 days (2): in 2 of 3 answers\n"
        "- Personal data (2): in 2 of 3 answers\n"
        "- 60 days (2): in 2 of 3 answers\n"
        "- deleted (2): in 2 of 3 answers"
    )


def test_what_an_extract_says_about_itself_is_no_statement():
    extracts = [f"Response {name}:\n" + ask("summary", DOCUMENT).text for name in "AB"]

    merged = ask("summary", answers=extracts).text

    assert ("Extracted" in merged, "Late payment" in merged) == (False, True)


def test_a_long_group_of_a_merge_is_cut_and_says_so():
    sentences = [f"Clause {n} concerns topic{n} and subject{n}." for n in range(30)]

    merged = ask("summary", answers=["\n\n".join(sentences)]).text

    assert merged.endswith("- Clause 9 concerns topic9 and subject9. (answer 1)\n- and 20 more")


@pytest.mark.parametrize(
    ("document", "question", "quotes"),
    [
        (
            "Die Kündigungsfrist beträgt gem. Abs. 2 drei Monate. Am 3. Mai war Übergabe.",
            "Welche Kündigungsfristen gelten?",
            ["Die Kündigungsfrist beträgt gem. Abs. 2 drei Monate."],
        ),
        (
            "Le préavis est de trois mois. Le loyer s'élève à 900 euros.",
            "Quel est le préavis ?",
            ["Le préavis est de trois mois."],
        ),
        (
            "解約の通知期間は90日である。支払いは30日以内に行う。",
            "通知期間。",
            ["解約の通知期間は90日である。"],
        ),
    ],
)
def test_quotes_work_in_other_languages(document, question, quotes):
    assert re.findall("“(.*)”", ask("quotes", document, question).text) == quotes


def test_every_quote_can_be_found_in_its_page():
    pages = [f"Section {n}\r\nThe fee of\r\n  part {n} is {n * 7} euros.\n" for n in range(1, 9)]

    found = re.findall(
        "“(.*?)” \\(page (\\d+)\\)", ask("quotes", "\f".join(pages), "fee").text, re.DOTALL
    )

    assert [quote in pages[int(page) - 1] for quote, page in found] == [True] * 5


def test_nothing_is_quoted_when_nothing_fits():
    assert ask("quotes", DOCUMENT, "Wer ist Kapitän?").text == (
        "Extracted, not reasoned: no sentence of the document shares a word with the question."
    )


@pytest.mark.parametrize("document", [None, "", " \n\f", "... 1!"])
@pytest.mark.parametrize("model", ["summary", "quotes", "keywords"])
def test_without_words_to_extract_from_there_is_no_answer(model, document):
    with pytest.raises(ProviderError) as caught:
        ask(model, document)

    message = f"builtin:{model} extracts from a document and needs a document with words in it."
    assert (caught.value.code, caught.value.message) == ("refused_request", message)


def test_an_extract_costs_nothing_and_counts_no_tokens():
    text = (
        "Extracted, not reasoned: key terms of the document and how often they occur.\n\n- fee (1)"
    )

    assert ask("keywords", "The fee.", "") == Completion(
        text, None, None, Decimal(0), "stop", "builtin:keywords"
    )


def test_the_models_are_offered_as_extractive():
    offered = [(m.id, m.kind, m.input_usd_per_million) for m in offered_models()[:3]]

    names = ["summary", "quotes", "keywords"]
    assert offered == [(f"builtin:{name}", "extractive", Decimal(0)) for name in names]
    assert all("does not reason" in model.description for model in offered_models()[:3])


LARGE = "\f".join(
    f"Part {n} of chapter {n % 97} costs {n} euros, which the notice of party {n % 13} confirms. "
    f"Nothing in section {n % 31} changes that for the years after {1900 + n % 120}."
    for n in range(7000)
)


@pytest.mark.parametrize("model", ["summary", "quotes", "keywords"])
@pytest.mark.parametrize(
    "document",
    [
        LARGE,
        "." * 10**6 + " the end of it",
        "x" * 10**6 + " the end of it",
        "\n \n" * 300_000 + "End.",
    ],
    ids=["large", "dots", "one word", "blank lines"],
)
def test_a_megabyte_takes_seconds(model, document):
    started = time.monotonic()

    text = ask(model, document).text

    assert (text[:4] == "Extr", len(text) < 10_000, time.monotonic() - started < 8) == (True,) * 3


def test_the_event_loop_stays_free_meanwhile():
    ticks: list[None] = []

    async def tick():
        while True:
            ticks.append(None)
            await asyncio.sleep(0.01)

    async def main():
        ticking = asyncio.create_task(tick())
        await complete("builtin:summary", [Message("user", LARGE, "document")], {})
        ticking.cancel()

    asyncio.run(main())

    assert len(ticks) > 5


def test_the_same_question_gets_the_same_answer_in_every_process():
    script = (
        "from analysis.tests.test_builtin_models import *;"
        "print([ask(m, LARGE[:90_000]).text for m in ('summary', 'quotes', 'keywords')],"
        "ask('summary', answers=ANSWERS * 3).text)"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(answers) == 1
