from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations
from django.db.models import Func
from django.db.models.functions import Collate

# Dear, so that the planner looks it up in the index and does not compute it for each row. Not declared
# safe for parallel plans: a search is over before the processes for it would have started.
OWNED_WORDS = """
CREATE OR REPLACE FUNCTION owned_words(owner bigint, vector tsvector) RETURNS text[]
LANGUAGE sql IMMUTABLE COST 1000
RETURN (SELECT array_agg(owner || ':' || word) FROM unnest(tsvector_to_array(vector)) AS word)
"""


class Migration(migrations.Migration):
    # Nobody waits while the index is built, so it has to be outside a transaction.
    atomic = False

    dependencies = [("documents", "0013_words_sorted_in_at_once")]

    operations = [
        migrations.RunSQL(OWNED_WORDS, "DROP FUNCTION owned_words"),
        AddIndexConcurrently(
            "passage",
            GinIndex(
                Collate(Func("user", "vector", function="owned_words"), "C"),
                name="document_passages_words",
                fastupdate=False,
            ),
        ),
        RemoveIndexConcurrently("passage", "document_passages_vector"),
    ]
