from django.db import migrations

TRIGGER = """
    CREATE OR REPLACE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1
    AFTER INSERT ON procrastinate_jobs
    FOR EACH ROW WHEN ({condition})
    EXECUTE FUNCTION procrastinate_notify_queue_job_inserted_v1()
"""
WAITS = "new.status = 'todo'::procrastinate_job_status"
# ultrai.jobs.enqueue says so of its transaction, and tells the workers itself.
UNTOLD = "current_setting('ultrai.tells_workers', true) IS DISTINCT FROM 'yes'"


class Migration(migrations.Migration):
    dependencies = [
        ("analysis", "0018_unfinished_by_user"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    operations = [
        migrations.RunSQL(
            TRIGGER.format(condition=f"{WAITS} AND {UNTOLD}"),
            TRIGGER.format(condition=WAITS),
        )
    ]
