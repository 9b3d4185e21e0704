"""A text that a client sends, stored by one statement together with its passages.

It commits by itself, so the user's usage is locked only for as long as PostgreSQL takes to write.
"""

from itertools import islice

from django.conf import settings

from documents.models import Document
from documents.search import INSERT_PASSAGES, PASSAGES_AT_ONCE, in_columns, passages
from ultrai.compiled import run_prepared

# After that `store` waits for its turn.
MOST_TRIES = 5

# What a statement reads is as it was when it began, what it locks is as it is now. If the row of
# the usage is the same in both, nobody has stored anything of this user's in between. If it is not,
# the answer is a row of nulls.
INSERT = f"""
    WITH usage AS (
        SELECT ctid, documents, bytes FROM document_usage
        WHERE user_id = %(user_id)s FOR UPDATE
    ),
    stored AS (
        INSERT INTO documents (
            user_id, filename, content, file_type, size_bytes, sha256, status, word_count
        )
        SELECT
            %(user_id)s, %(filename)s, %(content)s, %(file_type)s, %(size_bytes)s, %(sha256)s,
            %(status)s, %(word_count)s
        FROM usage
        WHERE ctid = (SELECT ctid FROM document_usage WHERE user_id = %(user_id)s)
            AND documents + 1 <= %(most_documents)s AND bytes + %(size_bytes)s <= %(most_bytes)s
            AND (%(keeps_duplicate)s OR NOT EXISTS (
                SELECT FROM documents WHERE user_id = %(user_id)s AND sha256 = %(sha256)s::varchar
            ))
        RETURNING id, created_at, updated_at
    ),
    indexed AS ({INSERT_PASSAGES.format(document_id="stored.id", source="stored, ")})
    SELECT stored.id, stored.created_at, stored.updated_at
    FROM usage LEFT JOIN stored ON true
    WHERE stored.id IS NOT NULL
        OR usage.ctid <> (SELECT ctid FROM document_usage WHERE user_id = %(user_id)s)
"""  # noqa: S608  of ours


def insert_text(document: Document, text: str, *, keeps_duplicate: bool) -> bool:
    """Store a new document that is ready, if nothing speaks against it.

    False, with nothing stored, for any reason: the same bytes are there, the quota is used up, the
    text is too large, the user has no usage yet, or others keep coming in between.
    """
    numbered = list(islice(enumerate(passages(text, has_pages=False)), PASSAGES_AT_ONCE + 1))
    if len(numbered) > PASSAGES_AT_ONCE:
        return False
    values = {
        **vars(document),
        **in_columns(numbered),
        "keeps_duplicate": keeps_duplicate,
        "most_documents": settings.QUOTA_DOCUMENTS,
        "most_bytes": settings.QUOTA_BYTES,
    }
    for _ in range(MOST_TRIES):
        stored = run_prepared(INSERT, values)
        if not stored:
            return False
        if stored[0][0] is not None:
            document.id, document.created_at, document.updated_at = stored[0]
            document._state.adding = False  # noqa: SLF001  as save() does
            return True
    return False
