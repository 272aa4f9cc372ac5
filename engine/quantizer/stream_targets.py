"""What o_proj and down_proj are to give, so that the rounded residual stream comes to where the exact one is.

Without a norm behind them they add their outputs as they are, and what is wanted is the difference itself. A norm
divides each token's output by its size: there tokens count by what is left of them behind it, and the difference is
carried through the norm backwards, as far as that can be done. Knows nothing of how weights are moved or rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.models.spec import LinearSpec, NormSpec
from engine.quantizer.streams import BlockWeights

RIDGE = 0.1  # of the mean square of the norm's weights: channels that it all but closes are not asked to make up
MOST_CHANGE = 0.5  # of an output's size, that making up for differences may ask of it
SMALLEST = 1e-20


@dataclass(frozen=True)
class AddingLinear:
    """A linear whose output is added to the residual stream.

    Attributes:
        norm: of its output, where the family has one.
        exact: the original block.
    """

    linear: LinearSpec
    norm: NormSpec | None
    exact: BlockWeights

    def wanted(
        self, rounded_inputs: torch.Tensor, exact_inputs: torch.Tensor, missing: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and what the weight, without bias, is to make of them.

        Args:
            rounded_inputs, exact_inputs: [rows, T, in], of the quantized model and of the original.
            missing: [rows, T, out], what would bring the rounded stream to the exact one.
        """
        bias = self.exact.biases.get(self.linear.key, torch.zeros((), device=missing.device))
        if self.norm is None:
            return rounded_inputs, missing - bias
        output = self.exact.apply(self.linear, exact_inputs)
        size = (output.square().mean(-1, keepdim=True) + self.norm.eps).sqrt().clamp_min(SMALLEST)
        direction, gains = output / size, self.exact.norms[self.norm.key]
        change = (missing - direction * gains) * gains / (gains.square() + RIDGE * gains.square().mean() + SMALLEST)
        change_size = change.square().mean(-1, keepdim=True).sqrt().clamp_min(SMALLEST)
        change = change * (MOST_CHANGE / change_size).clamp_max(1)
        return rounded_inputs / size, direction + change - bias / size
