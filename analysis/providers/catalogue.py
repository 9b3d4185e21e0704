"""Which models there are. The web process imports this; it never imports an SDK."""

import re

from django.conf import settings

from analysis.providers import builtin
from analysis.providers.config import ProviderConfig
from analysis.providers.interface import ModelInfo
from analysis.providers.prices import list_price
from ultrai.exceptions import DomainError

# Names end up in URLs of the provider's API, so nothing that could lead to another path or query.
_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.:/@+~-]{0,199}")


class UnknownModel(DomainError):
    """The reference names no model that can be asked. The message lists those that can."""

    code = "unknown_model"


def offered_models() -> list[ModelInfo]:
    """The models usable now: the built-in ones, and those listed for each configured provider."""
    return [
        *builtin.MODELS.values(),
        *(
            _describe(config, name)
            for config in settings.LLM_PROVIDERS.values()
            for name in config.models
        ),
    ]


def model_info(reference: str) -> ModelInfo:
    """Return what is known of a resolved model: little, when its provider is not there any more."""
    provider, _, name = reference.partition(":")
    if provider == builtin.PROVIDER:
        return builtin.MODELS[name]
    config = settings.LLM_PROVIDERS.get(provider)
    if config is None:
        return ModelInfo(reference, provider, name, "generative", "", None, None, None)
    return _describe(config, name)


def is_extractive(reference: str) -> bool:
    """Whether it extracts and does not reason: it cannot judge, and has no window to fill."""
    return reference.startswith(f"{builtin.PROVIDER}:")


def resolve_model(reference: str) -> str:
    """Return "provider:name" for a provider alone (its first model) or for "provider:name".

    A configured provider's model is accepted whether listed or not: new ones appear every week.
    """
    provider, separator, name = (part.strip() for part in reference.partition(":"))
    provider = provider.lower()
    known = _listed_names(provider)
    if known is None:
        raise UnknownModel(f"No provider {provider!r} is configured. {_offer()}")
    if not separator:
        if not known:
            raise UnknownModel(f"{provider!r} has no default model; ask for {provider}:<model>.")
        name = known[0]
    if not _NAME.fullmatch(name) or (provider == builtin.PROVIDER and name not in known):
        raise UnknownModel(f"There is no model {reference!r}. {_offer()}")
    return f"{provider}:{name}"


def _listed_names(provider: str) -> tuple[str, ...] | None:
    if provider == builtin.PROVIDER:
        return tuple(builtin.MODELS)
    config = settings.LLM_PROVIDERS.get(provider)
    return config.models if config else None


def _offer() -> str:
    offered = [
        *(info.id for info in builtin.MODELS.values()),
        *(f"{c.name}:{name}" for c in settings.LLM_PROVIDERS.values() for name in c.models),
    ]
    return f"Offered: {', '.join(offered)}."


def _describe(config: ProviderConfig, name: str) -> ModelInfo:
    price = list_price(config, name)
    return ModelInfo(
        id=f"{config.name}:{name}",
        provider=config.name,
        name=name,
        kind="generative",
        description=f"{name}, asked through {config.name}.",
        context_window=config.context_window or price.context_window,
        input_usd_per_million=price.input_usd_per_million,
        output_usd_per_million=price.output_usd_per_million,
    )
