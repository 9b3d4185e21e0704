from django.conf import settings
from django.db import migrations

PART_BYTES = 256 * 1024
PASSAGE_CHARACTERS = 4_000

COUNT_USAGE = """
CREATE FUNCTION count_document_usage() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE weight integer := TG_ARGV[0];  -- 1: each row is a document; 0: it only takes bytes
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO document_usage AS usage (user_id, documents, bytes)
        SELECT user_id, weight * count(*), sum(size_bytes) FROM changed GROUP BY user_id
        ON CONFLICT (user_id) DO UPDATE SET
            documents = usage.documents + excluded.documents, bytes = usage.bytes + excluded.bytes;
    ELSE
        UPDATE document_usage AS usage
        SET documents = usage.documents - gone.documents, bytes = usage.bytes - gone.bytes
        FROM (SELECT user_id, weight * count(*) AS documents, sum(size_bytes) AS bytes
              FROM changed GROUP BY user_id) AS gone
        WHERE usage.user_id = gone.user_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION count_document_size() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE document_usage SET bytes = bytes + NEW.size_bytes - OLD.size_bytes
    WHERE user_id = NEW.user_id;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_of_new_documents AFTER INSERT ON documents
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_document_usage(1);
CREATE TRIGGER usage_of_deleted_documents AFTER DELETE ON documents
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_document_usage(1);
CREATE TRIGGER usage_of_replaced_documents AFTER UPDATE OF size_bytes ON documents
    FOR EACH ROW EXECUTE FUNCTION count_document_size();
CREATE TRIGGER usage_of_new_versions AFTER INSERT ON document_versions
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_document_usage(0);
CREATE TRIGGER usage_of_deleted_versions AFTER DELETE ON document_versions
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_document_usage(0);

INSERT INTO document_usage (user_id, documents, bytes)
SELECT user_id, count(*), sum(size_bytes) FROM documents GROUP BY user_id;
"""

FORGET_USAGE = """
DROP FUNCTION count_document_usage CASCADE;
DROP FUNCTION count_document_size CASCADE;
DELETE FROM document_usage;
"""

CUT_FILES = f"""
INSERT INTO document_file_parts (document_id, version, number, data)
SELECT document_id, 1, number, substring(data FROM number * {PART_BYTES} + 1 FOR {PART_BYTES})
FROM document_files, generate_series(0, greatest(0, length(data) - 1) / {PART_BYTES}) AS number;
"""

JOIN_FILES = """
INSERT INTO document_files (document_id, data)
SELECT document_id, string_agg(data, '' ORDER BY number)
FROM document_file_parts JOIN documents ON documents.id = document_id
WHERE document_file_parts.version = documents.version GROUP BY document_id;
DELETE FROM document_file_parts;
"""

INDEX_TEXTS = f"""
INSERT INTO document_passages (user_id, document_id, number, page, text, vector)
SELECT user_id, id, row_number() OVER (PARTITION BY id ORDER BY page, start) - 1,
       CASE WHEN page_count IS NOT NULL THEN page END, text, to_tsvector(%s::regconfig, text)
FROM documents,
     regexp_split_to_table(content, E'\\f') WITH ORDINALITY AS pages (page_text, page),
     generate_series(1, length(page_text), {PASSAGE_CHARACTERS}) AS start,
     substr(page_text, start, {PASSAGE_CHARACTERS}) AS text;
"""


class Migration(migrations.Migration):
    dependencies = [("documents", "0002_files_in_parts_versions_passages")]

    operations = [
        migrations.RunSQL(COUNT_USAGE, FORGET_USAGE),
        migrations.RunSQL(CUT_FILES, JOIN_FILES),
        migrations.RunSQL([(INDEX_TEXTS, [settings.SEARCH_LANGUAGE])], "DELETE FROM document_passages"),
    ]
