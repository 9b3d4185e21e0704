"""What an analysis will cost: estimated before, set aside, settled after."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.db import transaction
from django.db.models import Sum

from analysis import budgets
from analysis.calls import Question
from analysis.models import Analysis
from analysis.pipeline import PlannedCall, plan
from analysis.providers import model_info
from ultrai.exceptions import DomainError

MILLION = Decimal(1_000_000)
STORED = Decimal("0.00000001")  # what a column keeps of a cost, rounded as PostgreSQL does


class OverMaxCost(DomainError):
    status = 402
    code = "over_max_cost"


class UnknownPrice(DomainError):
    code = "unknown_price"


@dataclass(frozen=True, slots=True)
class Estimate:
    """Upper estimates. An unknown price is None, and then the sum covers the others only."""

    calls: Sequence[tuple[PlannedCall, Decimal | None]]

    @property
    def cost_usd(self) -> Decimal:
        return sum((cost for _, cost in self.calls if cost is not None), Decimal(0))

    @property
    def unpriced(self) -> list[str]:
        return sorted({call.model for call, cost in self.calls if cost is None})


def estimate(question: Question) -> Estimate:
    return Estimate([(call, price(call)) for call in plan(question)])


def price(call: PlannedCall) -> Decimal | None:
    """Return what a planned call costs at list price; None when the price is not known."""
    info = model_info(call.model)
    if info.input_usd_per_million is None or info.output_usd_per_million is None:
        return None
    cost = (
        call.input_tokens * info.input_usd_per_million
        + call.output_tokens * info.output_usd_per_million
    ) / MILLION
    return cost.quantize(STORED, ROUND_HALF_UP)


def note_cost(analysis: Analysis, question: Question) -> None:
    """Write into the analysis, unsaved, what is to be set aside for its calls in this month.

    Raises OverMaxCost or UnknownPrice, with the figures.
    """
    found = estimate(question)
    limit = analysis.max_cost_usd
    if limit is not None and found.unpriced:
        raise UnknownPrice(
            f"The price of {', '.join(found.unpriced)} is not known: `max_cost_usd` cannot be kept."
        )
    if limit is not None and found.cost_usd > limit:
        raise OverMaxCost(
            f"This may cost {found.cost_usd:.4f} USD, more than `max_cost_usd` of {limit:.4f}."
        )
    analysis.estimated_cost_usd = analysis.reserved_usd = found.cost_usd
    analysis.reserved_month = budgets.this_month()


@transaction.atomic(savepoint=False)
def reserve(analysis: Analysis, question: Question) -> None:
    """Set aside what a stored analysis' calls may cost, before any is made.

    Raises OverMaxCost, UnknownPrice or BudgetExceeded, each with the figures.
    """
    note_cost(analysis, question)
    assert analysis.reserved_month
    budgets.reserve(analysis.user, analysis.reserved_usd, analysis.reserved_month)
    analysis.save(update_fields=["estimated_cost_usd", "reserved_usd", "reserved_month"])


@transaction.atomic
def reserve_more(analysis: Analysis, amount: Decimal) -> bool:
    """Set aside for calls that were not planned, while the analysis runs.

    False when its lease was lost. Raises BudgetExceeded.
    """
    month = analysis.reserved_month or budgets.this_month()
    if not analysis.note_reserved(amount, month):
        return False
    budgets.reserve(analysis.user, amount, month)
    analysis.reserved_usd, analysis.reserved_month = analysis.reserved_usd + amount, month
    return True


@transaction.atomic(savepoint=False)
def settle(analysis_id: int) -> None:
    """Book what a finished analysis did cost since it was last settled; idempotent."""
    analysis = Analysis.objects.select_for_update().filter(pk=analysis_id).first()
    if analysis is None:
        return
    total = analysis.results.aggregate(total=Sum("cost_usd"))["total"] or Decimal(0)
    reserved, spent = analysis.reserved_usd, total - analysis.settled_usd
    if not spent and not reserved:
        return
    month = analysis.reserved_month or budgets.this_month()
    analysis.reserved_usd = Decimal(0)
    analysis.settled_usd = total
    analysis.save(update_fields=["reserved_usd", "settled_usd"])
    budgets.settle(analysis.user_id, month, reserved=reserved, spent=spent)
