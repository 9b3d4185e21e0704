"""The providers again, as npm's aimock plays them: no peer of ours, and not llmock either."""

from decimal import Decimal

import pytest

from analysis.providers import Completion
from analysis.tests.four_providers import ANTHROPIC, COMPATIBLE, GOOGLE, OPENAI, ask

pytestmark = pytest.mark.usefixtures("no_leaks")

USAGE = {
    "input_tokens": 27,
    "output_tokens": 2,
    "prompt_tokens": 27,
    "completion_tokens": 2,
    "promptTokenCount": 27,
    "candidatesTokenCount": 2,
}


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        (OPENAI, "0.00001075"),
        (ANTHROPIC, "0.000037"),
        (GOOGLE, "0.0000131"),
        (COMPATIBLE, None),
    ],
)
def test_an_answer_comes_with_its_tokens_and_cost(aimock, model, cost):
    aimock.reply({"content": "90 days.", "usage": USAGE})

    assert ask(model) == Completion("90 days.", 27, 2, cost and Decimal(cost), "stop", model)
