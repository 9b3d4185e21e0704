"""The API's endpoints, walked from the URLconf: a promise about all of them forgets none."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.views import APIView


@dataclass(frozen=True)
class Endpoint:
    name: str
    view: type[APIView]
    methods: dict[str, str]  # HTTP method -> the viewset's action
    route: str

    @property
    def is_detail(self) -> bool:
        return "<" in self.route

    @property
    def is_list(self) -> bool:
        """Whether GET gives pages."""
        action, view = self.methods.get("get"), self.view
        return action in getattr(view, "list_actions", ()) and bool(
            getattr(view, "pagination_class", None)
        )


def endpoints() -> Iterator[Endpoint]:
    """Every route of the API; the admin's are Django's own."""
    for route, pattern in walk(get_resolver(), ""):
        view = getattr(pattern.callback, "cls", None)
        if view is not None and issubclass(view, APIView):
            actions = getattr(pattern.callback, "actions", None) or {"get": "get"}
            # DRF adds HEAD to a viewset's actions when it is first asked.
            known = set(view.http_method_names) - {"head"}
            methods = {m: action for m, action in actions.items() if m in known}
            options = getattr(pattern.callback, "initkwargs", {})
            configured = type(view.__name__, (view,), {**options, "__module__": view.__module__})
            yield Endpoint(pattern.name or "", configured, methods, route)


def walk(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern, route)
        else:
            yield route, pattern


ENDPOINTS = list(endpoints())


def address(name: str, pk: int | tuple[int, int] = 1) -> str:
    """The route's address, of a row or of a row and one that hangs on it; a number that it has
    besides them, such as a page's, is 1."""
    numbers = next(e.route.count("<") for e in ENDPOINTS if e.name == name)
    ids = pk if isinstance(pk, tuple) else (pk, 1)
    return reverse(name, args=ids[:numbers])


def address_of(endpoint: Endpoint, owned: dict[str, int | tuple[int, int]]) -> str:
    """The address of one's own row there, by the beginning of the route's name."""
    return address(endpoint.name, owned.get(endpoint.name.partition("-")[0], 1))
