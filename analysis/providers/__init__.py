"""One call to one language model, and one error taxonomy for all of them."""

from analysis.providers.builtin import lexical_claims
from analysis.providers.calls import complete, prepare
from analysis.providers.catalogue import (
    UnknownModel,
    is_extractive,
    model_info,
    offered_models,
    resolve_model,
)
from analysis.providers.config import ProviderConfig
from analysis.providers.interface import Completion, Message, ModelInfo, ProviderError

__all__ = [
    "Completion",
    "Message",
    "ModelInfo",
    "ProviderConfig",
    "ProviderError",
    "UnknownModel",
    "complete",
    "is_extractive",
    "lexical_claims",
    "model_info",
    "offered_models",
    "prepare",
    "resolve_model",
]
