"""What happened, counted by hour and by day: what the admin's front page draws.

History: what is deleted later stays counted here. Only a user's own figures go with the user.
"""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Unit(models.TextChoices):
    HOUR = "hour"  # kept for a few days
    DAY = "day"  # in UTC; kept


class Figures(models.Model):
    """Rows of one unit, each for the time from `starts_at` on."""

    unit = models.CharField(max_length=4, choices=Unit)
    starts_at = models.DateTimeField()

    class Meta:
        abstract = True
        default_permissions = ()  # they are seen by those who may see what was counted

    def __str__(self) -> str:
        return f"The {self.unit} from {self.starts_at:%Y-%m-%d %H:%M}"


class AnalysisFigures(Figures):
    pk = models.CompositePrimaryKey("unit", "starts_at", "status")
    status = models.CharField(max_length=10)
    analyses = models.BigIntegerField()

    class Meta(Figures.Meta):
        app_label = "analysis"
        db_table = "analysis_figures"


class CallFigures(Figures):
    pk = models.CompositePrimaryKey("unit", "starts_at", "llm_provider", "outcome")
    llm_provider = models.CharField(max_length=50)
    outcome = models.CharField(max_length=50)  # succeeded, cached, cancelled, or the error's code
    calls = models.BigIntegerField()
    unpriced_calls = models.BigIntegerField()  # that gave an answer whose cost nobody knows
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=20, decimal_places=8)

    class Meta(Figures.Meta):
        app_label = "analysis"
        db_table = "call_figures"


class LatencyFigures(Figures):
    """How many answers took how long: a histogram whose steps are `latency.STEPS` to a doubling."""

    pk = models.CompositePrimaryKey("unit", "starts_at", "llm_provider", "step")
    llm_provider = models.CharField(max_length=50)
    step = models.SmallIntegerField()
    calls = models.BigIntegerField()

    class Meta(Figures.Meta):
        app_label = "analysis"
        db_table = "latency_figures"


class UserFigures(Figures):
    pk = models.CompositePrimaryKey("unit", "starts_at", "user_id")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DB_CASCADE, related_name="figures"
    )
    calls = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=20, decimal_places=8)

    class Meta(Figures.Meta):
        app_label = "analysis"
        db_table = "user_figures"


class FiguresProgress(models.Model):
    """One row: how far has been counted. Whoever counts holds its lock."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    # What ended before is counted for good; what ended since is counted again each time.
    settled_until = models.DateTimeField(null=True)
    counted_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "analysis"
        db_table = "figures_progress"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_progress_of_figures")
        ]

    def __str__(self) -> str:
        return f"Counted until {self.settled_until}"
