import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from documents.models import Document, Passage
from documents.search import LONGEST_PASSAGE, PASSAGE_CHARACTERS, passages, stemmed
from documents.tests.factories import make_document, make_read_document

LIST = reverse("document-list")


@pytest.fixture
def found(alice, client_of):
    """The names of the documents that a search of Alice's finds, the best first."""

    def found(query, **parameters):
        response = client_of(alice).get(LIST, {"search": query, **parameters})
        assert response.status_code == 200, response.content
        return [row["filename"] for row in response.json()["results"]]

    return found


def test_a_hit_has_rank_and_a_snippet_with_its_page(alice, client_of):
    make_read_document(alice, "On the sea.\fThe <b>kettle</b> boils at 100 degrees.", page_count=2)

    row = client_of(alice).get(LIST, {"search": "kettle boiling"}).json()["results"][0]

    assert row["snippet"] == "The  **kettle**  **boils** at 100 degrees."  # tags are left out
    assert row["snippet_page"] == 2
    assert 0 < row["rank"] < 1


FILLING = "and so on, " * 100


@pytest.mark.parametrize(
    ("query", "text", "snippet"),
    [
        ("kettle", f"{FILLING}A kettle boils.", "A **kettle** boils."),
        ("kettle", f"{FILLING}A kettle. {FILLING}Kettles.", "**kettle**. and so on"),
        # Windows of words that begin like the stem do not have it; another word has.
        ("die", f"Dieppe. {FILLING}She is dying.", "She is **dying**."),
        ("dying", f"{FILLING}She is dying.", "**dying**."),
        ("it's a kettle", f"{FILLING}It's a kettle.", "It's a **kettle**."),
        ("x", f"{FILLING}Once more, x.", "**x**."),
        ("50%", f"{FILLING}About 50%.", "About **50**%."),
    ],
)
def test_a_snippet_is_what_stands_around_the_words(alice, client_of, query, text, snippet):
    make_document(alice, content=text)

    row = client_of(alice).get(LIST, {"search": query}).json()["results"][0]

    assert snippet in row["snippet"]
    assert len(row["snippet"].split()) <= 35


def test_without_a_search_there_is_neither_rank_nor_snippet(alice, client_of):
    make_document(alice)

    row = client_of(alice).get(LIST).json()["results"][0]

    assert not {"rank", "snippet", "snippet_page"} & row.keys()


def test_only_my_documents_are_found(alice, bob, found):
    make_document(alice, filename="mine.txt", content="a kettle")
    make_document(bob, filename="his.txt", content="a kettle")

    assert found("kettle") == ["mine.txt"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("fence", ["both.txt", "fence.txt"]),
        ("the fence", ["both.txt", "fence.txt"]),  # "the" is in no index and in every text
        ("fence budget", ["both.txt"]),  # on different pages
        ("fence -budget", ["fence.txt"]),
        ("budget or paint", ["both.txt", "fence.txt"]),
        ('"paint the fence"', ["fence.txt"]),
        ('"fence the paint"', []),
        ('paint"fence"or"budget"', ["both.txt", "fence.txt"]),  # one word, with other words in it
        ("fence|-budget", ["both.txt", "fence.txt"]),  # on a page without it
        ("FENCES", ["both.txt", "fence.txt"]),
        ("the", []),
        ("-budget", []),
        ("& | ! ' :* \\ ()", []),
    ],
)
def test_words_phrases_or_and_not(alice, found, query, names):
    make_read_document(alice, "The fence.\fThe budget.", page_count=2, filename="both.txt")
    make_document(alice, filename="fence.txt", content="Paint the fence.")

    assert sorted(found(query)) == names


def test_the_best_comes_first_unless_another_order_is_asked_for(alice, found):
    make_document(alice, filename="b.txt", content="kettle kettle kettle")
    make_document(alice, filename="a.txt", content="One kettle among many other words.")

    assert found("kettle") == ["b.txt", "a.txt"]
    assert found("kettle", ordering="filename") == ["a.txt", "b.txt"]


def test_pages_of_a_search_neither_repeat_nor_lose_a_document(alice, client_of):
    for number in range(7):
        make_document(alice, filename=f"{number}", content="kettle " * (1 + number % 2))
    client, seen, url = client_of(alice), [], LIST + "?search=kettle&limit=2"
    while url:
        page = client.get(url).json()
        seen += [row["filename"] for row in page["results"]]
        url = page["next"]

    assert seen == ["5", "3", "1", "6", "4", "2", "0"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"type": "md"}, ["100%.md"]),
        ({"filename": "0%"}, ["100%.md"]),
        ({"filename": "A.", "type": "txt"}, ["a.txt"]),
    ],
)
def test_a_search_goes_with_filters(alice, found, filters, names):
    make_document(alice, filename="100%.md", content="kettle")
    make_document(alice, filename="a.txt", content="kettle")

    assert found("kettle", **filters) == names


def test_hits_are_counted_once_each(alice, client_of):
    make_read_document(alice, "A kettle.\fThe kettle.", page_count=2)
    client = client_of(alice)

    counted = [client.get(LIST, {"search": q, "count": "true"}).json() for q in ("kettle", "the")]

    assert [page["count"] for page in counted] == [1, 0]


@pytest.mark.parametrize("order", ["rank", "-size", "created_at"])
def test_pages_of_a_search_go_back_and_forth_in_any_order(alice, client_of, order):
    for number in range(5):
        make_document(alice, content="kettle " * (number % 3 + 1))
    client = client_of(alice)
    first = client.get(f"{LIST}?search=kettle&limit=2&ordering={order}").json()
    second = client.get(first["next"]).json()

    assert client.get(second["previous"]).json()["results"] == first["results"]
    assert not {r["id"] for r in first["results"]} & {r["id"] for r in second["results"]}


@pytest.mark.parametrize("query", ["x" * 401, "a b " * 11, "a\0b"])
def test_a_search_that_asks_too_much_is_400(alice, client_of, query):
    response = client_of(alice).get(LIST, {"search": query})

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["search"]


def test_an_empty_search_is_none(alice, client_of):
    make_document(alice)

    assert len(client_of(alice).get(LIST, {"search": " "}).json()["results"]) == 1


def test_a_text_of_300_000_different_words_is_found_by_its_last(alice, found):
    words = " ".join(f"{number:x}z" for number in range(300_000))
    make_document(alice, filename="long.txt", content=words + " kettle")

    assert found("kettle") == ["long.txt"]
    assert found("0z kettle") == ["long.txt"]


def test_a_search_costs_four_queries_and_its_next_pages_three(
    alice, client_of, django_assert_num_queries
):
    for _ in range(3):
        make_document(alice, content="kettle and fence")
    client = client_of(alice)
    stemmed.cache_clear()

    with django_assert_num_queries(4) as captured:  # session, words, page, snippets
        first = client.get(LIST, {"search": "kettle fence", "limit": 2}).json()
    with django_assert_num_queries(3):
        second = client.get(first["next"]).json()

    assert len(first["results"]) == 2
    assert len(second["results"]) == 1
    assert not [q for q in captured.captured_queries if '"documents"."content"' in q["sql"]]


def test_fields_without_a_snippet_cost_no_snippets(alice, client_of, django_assert_num_queries):
    make_document(alice, content="kettle")
    client = client_of(alice)
    stemmed.cache_clear()

    with django_assert_num_queries(3):
        rows = client.get(LIST, {"search": "kettle", "fields": "id,rank"}).json()["results"]

    assert list(rows[0]) == ["id", "rank"]


def test_words_whose_numbers_in_the_index_are_the_same_are_not_taken_for_each_other(alice, found):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(word)"
            " FROM (SELECT 'z' || n AS word FROM generate_series(1, 200000) AS n) AS words"
            " GROUP BY word_key(1, word) HAVING count(*) > 1 LIMIT 1"
        )
        ((one, other),) = cursor.fetchone()
    make_document(alice, filename="one.txt", content=one)
    make_document(alice, filename="other.txt", content=other)

    assert found(one) == ["one.txt"]
    assert found(f"{one} or fence") == ["one.txt"]
    assert found(f"{one} {other}") == []


def test_deleting_a_document_deletes_its_passages(alice):
    make_document(alice).delete()

    assert not Passage.objects.exists()


def test_passages_are_cut_at_blanks_and_keep_their_page():
    long = "word " * 2_000

    cut = list(passages(f"{long}\f\fend", has_pages=True))

    assert [page for page, _ in cut] == [1, 1, 1, 3]
    assert max(len(text) for _, text in cut) <= LONGEST_PASSAGE
    assert " ".join(text for page, text in cut if page == 1) == long.strip()


@pytest.mark.parametrize(
    ("rest", "lengths"),
    [
        (0, [PASSAGE_CHARACTERS]),
        (1_000, [PASSAGE_CHARACTERS + 1_000]),
        (1_001, [PASSAGE_CHARACTERS, 1_001]),
    ],
)
def test_a_short_rest_is_no_passage_of_its_own(rest, lengths):
    text = "x" * (PASSAGE_CHARACTERS + rest)

    assert [len(passage) for _, passage in passages(text, has_pages=False)] == lengths


def test_passages_of_a_text_without_blanks_lose_nothing():
    assert "".join(text for _, text in passages("x" * 10_000, has_pages=False)) == "x" * 10_000


def test_another_language_takes_the_command(alice, found, settings):
    make_document(alice, filename="a.txt", content="Die Häuser")
    settings.SEARCH_LANGUAGE = "german"
    assert found("Haus") == []

    call_command("index_documents", verbosity=0)

    assert found("Haus") == ["a.txt"]
    assert Document.objects.count() == 1
