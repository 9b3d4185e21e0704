from django.db import migrations

# Whoever deletes, the owner, the admin, retention, an account's erasure, somebody with psql.
REFUSE = """
CREATE FUNCTION refuse_while_held() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE held bigint;
BEGIN
    IF TG_TABLE_NAME = 'documents' THEN
        held := OLD.id;  -- its trigger fires for held ones only
    ELSE
        SELECT id INTO held FROM documents
        WHERE id = OLD.document_id AND legal_hold_at IS NOT NULL;
    END IF;
    IF held IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            CONSTRAINT = 'legal_hold',
            MESSAGE = format('Document %s is under a legal hold: neither it nor its versions and'
                             ' analyses can be deleted.', held);
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER held_documents_stay BEFORE DELETE ON documents
    FOR EACH ROW WHEN (OLD.legal_hold_at IS NOT NULL) EXECUTE FUNCTION refuse_while_held();
CREATE TRIGGER versions_of_held_documents_stay BEFORE DELETE ON document_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_while_held();
CREATE TRIGGER files_of_held_documents_stay BEFORE DELETE ON document_files
    FOR EACH ROW EXECUTE FUNCTION refuse_while_held();
"""


class Migration(migrations.Migration):

    dependencies = [("documents", "0006_retention_indexes")]

    operations = [migrations.RunSQL(REFUSE, "DROP FUNCTION refuse_while_held CASCADE")]
