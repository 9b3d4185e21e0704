from rest_framework.routers import SimpleRouter

from analysis.views import AnalysisViewSet, ModelViewSet, ResultViewSet
from analysis.webhooks.views import DeliveryViewSet, WebhookViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("analyses", AnalysisViewSet, basename="analysis")
router.register("results", ResultViewSet, basename="result")
router.register("models", ModelViewSet, basename="model")
router.register("webhooks", WebhookViewSet, basename="webhook")
router.register(
    "webhooks/<int:webhook_id>/deliveries", DeliveryViewSet, basename="webhook-delivery"
)

urlpatterns = router.urls
