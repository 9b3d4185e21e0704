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
        ""
    )


def test_quotes_are_literal_and_name_their_page():
    assert ask("quotes", DOCUMENT).text == (
        ""
    )


def test_keywords_are_counted_and_so_are_the_words_of_the_question():
    assert ask("keywords", DOCUMENT).text == (
        ""
    )


@pytest.mark.parametrize("model", ["summary", "quotes"])
def test_a_merge_counts_who_says_the_same_with_the_same_numbers(model):
    assert ask(model, answers=ANSWERS).text == (
        ""
    )


def test_merged_keywords_name_how_many_answers_use_them():
    assert ask("keywords", answers=ANSWERS).text == (
        ""
    )
