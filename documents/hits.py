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
from ultrai.compiled import BoundCompiler

FOUND = (
    " FROM document_passages AS passages{documents}"
    " WHERE passages.user_id = %s AND passages.vector @@ %s::tsquery{words}"
)
OF_DOCUMENTS = " JOIN ({}) AS documents ON documents.id = passages.document_id"
# A rank is a decimal, because a cursor has to compare it exactly.
BEST = (
    "SELECT DISTINCT ON (passages.document_id) {columns}, passages.page, passages.number,"
    " ts_rank(passages.vector, %s::tsquery)::numeric(9, 6) AS rank"
    f"{FOUND} ORDER BY passages.document_id, rank DESC, passages.number"
)
PAGE = f"SELECT hits.*, {{text}} FROM ({BEST}) AS hits{{place}} ORDER BY {{order}} LIMIT %s"  # noqa: S608  of ours
# Where every document of the user's will do, and its best passage says where it comes, documents
# are read for the page alone.
DOCUMENTS_OF_PAGE = (
    "SELECT documents.*, hits.page, hits.number, hits.rank, hits.text"  # noqa: S608
    f" FROM ({PAGE}) AS hits JOIN ({{all}}) AS documents ON documents.id = hits.id"
    " ORDER BY {order}"
)
COUNT = f"SELECT count(*) FROM (SELECT DISTINCT passages.document_id{FOUND} LIMIT %s) AS counted"  # noqa: S608
# Selected last, PostgreSQL reads it for the rows of the page alone.
TEXT = (
    "(SELECT text FROM document_passages AS passages"
    " WHERE passages.document_id = hits.id AND passages.number = hits.number) AS text"
)
WITH_WORD = (
    "passages.document_id IN"
    " (SELECT document_id FROM document_passages WHERE user_id = %s AND vector @@ %s::tsquery)"
)
WITHOUT_WORD = (
    "NOT EXISTS (SELECT FROM document_passages AS others"
    " WHERE others.document_id = passages.document_id AND others.vector @@ %s::tsquery)"
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
        any_word = self.search.any_word
        found = [self.user_id, any_word, *values, *place, limit]
        is_late = self.are_all and set(names) <= {"rank", "id"}
        joined, of_documents = self.joined(known, is_needed=not is_late)
        sql = (DOCUMENTS_OF_PAGE if is_late else PAGE).format(
            columns="passages.document_id AS id" if is_late else "documents.*",
            text=TEXT if self.with_text else "NULL AS text",
            documents=joined,
            all=known.statement.sql,
            words=words,
            place=follows if place else "",
            order=", ".join(f"{column} {way}" for column in columns),
        )
        params = [any_word, *of_documents, *found, *(known.params if is_late else ())]
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows = known.apply_converters(cursor.fetchall(), known.statement.converters)
        return [self.hit(known.statement.names, row) for row in rows]

    @property
    def are_all(self) -> bool:
        """Whether it is all documents of the user's that are searched: no filter but the owner."""
        return len(self.documents.query.where.children) == 1

    def hit(self, names: tuple[str, ...], row: list[Any]) -> Document:
        *columns, page, _, rank, text = row
        document = Document.from_db(self.documents.db, names, columns)
        vars(document).update(rank=rank, snippet_page=page, passage=text)
        return document

    def count(self, limit: int) -> int:
        """How many there are, at the most `limit`."""
        if self.search is None:
            return 0
        joined, of_documents = self.joined(self.documents.compiled(), is_needed=not self.are_all)
        words, values = self.words(self.search)
        found = [self.user_id, self.search.any_word, *values, limit]
        with connection.cursor() as cursor:
            cursor.execute(COUNT.format(documents=joined, words=words), [*of_documents, *found])
            return int(cursor.fetchone()[0])

    def joined(self, known: BoundCompiler, *, is_needed: bool) -> tuple[str, tuple[Any, ...]]:
        """The documents that the passages have to be of, and the values in that; or all of them."""
        return (OF_DOCUMENTS.format(known.statement.sql), known.params) if is_needed else ("", ())

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
