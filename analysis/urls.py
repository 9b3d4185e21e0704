from rest_framework.routers import SimpleRouter

from analysis.views import AnalysisViewSet, ModelViewSet, ResultViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("analyses", AnalysisViewSet, basename="analysis")
router.register("results", ResultViewSet, basename="result")
router.register("models", ModelViewSet, basename="model")

urlpatterns = router.urls
