from django.db import migrations

REFUSE = """
CREATE TRIGGER analyses_of_held_documents_stay BEFORE DELETE ON analyses
    FOR EACH ROW WHEN (OLD.document_id IS NOT NULL) EXECUTE FUNCTION refuse_while_held();
CREATE TRIGGER results_of_held_documents_stay BEFORE DELETE ON analysis_results
    FOR EACH ROW WHEN (OLD.document_id IS NOT NULL) EXECUTE FUNCTION refuse_while_held();
"""
ALLOW = """
DROP TRIGGER results_of_held_documents_stay ON analysis_results;
DROP TRIGGER analyses_of_held_documents_stay ON analyses;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("analysis", "0003_retention_indexes"),
        ("documents", "0007_held_documents_stay"),
    ]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
