from django.db import migrations

# Until now a reservation of one month was taken off the next one's when it was settled there.
COUNT_AGAIN = """
UPDATE analyses SET reserved_month = date_trunc('month', now() AT TIME ZONE 'UTC')::date
    WHERE reserved_usd <> 0;
UPDATE budgets SET reserved_usd = 0 WHERE reserved_usd <> 0;
INSERT INTO budgets (user_id, month, reserved_usd, spent_usd)
    SELECT user_id, reserved_month, sum(reserved_usd), 0 FROM analyses
    WHERE reserved_usd <> 0 GROUP BY user_id, reserved_month
    ON CONFLICT (user_id, month) DO UPDATE SET reserved_usd = excluded.reserved_usd;
"""

# An analysis that goes with its document, or by hand: what is set aside for it is free again, and
# what it has cost so far stays booked.
SETTLE_DELETED = """
CREATE FUNCTION settle_deleted_analysis() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE budgets SET
        reserved_usd = reserved_usd - OLD.reserved_usd,
        spent_usd = spent_usd - OLD.settled_usd + greatest(OLD.settled_usd, coalesce(
            (SELECT sum(cost_usd) FROM analysis_results WHERE analysis_id = OLD.id), 0))
    WHERE user_id = OLD.user_id AND month = OLD.reserved_month;
    RETURN OLD;
END $$;

CREATE TRIGGER deleted_analyses_are_settled BEFORE DELETE ON analyses
    FOR EACH ROW WHEN (OLD.reserved_usd <> 0) EXECUTE FUNCTION settle_deleted_analysis();
"""


class Migration(migrations.Migration):

    dependencies = [("analysis", "0007_reserved_month")]

    operations = [
        migrations.RunSQL(COUNT_AGAIN, migrations.RunSQL.noop),
        migrations.RunSQL(SETTLE_DELETED, "DROP FUNCTION settle_deleted_analysis CASCADE"),
    ]
