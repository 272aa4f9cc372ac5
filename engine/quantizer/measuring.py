"""Measures what the predictions lose when one group of linears alone is quantized, block by block.

Through the original model go the calibration rows, for the Hessians, and a few short rows that are looked at; beside
those run as many variants as there are groups, each of which went through one quantized group on its way. At the end
the variants' predictions are compared with the original's. Knows nothing of how bits are chosen by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.models.spec import BlockSpec, LinearSpec, ModelSpec
from engine.quant.tensors import Codebook
from engine.quantizer.allocation import groups_of
from engine.quantizer.best_allocation import Loss
from engine.quantizer.block import TOKENS_AT_ONCE, pad_hessian, pad_weight, seed_of
from engine.quantizer.linear import LinearTask, quantize_linears
from engine.quantizer.noise_search import NoiseSearch
from engine.quantizer.products import times
from engine.quantizer.source import SourceModel
from engine.quantizer.streams import BlockWeights, Ropes, Stages, batches, rms_norm, softcapped
from engine.quantizer.work_store import WorkStore

ROW_TOKENS = 512  # of the rows that are looked at
MOST_TOKENS = 4096
BITS = 3  # of the group that is quantized: enough to be seen in the predictions, and too little to change their kind
LOGITS_AT_ONCE = 512  # rows
PASSES = 2  # of the rows for the Hessians: once to see the inputs, once to move on

OnBlock = Callable[[int, int], None]  # blocks done, of all


@dataclass(frozen=True)
class Measurement:
    """What to measure with.

    Attributes:
        rows: int64 [R, T], calibration rows.
        device: where the work is done.
        on_block: told after every block, and after the head.
    """

    source: SourceModel
    rows: torch.Tensor
    codebook: Codebook
    seed: int
    device: torch.device
    on_block: OnBlock

    def run(self, store: WorkStore) -> list[Loss]:
        """The losses of all groups, in the order of `groups_of`.

        Args:
            store: keeps what is needed to go on after any block; emptied by the caller.
        """
        return _Run(self, store).losses()


def num_measured_rows(spec: ModelSpec, size: tuple[int, int]) -> int:
    """Rows that are looked at: all variants together take no more memory than the streams of the conversion.

    Args:
        size: rows and columns of the calibration.
    """
    rows, columns = size
    tokens = min(2 * rows * columns // len(groups_of(spec)), MOST_TOKENS)
    return max(1, min(tokens // min(ROW_TOKENS, columns), rows // 2))


def operations(spec: ModelSpec, size: tuple[int, int]) -> float:
    """Multiplications and additions of all forward passes and Hessians, for an estimate of time."""
    groups = groups_of(spec)
    looked_at = num_measured_rows(spec, size) * min(ROW_TOKENS, size[1])
    total = 0.0
    for layer in range(len(spec.blocks)):
        own = [group for group in groups if group.layer == layer]
        weights = sum(group.weights for group in own)
        variants = sum(group.layer <= layer for group in groups) + 1
        inputs = {group.linears[0].in_features for group in own}
        total += 2 * weights * (PASSES * size[0] * size[1] + variants * looked_at)
        total += sum(2 * width**2 * size[0] * size[1] for width in inputs)
        total += sum(6 * linear.in_features * linear.in_features * linear.out_features
                     for group in own for linear in group.linears)  # fmt: skip
    return total + 2 * (len(groups) + 1) * looked_at * spec.hidden_size * spec.vocab_size


class _Run:
    """`_shaping` [R, T, E] are rows of the Hessians, `_plain` [M, t, E] those looked at, `_variants` [V, M, t, E]."""

    def __init__(self, task: Measurement, store: WorkStore) -> None:
        self._task, self._store = task, store
        self._spec = task.source.spec
        self._groups = groups_of(self._spec)
        self._first = store.newest_state() or 0
        if self._first:
            saved = store.state(self._first)
            self._shaping, self._plain, self._variants = saved["shaping"], saved["plain"], saved["variants"]
            return
        count, columns = num_measured_rows(self._spec, (task.rows.shape[0], task.rows.shape[1])), task.rows.shape[1]
        looked_at = torch.arange(count) * (task.rows.shape[0] // count)
        others = torch.ones(task.rows.shape[0], dtype=torch.bool)
        others[looked_at] = False
        self._shaping = task.source.embedded(task.rows[others])
        self._plain = task.source.embedded(task.rows[looked_at, : min(ROW_TOKENS, columns)])
        self._variants = self._plain.new_empty(0, *self._plain.shape)

    @torch.inference_mode()
    def losses(self) -> list[Loss]:
        blocks = self._spec.blocks
        total = len(blocks) + 1
        for layer in range(self._first, len(blocks)):
            self._block(layer, blocks[layer])
            self._store.put_state(
                layer + 1, {"shaping": self._shaping, "plain": self._plain, "variants": self._variants}
            )
            self._task.on_block(layer + 1, total)
        found = self._divergences()
        self._task.on_block(total, total)
        return [Loss(each, BITS) for each in found]

    def _block(self, layer: int, spec: BlockSpec) -> None:
        weights = self._task.source.block(spec).to(self._task.device)
        hessians = self._hessians(spec, weights)
        variants = [self._through(spec, weights, each) for each in self._variants]
        for group in (each for each in self._groups if each.layer == layer):
            changed = BlockWeights(dict(weights.matrices), weights.biases, weights.norms)
            for linear in group.linears:
                changed.matrices[linear.key] = self._noisy(linear, weights, hessians[linear.key])
            variants.append(self._through(spec, changed, self._plain))
        self._variants = torch.stack(variants)
        self._plain = self._through(spec, weights, self._plain)

    def _through(self, spec: BlockSpec, weights: BlockWeights, x: torch.Tensor) -> torch.Tensor:
        """Rows behind a block, in main memory as they came."""
        ropes, after = Ropes(x.shape[1]), torch.empty_like(x)
        for at in batches(x, TOKENS_AT_ONCE):
            middle = Stages(spec, weights, x[at].to(self._task.device), ropes).after_attention()
            after[at] = Stages.after_mlp(spec, weights, middle)
        return after

    def _hessians(self, spec: BlockSpec, weights: BlockWeights) -> dict[str, torch.Tensor]:
        """Means over all tokens by key of the linear; moves the rows behind the block."""
        attention, mlp = spec.attention, spec.mlp
        keys = (
            (attention.q_proj, attention.k_proj, attention.v_proj), (attention.o_proj,),
            (mlp.gate_proj, mlp.up_proj), (mlp.down_proj,),
        )  # fmt: skip
        sums = [torch.zeros(each[0].in_features, each[0].in_features, device=self._task.device) for each in keys]
        ropes = Ropes(self._shaping.shape[1])
        for at in batches(self._shaping, TOKENS_AT_ONCE):
            stages = Stages(spec, weights, self._shaping[at].to(self._task.device), ropes)
            mixed = stages.mixed()
            middle = Stages.behind_attention(spec, weights, stages.x, mixed)
            inputs = (
                stages.attention_input(), mixed,
                Stages.mlp_input(spec, weights, middle), Stages.gated(spec, weights, middle),
            )  # fmt: skip
            for total, x in zip(sums, inputs):
                flat = x.reshape(-1, x.shape[-1])
                total += times(flat.T, flat)
            self._shaping[at] = Stages.after_mlp(spec, weights, middle)
        count = self._shaping.shape[0] * self._shaping.shape[1]
        return {linear.key: total / count for members, total in zip(keys, sums) for linear in members}

    def _noisy(self, linear: LinearSpec, weights: BlockWeights, hessian: torch.Tensor) -> torch.Tensor:
        seed = seed_of(self._task.seed, linear.key)
        task = LinearTask(
            pad_weight(weights.matrices[linear.key]), pad_hessian(hessian), BITS, self._task.codebook, seed
        )
        found = quantize_linears([task], NoiseSearch(self._task.device, seed), lambda _: None)[0]
        return found.weight[: linear.in_features, : linear.out_features]

    def _divergences(self) -> list[float]:
        """KL(original || variant) of each variant, the mean over all positions."""
        source, device = self._task.source, self._task.device
        norm, eps, head = source.final_norm().to(device), self._spec.final_norm.eps, source.head().to(device)

        def predictions(x: torch.Tensor) -> torch.Tensor:
            return torch.log_softmax(softcapped(rms_norm(x.to(device), norm, eps) @ head, self._spec.logit_softcap), -1)

        sums = [0.0] * len(self._variants)
        plain, variants = self._plain.flatten(0, 1), self._variants.flatten(1, 2)
        for first in range(0, len(plain), LOGITS_AT_ONCE):
            at = slice(first, first + LOGITS_AT_ONCE)
            wanted = predictions(plain[at])
            for i, variant in enumerate(variants):
                divergences = (wanted.exp() * (wanted - predictions(variant[at]))).sum(-1)
                sums[i] += float(divergences.nan_to_num(0, 0, 0).clamp_min(0).sum().double())
        return [each / len(plain) for each in sums]
