"""Middleware for browsers: the API has no cookies, no sessions and no pages, and goes past it."""

from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.middleware.csp import ContentSecurityPolicyMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.csp import CSP, build_policy

from ultrai.problems import is_for_browsers


class Sessions(SessionMiddleware, AuthenticationMiddleware, MessageMiddleware):
    """The session, whose it is, and its messages: one layer, and the API's paths go past it."""

    PARTS: tuple[Any, ...] = (SessionMiddleware, AuthenticationMiddleware, MessageMiddleware)

    def __call__(self, request: HttpRequest) -> Any:
        if is_for_browsers(request.path):
            return super().__call__(request)
        return self.get_response(request)

    def process_request(self, request: HttpRequest) -> None:
        for part in self.PARTS:
            part.process_request(self, request)

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        for part in reversed(self.PARTS):
            if hasattr(part, "process_response"):  # a session's user needs nothing at the end
                response = part.process_response(self, request, response)
        return response


class CrossOrigin(CorsMiddleware):
    """Requests that come from no page are only told that others would be answered otherwise."""

    def __call__(self, request: HttpRequest) -> Any:
        if "HTTP_ORIGIN" in request.META:
            return super().__call__(request)
        response: Any = self.get_response(request)
        patch_vary_headers(response, ("origin",))
        return response


class ContentSecurityPolicy(ContentSecurityPolicyMiddleware):
    """Pages have a policy with a nonce of their own; all other answers have the same."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self.policy = build_policy(settings.SECURE_CSP)

    def __call__(self, request: HttpRequest) -> Any:
        if is_for_browsers(request.path):
            return super().__call__(request)
        response: Any = self.get_response(request)
        response.headers.setdefault(CSP.HEADER_ENFORCE.value, self.policy)
        return response
