"""What is found out about a quotation; the schema names it without what finds it out."""

from typing import Literal

Verdict = Literal["exact", "normalised", "near", "not_found"]
