from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import PersonalAccessToken


class HasScope(BasePermission):
    """A personal access token reads with the scope `read` and changes things with `write`."""

    message = "This personal access token does not have the scope for it."

    def has_permission(self, request: Request, view: object) -> bool:
        token = request.auth
        if not isinstance(token, PersonalAccessToken):
            return True
        scopes = PersonalAccessToken.Scope
        return (scopes.READ if request.method in SAFE_METHODS else scopes.WRITE) in token.scopes
