import random
import re
import runpy
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.quotations import Finding, Source, quotations_in, verify

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "quotations.py"
benchmark = SimpleNamespace(**runpy.run_path(str(BENCHMARK)))  # scripts, not a package

DOCUMENT = (
    "The council did not approve the new roof. It cost 1,480 pounds, said “Ms Okafor”, and the\n"
    "renova-\ntion of the well-\nknown hall took eleven weeks. The oﬃce moved on 3 May\f"
    "to Mill Street. Later the mayor thanked the caretaker for the repair of the heating."
)
SOURCE = Source(DOCUMENT)
DOCUMENTS, CASES = benchmark.load()


def verdict(quotation):
    return SOURCE.find(quotation).verdict


# The test set


def test_the_test_set_is_judged_as_it_says():
    assert len(CASES) >= 60
    assert [
        case
        for case, finding in benchmark.judge(DOCUMENTS, CASES)
        if not benchmark.is_right(case, finding)
    ] == []


def test_every_invention_of_the_test_set_is_caught():
    invented = [case for case in CASES if case["kind"].startswith("invented")]

    assert len(invented) >= 60
    assert {finding.verdict for _, finding in benchmark.judge(DOCUMENTS, invented)} == {"not_found"}
    assert benchmark.precision_and_recall(benchmark.judge(DOCUMENTS, CASES)) == (1, 1)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_true_sentence_with_one_thing_changed_is_found(name):
    source, text = Source(DOCUMENTS[name]), DOCUMENTS[name]
    made = [q for _, q in benchmark.inventions(text, random.Random(name)) if q not in text]

    assert made or name == "japanese"  # sentences are told by spaces
    assert [q for q in made if source.find(q).verdict != "not_found"] == []


@pytest.mark.parametrize("name", ["english", "columns", "german", "french", "sample"])
def test_any_run_of_words_is_found_however_its_lines_are_set(name):
    source = Source(DOCUMENTS[name])
    body = re.sub(r"\nRenovation .* page \d of 4", "", DOCUMENTS[name])  # the running title
    words = re.split(r"(?<!-)\s+", body)  # a word hyphenated at a line's end is one
    chance = random.Random(name)
    firsts = [chance.randrange(len(words) - 4) for _ in range(100)]
    runs = [words[first : first + chance.randint(4, 30)] for first in firsts]

    verdicts = {source.find("\n".join(run).swapcase()).verdict for run in runs}

    assert verdicts == {"normalised"}


# Where a quotation stands


def test_a_finding_says_where_it_stands():
    start = DOCUMENT.index("the new roof")

    finding = SOURCE.find("the new roof. It cost")

    assert finding == Finding("the new roof. It cost", "exact", start, start + 21, 1, None)


@pytest.mark.parametrize(
    ("quotation", "matched"),
    [
        ("the office moved on 3 May to Mill Street", "The oﬃce moved on 3 May\fto Mill Street"),
        ("**renovation** of the well-known hall", "renova-\ntion of the well-\nknown hall"),
        ("said 'Ms Okafor', and the", "said “Ms Okafor”, and the"),
        ("Later the mayor … the heating,", DOCUMENT[DOCUMENT.index("Later") : -1]),
        ("thanked the caretakr for the", "thanked the caretaker for the"),
        ("thanked caretaker for the repair", "thanked the caretaker for the repair"),
    ],
)
def test_offsets_are_those_of_the_document_as_given(quotation, matched):
    finding = SOURCE.find(quotation)

    assert DOCUMENT[finding.start : finding.end] == matched
    assert finding.page == DOCUMENT[: finding.start].count("\f") + 1


def test_a_sentence_goes_on_over_running_titles():
    things = ["roof", "lift", "hall", "stairs"]
    pages = [
        f"Report\nof the {thing}, then\nwe went\nfrom the {thing}\nPage {n}"
        for n, thing in enumerate(things, 1)
    ]
    text = "\f".join(pages)

    finding = Source(text).find("went from the lift of the hall, then")

    assert (finding.verdict, finding.page) == ("normalised", 2)
    assert text[finding.start : finding.end].endswith("lift\nPage 2\fReport\nof the hall, then")


def test_only_near_matches_have_a_similarity():
    findings = [SOURCE.find(q) for q in ("the new roof", "THE NEW ROOF", "the mayor thankd the")]

    assert [f.verdict for f in findings] == ["exact", "normalised", "near"]
    assert [f.similarity is None for f in findings] == [True, True, False]


# What may differ and what may not


@pytest.mark.parametrize(
    "quotation",
    [
        "The council did approve the new roof",
        "The council did … approve the new roof",
        "The council did [then] approve the new roof",
        "It cost 1,840 pounds",
        "480 pounds, said",
        "It cost 1,480 dollars",
        "said Ms Okafar, and the renovation of the hall",
        "hall took twelve weeks",
        "The office moved on 3 May to Hill Street",
        "The office moved on 3 June to Mill Street",
        "Later the caretaker thanked the mayor for the repair",
        "thanked the caretaker for the repair of the heating and the roof",
        "the renovation of the heating",
        "",
        "…",
        "“”",
    ],
)
def test_inventions_are_not_found(quotation):
    assert verdict(quotation) == "not_found"


@pytest.mark.parametrize(
    ("document", "quotation"),
    [
        ("The employer pays the whole fee.", "The employee pays the whole fee."),
        ("It is possible to leave the building.", "It is impossible to leave the building."),
        ("They are able to pay the whole fee.", "They are unable to pay the whole fee."),
        ("The patient had hypertension since then.", "The patient had hypotension since then."),
        ("They can't leave the building now.", "They can leave the building now."),
        ("The trial ran from 3-4 weeks after.", "The trial ran from 3/4 weeks after."),
        ("No, more money is needed here.", "No more money is needed here."),
        ("It was shown by others [3] before.", "It was shown by others [4] before."),
    ],
)
def test_small_changes_that_turn_the_meaning_are_not_found(document, quotation):
    assert Source(document).find(quotation).verdict == "not_found"


def test_a_changed_word_that_the_document_uses_elsewhere_is_another_word():
    source = Source("The county paid for it. The country paid the rest. A country is large.")

    assert source.find("The county paid the rest.").verdict == "not_found"


def test_names_are_not_found_to_be_misspelt_at_the_start_of_a_sentence():
    assert (
        Source("Harwick paid for it all.").find("Harwich paid for it all.").verdict == "not_found"
    )


# Bounds


@pytest.mark.parametrize(
    ("document", "quotation"),
    [
        ("a" * 1_000_000, "a" * 100_000),
        ("a" * 1_000_000, "aaaa aaab " * 190),
        ("a " * 500_000, "a " * 900 + "b"),
        ("a b " * 250_000, "a b " * 400 + "a a"),
        ("a b " * 250_000, "a b [c] " * 2_000 + "a a"),
        ("a b\f" * 250_000, "a b ... " * 2_000 + "b b"),
        ("a-\n\n" * 200_000, "word " * 20_000),
    ],
)
def test_no_document_or_quotation_takes_long(document, quotation):
    started = time.process_time()

    Source(document).find(quotation)

    assert time.process_time() - started < 6  # about 2 s on a slow machine


@pytest.mark.parametrize("piece", ['"a ', 'a" ', "“a ", "> a\n", "```\n", "`a", "\n— ", "[p. "])
def test_no_answer_takes_long(piece):
    started = time.process_time()

    quotations_in(piece * (200_000 // len(piece)))

    assert time.process_time() - started < 3


# Quotations in an answer


@pytest.mark.parametrize(
    ("answer", "quotations"),
    [
        ('It says "the roof is new" (page 2).', ["the roof is new"]),
        ("It says “the roof is new.”", ["the roof is new."]),
        ("Da steht „das Dach ist neu“.", ["das Dach ist neu"]),
        ('Da steht „das Dach ist neu".', ["das Dach ist neu"]),
        ("Il dit « le toit est neuf ».", ["le toit est neuf"]),
        ("Da steht »das Dach ist neu«.", ["das Dach ist neu"]),
        ("報告は「屋根は新しくなった」と言う。", ["屋根は新しくなった"]),
        ("報告说“屋顶已经换新了”。", ["屋顶已经换新了"]),
        ('"one two three" and "four five six"', ["one two three", "four five six"]),
        ('"one two three" and “one two three”', ["one two three"]),
        ('It says "the roof\nis new" here.', ["the roof\nis new"]),
        ("\"he said 'the roof is new' to us\"", ["he said 'the roof is new' to us"]),
        ('“he said "never again" to us”', ['he said "never again" to us']),
        ('**"the roof is new"**', ["the roof is new"]),
        ("> The roof is new.\n> It is dry.\n\nSo.", ["The roof is new.\nIt is dry."]),
        ("> The roof is new.\n>\n> It is dry now.", ["The roof is new.", "It is dry now."]),
        ('> "The roof is new." (page 3)', ["The roof is new."]),
        ("> The roof is new.\n> — Report, page 3", ["The roof is new."]),
        ("> The roof is new. (p. 3)", ["The roof is new."]),
        ('- "the roof is new"\n- "it is dry now"', ["the roof is new", "it is dry now"]),
        (
            'It grew "in the year 2024" and "in the year 2025".',
            ["in the year 2024", "in the year 2025"],
        ),
        ('"a 5" pipe is needed" they say', ['a 5" pipe is needed']),
    ],
)
def test_quotations_are_read_from_their_marks(answer, quotations):
    assert quotations_in(answer) == quotations


@pytest.mark.parametrize(
    "answer",
    [
        "It doesn't say what the council's plans are, and that's all.",
        'A 5" pipe and a 7" pipe are needed there.',
        'The so-called "renovation" was a "quick fix".',
        'See "Annual Report" for more.',
        '```python\nprint("one two three four")\n```',
        '~~~\n"one two three four"\n~~~',
        'Call `print("one two three four")` first.',
        'An "unclosed quotation in a paragraph.\n\nThe next one has an end" too.',
        '- an "unclosed quotation in an item\n- the next item ends" here',
        "",
    ],
)
def test_what_is_no_quotation_is_left_alone(answer):
    assert quotations_in(answer) == []


def test_an_unclosed_mark_does_not_swallow_the_quotation_after_it():
    assert quotations_in('He said "this. Then "the roof is new" follows.') == ["the roof is new"]


def test_verify_judges_every_quotation_of_an_answer_in_order():
    answer = 'It says "the new roof", but not "the old roof is gone".\n\n> the mayor thanked'

    found = [(finding.text, finding.verdict) for finding in verify(answer, SOURCE)]

    assert found == [
        ("the new roof", "exact"),
        ("the old roof is gone", "not_found"),
        ("the mayor thanked", "exact"),
    ]
