"""What may stand in an address: nothing that nobody knows; and `?fields=`."""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.functional import cached_property
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers
from rest_framework.request import Request

FIELDS_PARAMETER = OpenApiParameter(
    "fields", str, description="Names of fields, comma-separated: only these are returned."
)


class QueryParametersMixin:
    """For views: query parameters nobody knows are a 400 that names them, and `?fields=` works.

    `query_parameters` names, by action, those that neither pages, filters nor fields bring.
    A misspelt filter that is ignored would return everything and look like an answer.
    """

    query_parameters: Mapping[str, Collection[str]] = {}
    actions_with_fields: Collection[str] = ("list", "retrieve")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if self.action not in {None, "metadata"}:  # type: ignore[attr-defined]
            known = self.known_parameters()
            if unknown := sorted(set(request.query_params) - known):
                offered = (
                    f"Known are: {', '.join(sorted(known))}." if known else "There are none here."
                )
                message = f"There is no such query parameter. {offered}"
                raise exceptions.ValidationError({name: [message] for name in unknown})
            _ = self.chosen_fields  # refuses names that are none, also where the list is empty

    def known_parameters(self) -> set[str]:
        action = self.action  # type: ignore[attr-defined]
        known = set(self.query_parameters.get(action, ()))
        if action in self.actions_with_fields:
            known.add("fields")
        if action == "list":
            paginator = self.paginator  # type: ignore[attr-defined]
            known |= {paginator.cursor_query_param, paginator.page_size_query_param}
            if getattr(self, "ordering_fields", None):
                known.add(paginator.ordering_query_param)
            if filterset := getattr(self, "filterset_class", None):
                known |= set(filterset.base_filters)
        return known

    @cached_property
    def chosen_fields(self) -> frozenset[str] | None:
        """The names in `?fields=`; None: all of them."""
        request: Request | None = getattr(self, "request", None)
        has_fields = getattr(self, "action", None) in self.actions_with_fields
        asked = request.query_params.get("fields") if request and has_fields else None
        if asked is None:
            return None
        chosen = frozenset(name.strip() for name in asked.split(","))
        offered = self.get_serializer_class()().get_fields()  # type: ignore[attr-defined]
        if unknown := sorted(chosen - offered.keys()):
            message = f"No such field: {', '.join(unknown)}. There are: {', '.join(offered)}."
            raise exceptions.ValidationError({"fields": [message]})
        return chosen

    def is_asked_for(self, name: str) -> bool:
        """Whether the answer has this field; what is not asked for need not be read."""
        return self.chosen_fields is None or name in self.chosen_fields

    def get_serializer_context(self) -> dict[str, Any]:
        context: dict[str, Any] = super().get_serializer_context()  # type: ignore[misc]
        return {**context, "fields": self.chosen_fields}


class ChosenFieldsMixin:
    """For serializers: of the fields, those that `?fields=` names; nested ones are whole."""

    def get_fields(self) -> dict[str, serializers.Field]:
        fields: dict[str, serializers.Field] = super().get_fields()  # type: ignore[misc]
        chosen = self.context.get("fields")  # type: ignore[attr-defined]
        parent = getattr(self.parent, "parent", None) or self.parent  # type: ignore[attr-defined]
        is_outermost = parent is None or isinstance(parent, serializers.ListSerializer)
        if chosen is None or not is_outermost:
            return fields
        return {name: field for name, field in fields.items() if name in chosen}
