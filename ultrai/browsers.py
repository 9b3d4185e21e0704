"""Middleware that only the admin and other pages need: the API has no cookies and no sessions."""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest

from ultrai.problems import is_for_browsers


class ForBrowsers:
    """For middleware classes: the paths of the API go past them."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if is_for_browsers(request.path):
            return super().__call__(request)  # type: ignore[misc]  # the middleware's
        return self.get_response(request)


class Sessions(ForBrowsers, SessionMiddleware):
    pass


class Authentication(ForBrowsers, AuthenticationMiddleware):
    pass


class Messages(ForBrowsers, MessageMiddleware):
    pass
