"""What may stand in an address: what is documented, and nothing else; and `?fields=`.

What a view declares here is checked, and is in the schema (`ultrai.openapi`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from django.utils.functional import cached_property
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers
from rest_framework.request import Request

FIELDS = OpenApiParameter(
    "fields", str, description="Names of fields, comma-separated: only these are returned."
)


class ParametersMixin:
    """For views: query parameters nobody knows are a 400 that names them, and `?fields=` works.

    A misspelt filter that is ignored would return everything and look like an answer.
    """

    # By action, those that neither pages, filters nor fields bring. One with `exclude` is known,
    # and is not in the schema.
    query_parameters: Mapping[str, Sequence[OpenApiParameter]] = {}
    # The actions that have the view's filters, and its pages unless they have none.
    list_actions: Collection[str] = ("list",)
    # By action, besides `list` and `retrieve`: the serializer of an answer that has `?fields=`.
    fields_of: Mapping[str, type[serializers.Serializer[Any]]] = {}

    _known: ClassVar[dict[tuple[type, str], frozenset[str]]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        action = self.current_action
        if action is None or not request.query_params:
            return
        known = self.known_parameters(action)
        if unknown := sorted(set(request.query_params) - known):
            offered = f"Known are: {', '.join(sorted(known))}." if known else "There are none here."
            message = f"There is no such query parameter. {offered}"
            raise exceptions.ValidationError({name: [message] for name in unknown})
        _ = self.chosen_fields  # refuses names that are none, also where the list is empty

    @property
    def current_action(self) -> str | None:
        """The action that is asked for, a plain view's method; None: OPTIONS, or there is none."""
        request: Request | None = getattr(self, "request", None)
        method = (request.method or "").lower() if request else ""
        if method and method not in self.http_method_names:  # type: ignore[attr-defined]
            return None  # it will be answered 405, whatever the address says
        action: str | None = getattr(self, "action", method)
        return None if method == "options" or action == "metadata" else action

    def known_parameters(self, action: str) -> frozenset[str]:
        key = type(self), action
        if key not in self._known:  # an action's pages and filters are always the same
            self._known[key] = frozenset(self.find_parameters(action))
        return self._known[key]

    def find_parameters(self, action: str) -> set[str]:
        known = {parameter.name for parameter in self.query_parameters.get(action, ())}
        if self.has_fields(action):
            known.add(FIELDS.name)
        if action in self.list_actions:
            sources = [backend() for backend in getattr(self, "filter_backends", [])]
            sources += [paginator] if (paginator := getattr(self, "paginator", None)) else []
            for source in sources:
                if describe := getattr(source, "get_schema_operation_parameters", None):
                    known |= {parameter["name"] for parameter in describe(self)}
                elif isinstance(source, DjangoFilterBackend):
                    filters = getattr(self, "filterset_class", None)
                    known |= set(getattr(filters, "base_filters", ()))
        return known

    def has_fields(self, action: str) -> bool:
        has_rows = hasattr(self, "get_serializer_class") and action in {"list", "retrieve"}
        return has_rows or action in self.fields_of

    @cached_property
    def chosen_fields(self) -> frozenset[str] | None:
        """The names in `?fields=`; None: all of them."""
        request: Request | None = getattr(self, "request", None)
        action = self.current_action
        if request is None or action is None or not self.has_fields(action):
            return None
        asked = request.query_params.get(FIELDS.name)
        if asked is None:
            return None
        chosen = frozenset(name.strip() for name in asked.split(","))
        answer = self.fields_of.get(action) or self.get_serializer_class()  # type: ignore[attr-defined]
        offered = answer().get_fields()
        if unknown := sorted(chosen - offered.keys()):
            message = f"No such field: {', '.join(unknown)}. There are: {', '.join(offered)}."
            raise exceptions.ValidationError({FIELDS.name: [message]})
        return chosen

    def is_asked_for(self, name: str) -> bool:
        """Whether the answer has this field; what is not asked for need not be read."""
        return self.chosen_fields is None or name in self.chosen_fields

    def get_serializer_context(self) -> dict[str, Any]:
        """What every serializer of an answer is to be given, for `?fields=` to work."""
        inherited: dict[str, Any] = getattr(super(), "get_serializer_context", dict)()
        return {**inherited, "fields": self.chosen_fields}

    def shared_parameters(self) -> list[OpenApiParameter]:
        """Those that the schema documents besides pages and filters."""
        action = self.current_action or ""
        fields = [FIELDS] if self.has_fields(action) else []
        return [*self.query_parameters.get(action, ()), *fields]


# For serializers: of the fields, those that `?fields=` names; nested ones are whole. (No docstring:
# the schema would show it to clients.)
class ChosenFieldsMixin:
    def get_fields(self) -> dict[str, serializers.Field]:
        fields: dict[str, serializers.Field] = super().get_fields()  # type: ignore[misc]
        chosen = self.context.get("fields")  # type: ignore[attr-defined]
        parent = getattr(self.parent, "parent", None) or self.parent  # type: ignore[attr-defined]
        is_outermost = parent is None or isinstance(parent, serializers.ListSerializer)
        if chosen is None or not is_outermost:
            return fields
        return {name: field for name, field in fields.items() if name in chosen}
