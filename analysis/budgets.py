"""What users may spend a month, and what is set aside for calls that are still to be made."""

from datetime import date
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import User
from ultrai.compiled import run_prepared
from ultrai.exceptions import DomainError


class BudgetExceeded(DomainError):
    status = 402
    code = "budget_exceeded"


class Budget(models.Model):
    """One user's month, in US dollars."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DB_CASCADE, related_name="budgets"
    )
    month = models.DateField()  # its first day
    reserved_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0, db_default=0)
    spent_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0, db_default=0)

    class Meta:
        app_label = "analysis"
        db_table = "budgets"
        constraints = [
            models.UniqueConstraint(fields=["user", "month"], name="one_budget_a_month"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} of user {self.user_id}"


def this_month() -> date:
    return timezone.now().date().replace(day=1)


UNLIMITED = Decimal("Infinity")


def most_of(user: User) -> Decimal:
    """Return what the user may spend a month."""
    own = user.monthly_budget_usd
    most = own if own is not None else settings.MONTHLY_BUDGET_USD
    return UNLIMITED if most is None else most


# Whether there is a row for the month or not, and whoever else is about to make one.
RESERVE = """
    INSERT INTO budgets AS budget (user_id, month, reserved_usd)
    SELECT %(user_id)s, %(month)s, %(amount)s WHERE %(amount)s::numeric <= %(most)s
    ON CONFLICT (user_id, month) DO UPDATE
    SET reserved_usd = budget.reserved_usd + excluded.reserved_usd
    WHERE budget.spent_usd + budget.reserved_usd + excluded.reserved_usd <= %(most)s
    RETURNING id
"""


def reserve(user: User, amount: Decimal, month: date) -> None:
    """Set aside for calls to be made. Of requests that race for the last cent one succeeds.

    Raises BudgetExceeded with the figures. Runs in the caller's transaction.
    """
    most = most_of(user)
    values = {"user_id": user.pk, "month": month, "amount": amount, "most": most}
    if not run_prepared(RESERVE, values):
        raise refusal(user, amount, month)


def refusal(user: User, amount: Decimal, month: date) -> BudgetExceeded:
    budget = Budget.objects.filter(user=user, month=month).first() or Budget()
    return BudgetExceeded(
        f"This may cost {amount:.4f} USD. Of {most_of(user):.2f} USD this month"
        f" {budget.spent_usd:.4f} are spent and {budget.reserved_usd:.4f} set aside."
    )


SETTLE = """
    INSERT INTO budgets AS budget (user_id, month, spent_usd, reserved_usd)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (user_id, month) DO UPDATE
    SET spent_usd = budget.spent_usd + excluded.spent_usd,
        reserved_usd = budget.reserved_usd + excluded.reserved_usd
    RETURNING id
"""


def settle(user_id: int, month: date, *, reserved: Decimal, spent: Decimal) -> None:
    """Turn what was set aside in a month into what it did cost: in that month, whenever it ends."""
    run_prepared(SETTLE, [user_id, month, spent, -reserved])
