from analysis.admin.analyses import AnalysisAdmin
from analysis.admin.results import AnalysisResultAdmin

__all__ = ["AnalysisAdmin", "AnalysisResultAdmin"]
