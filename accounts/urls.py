from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.views import AccountViewSet, ProtectedViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("auth", AccountViewSet, basename="auth")

urlpatterns = [
    *router.urls,
    path("protected", ProtectedViewSet.as_view({"get": "retrieve"}), name="protected"),
]
