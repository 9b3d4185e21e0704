"""What a search finds, best first or in any other order of the list, page by page.

The SQL is put together here: it has the known SQL of the documents in it, where the ORM would write
all of it anew for each search.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from documents.models import Document, DocumentQuerySet
from documents.search import LEXEME, Search, lexemes
from ultrai.compiled import BoundCompiler, answers

# Found by the index alone, which has each word with its owner (see `WordKeys`). Apart, or the
# planner would find them some other way and compute what the index has.
FOUND = """
WITH passages AS MATERIALIZED (
    SELECT document_id, number, page, {rank} AS rank{has}
    FROM document_passages WHERE {condition}
)
"""
# Whole numbers, because a cursor has to compare them exactly, and decimals take longer than ranks.
RANK_DIGITS = 6
RANK = f"(ts_rank(vector, %s::tsquery) * {10**RANK_DIGITS})::int"
OWNED = "word_keys(user_id, tsvector_to_array(vector)) @> word_keys(%s, %s::text[])"
OF_DOCUMENTS = " JOIN ({}) AS documents ON documents.id = passages.document_id"
BEST = (
    "SELECT DISTINCT ON (passages.document_id) {columns},"
    " passages.page, passages.number, passages.rank"
    " FROM passages{documents}{words} ORDER BY passages.document_id, rank DESC, passages.number"
)
PAGE = f"SELECT hits.*, {{text}} FROM ({BEST}) AS hits{{place}} ORDER BY {{order}} LIMIT %s"  # noqa: S608  of ours
# Where every document of the user's will do, and its best passage says where it comes, documents
# are read for the page alone.
DOCUMENTS_OF_PAGE = (
    "SELECT documents.*, hits.page, hits.number, hits.rank, hits.text"  # noqa: S608
    f" FROM ({PAGE}) AS hits JOIN ({{all}}) AS documents ON documents.id = hits.id"
    " ORDER BY {order}"
)
COUNT = (
    "SELECT count(*) FROM"
    " (SELECT DISTINCT passages.document_id FROM passages{documents}{words} LIMIT %s) AS counted"
)
# Selected last, PostgreSQL reads it for the rows of the page alone.
TEXT = (
    "(SELECT text FROM document_passages AS passages"
    " WHERE passages.document_id = hits.id AND passages.number = hits.number) AS text"
)
WITH_WORD = "passages.document_id IN (SELECT document_id FROM passages WHERE has_{})"
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
        place = [
            int(Decimal(value).scaleb(RANK_DIGITS)) if name == "rank" else value
            for name, value in zip(names, place, strict=False)  # there is no place at the beginning
        ]
        columns = [f"hits.{name}" for name in names]
        follows = f" WHERE ({', '.join(columns)}) {sign} ({', '.join(['%s'] * len(place))})"
        found, its_values = self.found(self.search, is_ranked=True)
        words, unwanted = self.words(self.search)
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
        params = [*its_values, *of_documents, *unwanted, *place, limit]
        rows = answers(
            connection,
            found + sql,
            [*params, *(known.params if is_late else ())],
            # One word is always looked up in the same way. How more of them, or filters, are best
            # joined depends on how rare they are.
            is_steady=not joined and not words,
        )
        converted = known.apply_converters(rows, known.statement.converters)
        return [self.hit(known.statement.names, row) for row in converted]

    @property
    def are_all(self) -> bool:
        """Whether it is all documents of the user's that are searched: no filter but the owner."""
        return len(self.documents.query.where.children) == 1

    def hit(self, names: tuple[str, ...], row: list[Any]) -> Document:
        *columns, page, _, rank, text = row
        document = Document.from_db(self.documents.db, names, columns)
        vars(document).update(
            rank=Decimal(rank).scaleb(-RANK_DIGITS), snippet_page=page, passage=text
        )
        return document

    def count(self, limit: int) -> int:
        """How many there are, at the most `limit`."""
        if self.search is None:
            return 0
        found, values = self.found(self.search, is_ranked=False)
        words, unwanted = self.words(self.search)
        joined, of_documents = self.joined(self.documents.compiled(), is_needed=not self.are_all)
        sql = COUNT.format(documents=joined, words=words)
        params = [*values, *of_documents, *unwanted, limit]
        ((count,),) = answers(connection, found + sql, params, is_steady=not joined and not words)
        return int(count)

    def joined(self, known: BoundCompiler, *, is_needed: bool) -> tuple[str, tuple[Any, ...]]:
        """The documents that the passages have to be of, and the values in that; or all of them."""
        return (OF_DOCUMENTS.format(known.statement.sql), known.params) if is_needed else ("", ())

    def found(self, search: Search, *, is_ranked: bool) -> tuple[str, list[Any]]:
        """The user's passages with any of the wanted words, and which of them each has."""
        wanted = search.wanted
        condition = "vector @@ %s::tsquery"
        values: list[Any] = [search.any_word]
        # `a"b"or"c"` is one word, and is found where not all of it is.
        if any(re.search("[|!]", LEXEME.sub("", word)) for word in wanted):
            condition += " AND user_id = %s"
            values.append(self.user_id)
        else:
            condition += f" AND ({' OR '.join([OWNED] * len(wanted))})"
            for word in wanted:
                values += self.user_id, lexemes(word)
        looked_up = [] if search.is_one_word else wanted
        sql = FOUND.format(
            rank=RANK if is_ranked else "NULL",
            has="".join(f", vector @@ %s::tsquery AS has_{n}" for n, _ in enumerate(looked_up)),
            condition=condition,
        )
        return sql, [*([search.any_word] if is_ranked else []), *looked_up, *values]

    def words(self, search: Search) -> tuple[str, list[Any]]:
        """The condition that a document has all words of an alternative, and none of the
        unwanted."""
        alternatives, values = [], []
        for wanted, unwanted in search.alternatives:
            looked_up = [] if search.is_one_word else wanted
            conditions = [WITH_WORD.format(search.wanted.index(word)) for word in looked_up]
            conditions += [WITHOUT_WORD] * len(unwanted)
            values += unwanted
            if conditions:
                alternatives.append(f"({' AND '.join(conditions)})")
        return f" WHERE {' OR '.join(alternatives)}" if alternatives else "", values
