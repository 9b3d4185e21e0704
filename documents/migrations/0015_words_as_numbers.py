from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations

import documents.models

# 64 bits: the owner in the upper half, and in the lower one the hash that PostgreSQL's own hash
# indexes have of the word, which stays the same as long as they do.
WORD_KEY = """
CREATE OR REPLACE FUNCTION word_key(owner bigint, word text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (owner << 32) | (hashtext(word)::bigint & 4294967295)
"""
# Dear, and not for parallel plans, for the reasons of `owned_words`; which stays, because the
# version before this one still asks for it.
WORD_KEYS = """
CREATE OR REPLACE FUNCTION word_keys(owner bigint, words text[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE COST 1000
RETURN (SELECT array_agg(word_key(owner, word)) FROM unnest(words) AS word)
"""


class Migration(migrations.Migration):
    # Nobody waits while the index is built, so it has to be outside a transaction.
    atomic = False

    dependencies = [("documents", "0014_words_by_owner")]

    operations = [
        migrations.RunSQL(WORD_KEY, "DROP FUNCTION word_key"),
        migrations.RunSQL(WORD_KEYS, "DROP FUNCTION word_keys"),
        AddIndexConcurrently(
            "passage",
            GinIndex(
                documents.models.WordKeys(), name="document_passages_keys", fastupdate=False
            ),
        ),
        RemoveIndexConcurrently("passage", "document_passages_words"),
    ]
