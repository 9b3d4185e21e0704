"""What a search finds, best first or in any other order of the list, page by page.

The SQL is put together here: it has the known SQL of the documents in it, where the ORM would write
all of it anew for each search. It is never prepared: how it is best run depends on how rare the
words are.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from documents.models import Document, DocumentQuerySet
from documents.search import Search

FOUND = (
    " FROM ({documents}) AS documents"
    " JOIN document_passages AS passages ON passages.document_id = documents.id"
    " WHERE passages.user_id = %s AND passages.vector @@ %s::tsquery{words}"
)
# A rank is a decimal, because a cursor has to compare it exactly.
BEST = (
    "SELECT DISTINCT ON (documents.id) documents.*, passages.page, passages.number,"
    " ts_rank(passages.vector, %s::tsquery)::numeric(9, 6) AS rank"
    f"{FOUND} ORDER BY documents.id, rank DESC, passages.number"
)
PAGE = f"SELECT hits.*, {{text}} FROM ({BEST}) AS hits{{place}} ORDER BY {{order}} LIMIT %s"  # noqa: S608  of ours
COUNT = f"SELECT count(*) FROM (SELECT DISTINCT documents.id{FOUND} LIMIT %s) AS counted"  # noqa: S608
# Selected last, PostgreSQL reads it for the rows of the page alone.
TEXT = (
    "(SELECT text FROM document_passages AS passages"
    " WHERE passages.document_id = hits.id AND passages.number = hits.number)"
)
WITH_WORD = (
    "documents.id IN"
    " (SELECT document_id FROM document_passages WHERE user_id = %s AND vector @@ %s::tsquery)"
)
WITHOUT_WORD = (
    "NOT EXISTS (SELECT FROM document_passages AS others"
    " WHERE others.document_id = documents.id AND others.vector @@ %s::tsquery)"
)


@dataclass(frozen=True, slots=True)
class Hits:
    """Those of a user's documents that match, with the `rank` of their best passage."""

    documents: DocumentQuerySet
    search: Search | None  # None: nothing could be found
    user_id: int
    with_text: bool  # whether each is to have its best passage's text, as `passage`

    def after(
        self, place: list[Any], names: list[str], limit: int, *, is_descending: bool
    ) -> list[Document]:
        """Return hits that follow a place in the order of these columns; none: from the first."""
        if self.search is None:
            return []
        known = self.documents.compiled()
        sign, way = ("<", "DESC") if is_descending else (">", "ASC")
        columns = [f"hits.{name}" for name in names]
        follows = f" WHERE ({', '.join(columns)}) {sign} ({', '.join(['%s'] * len(place))})"
        words, values = self.words(self.search)
        sql = PAGE.format(
            text=TEXT if self.with_text else "NULL",
            documents=known.statement.sql,
            words=words,
            place=follows if place else "",
            order=", ".join(f"{column} {way}" for column in columns),
        )
        any_word = self.search.any_word
        params = [any_word, *known.params, self.user_id, any_word, *values, *place, limit]
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows = known.apply_converters(cursor.fetchall(), known.statement.converters)
        return [self.hit(known.statement.names, row) for row in rows]

    def hit(self, names: tuple[str, ...], row: list[Any]) -> Document:
        *columns, page, _, rank, text = row
        document = Document.from_db(self.documents.db, names, columns)
        vars(document).update(rank=rank, snippet_page=page, passage=text)
        return document

    def count(self, limit: int) -> int:
        """How many there are, at the most `limit`."""
        if self.search is None:
            return 0
        known = self.documents.compiled()
        words, values = self.words(self.search)
        with connection.cursor() as cursor:
            cursor.execute(
                COUNT.format(documents=known.statement.sql, words=words),
                [*known.params, self.user_id, self.search.any_word, *values, limit],
            )
            return int(cursor.fetchone()[0])

    def words(self, search: Search) -> tuple[str, list[Any]]:
        """The condition that all words of an alternative are there, and none of the unwanted."""
        alternatives, values = [], []
        for wanted, unwanted in search.alternatives:
            # One word alone is what the passages are found by.
            looked_up = wanted if len(wanted) > 1 or len(search.alternatives) > 1 else []
            conditions = [WITH_WORD] * len(looked_up) + [WITHOUT_WORD] * len(unwanted)
            for word in looked_up:
                values += [self.user_id, word]
            values += unwanted
            if conditions:
                alternatives.append(f"({' AND '.join(conditions)})")
        return f" AND ({' OR '.join(alternatives)})" if alternatives else "", values
