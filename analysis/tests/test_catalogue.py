"""Which models there are, by which name, and what is known of them."""

import subprocess
import sys
from decimal import Decimal

import pytest

from analysis.providers import (
    ModelInfo,
    ProviderConfig,
    UnknownModel,
    offered_models,
    resolve_model,
)
from analysis.tests.four_providers import COMPATIBLE, OPENAI, configure, failure, shown


def test_the_web_process_imports_no_sdk():
    check = (
        "import sys, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'ultrai.settings';"
        "from django.conf import settings; from analysis import providers;"
        "settings.LLM_PROVIDERS['openai'] = providers.ProviderConfig("
        "'openai', 'openai', 'k', None, ('gpt-5-mini',));"
        "models = providers.offered_models(); providers.resolve_model('openai');"
        "sdks = {'pydantic_ai', 'openai', 'anthropic', 'google.genai'} & sys.modules.keys();"
        "print(len(models), sorted(sdks))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("4 []\n", "")


def test_every_listed_model_is_offered_with_its_list_price(settings):
    configure(settings, openai=None, mistral="https://api.mistral.ai/v1")

    offered = [model for model in offered_models() if model.provider != "builtin"]

    assert offered == [
        ModelInfo(
            id=OPENAI,
            provider="openai",
            name="gpt-5-mini",
            kind="generative",
            description="gpt-5-mini, asked through openai.",
            context_window=400_000,
            input_usd_per_million=Decimal("0.25"),
            output_usd_per_million=Decimal(2),
        ),
        ModelInfo(
            id=COMPATIBLE,
            provider="mistral",
            name="mistral-small-latest",
            kind="generative",
            description="mistral-small-latest, asked through mistral.",
            context_window=None,
            input_usd_per_million=Decimal("0.15"),
            output_usd_per_million=Decimal("0.6"),
        ),
    ]


def test_a_model_without_a_known_price_has_none(settings):
    settings.LLM_PROVIDERS = {
        "ollama": ProviderConfig("ollama", "openai_compatible", "", "http://localhost/v1", ("own",))
    }

    own = offered_models()[-1]

    assert (own.id, own.context_window, own.input_usd_per_million) == ("ollama:own", None, None)


@pytest.mark.parametrize(
    ("reference", "model"),
    [
        ("openai", OPENAI),
        ("OpenAI : gpt-99", "openai:gpt-99"),
        ("openai:ft:gpt-5:org/name", "openai:ft:gpt-5:org/name"),
        ("builtin", "builtin:summary"),
        ("builtin:quotes", "builtin:quotes"),
    ],
)
def test_a_reference_is_resolved(settings, reference, model):
    configure(settings, openai=None)

    assert resolve_model(reference) == model


OFFER = f"Offered: builtin:summary, builtin:quotes, builtin:keywords, {OPENAI}."


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("anthropic:claude", f"No provider 'anthropic' is configured. {OFFER}"),
        ("", f"No provider '' is configured. {OFFER}"),
        ("builtin:magic", f"There is no model 'builtin:magic'. {OFFER}"),
        ("openai:", f"There is no model 'openai:'. {OFFER}"),
        ("openai:a/../b", f"There is no model 'openai:a/../b'. {OFFER}"),
        ("openai:a?b=c", f"There is no model 'openai:a?b=c'. {OFFER}"),
    ],
)
def test_an_unknown_model_is_refused_with_what_is_offered(settings, reference, message):
    configure(settings, openai=None)

    with pytest.raises(UnknownModel) as caught:
        resolve_model(reference)

    assert (str(caught.value), shown(failure(reference or ":"))[0]) == (message, "unknown_model")
