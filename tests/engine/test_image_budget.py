"""How many pixels an image has where nobody chose."""

from __future__ import annotations

import pytest

from engine.events import ImageBudget

QWEN = ImageBudget(least=56 * 56, most=12_845_056, pixels_per_token=784)


@pytest.mark.parametrize(
    ("budget", "context", "tokens"),
    [
        (QWEN, 32_768, 1400),  # about 1000 x 1000
        (QWEN, 2048, 512),  # a quarter of the context
        (QWEN, 8, 4),  # never below what the model takes
        (ImageBudget(12_544, 153_664, 784), 2048, 196),  # nor above
    ],
)
def test_automatic(budget: ImageBudget, context: int, tokens: int) -> None:
    assert budget.automatic(context) == tokens * budget.pixels_per_token
