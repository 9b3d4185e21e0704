from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.views import (
    AccountViewSet,
    PasswordViewSet,
    PersonalAccessTokenViewSet,
    ProtectedViewSet,
    SessionViewSet,
)

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("auth", AccountViewSet, basename="auth")
router.register("auth/password", PasswordViewSet, basename="password")
router.register("auth/sessions", SessionViewSet, basename="session")
router.register("auth/tokens", PersonalAccessTokenViewSet, basename="token")

urlpatterns = [
    *router.urls,
    path("protected", ProtectedViewSet.as_view({"get": "retrieve"}), name="protected"),
]
