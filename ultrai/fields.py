"""Fields for the serializers of every app."""

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
