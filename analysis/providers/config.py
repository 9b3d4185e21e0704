"""What one configured provider is. Imported by the settings, so it imports nothing itself."""

from dataclasses import dataclass, field
from typing import Literal

type ProviderKind = Literal["openai", "anthropic", "google", "openai_compatible"]


@dataclass(frozen=True)
class ProviderConfig:
    """One entry of the setting `LLM_PROVIDERS`; a provider without a key or URL has none."""

    name: str
    kind: ProviderKind
    api_key: str = field(repr=False)
    base_url: str | None
    models: tuple[str, ...]  # what is listed; the first is the default
    context_window: int | None = None  # tokens; None: what the price list says
    # From one worker process; None: no limit.
    concurrency: int = 100
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
