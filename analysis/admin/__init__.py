from analysis.admin.analyses import AnalysisAdmin
from analysis.admin.front_page import analysis_panels
from analysis.admin.results import AnalysisResultAdmin
from analysis.admin.upkeep import RetentionRunAdmin
from analysis.admin.webhooks import WebhookDeliveryAdmin, WebhookEndpointAdmin

__all__ = [
    "AnalysisAdmin",
    "AnalysisResultAdmin",
    "RetentionRunAdmin",
    "WebhookDeliveryAdmin",
    "WebhookEndpointAdmin",
    "analysis_panels",
]
