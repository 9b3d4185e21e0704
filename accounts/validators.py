import re

from django.core.exceptions import ValidationError

# Words that a guess at a password for this service begins with (ASVS 6.1.2, 6.2.11).
CONTEXT_WORDS = ["ultrai", "ultra", "core", "admin", "staff", "document", "analysis", "password"]
LEAST_OWN_CHARACTERS = 8


class ContextWordsValidator:
    """Refuse a password that is little more than words of this service: "UltrAI-Core-2026"."""

    def validate(self, password: str, user: object = None) -> None:
        own = re.sub("|".join(CONTEXT_WORDS), "", password.lower())
        if len(own) != len(password) and len(own) < LEAST_OWN_CHARACTERS:
            raise ValidationError(self.get_help_text(), code="password_of_context_words")

    def get_help_text(self) -> str:
        return "The password is too close to the words of this service."
