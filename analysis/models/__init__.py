from analysis.budgets import Budget
from analysis.figures.models import (
    AnalysisFigures,
    CallFigures,
    FiguresProgress,
    LatencyFigures,
    UserFigures,
)
from analysis.models.analyses import FINISHED_OR_NEVER, LEASE, Analysis
from analysis.models.results import KNOWN_COST, AnalysisResult
from analysis.totals import ProviderTotal
from analysis.upkeep.models import RetentionRun
from analysis.webhooks.models import WebhookDelivery, WebhookEndpoint

__all__ = [
    "FINISHED_OR_NEVER",
    "KNOWN_COST",
    "LEASE",
    "Analysis",
    "AnalysisFigures",
    "AnalysisResult",
    "Budget",
    "CallFigures",
    "FiguresProgress",
    "LatencyFigures",
    "ProviderTotal",
    "RetentionRun",
    "UserFigures",
    "WebhookDelivery",
    "WebhookEndpoint",
]
