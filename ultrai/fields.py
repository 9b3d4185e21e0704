"""Fields for the serializers of every app."""

from copy import deepcopy
from typing import Any

from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

find_surrogate = ProhibitSurrogateCharactersValidator()


def refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        find_surrogate(text)  # raises, and says which


class LongTextField(serializers.CharField):
    """Text of any length. DRF's looks at each character by itself: a third of a second for 5 MB."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        others = [v for v in self.validators if v != find_surrogate]
        self.validators = [*others, refuse_surrogates]


# For serializers that are asked for input: each gets its declared fields, as copies. DRF makes them
# anew, as those that have serializers in them have to be. (No docstring: the schema would show it.)
class CopiedFieldsMixin:
    def get_fields(self) -> dict[str, serializers.Field]:
        declared: dict[str, serializers.Field] = self._declared_fields  # type: ignore[attr-defined]
        return {name: copy_of(field) for name, field in declared.items()}


def copy_of[F: serializers.Field](field: F) -> F:
    child = getattr(field, "child", None)
    if any(isinstance(one, serializers.BaseSerializer) for one in (field, child)):
        return deepcopy(field)
    twin: F = object.__new__(type(field))
    twin.__dict__ = {**field.__dict__}
    if child is not None:
        twin.child = copy_of(child)  # type: ignore[attr-defined]
        twin.child.parent = twin  # type: ignore[attr-defined]
    return twin
