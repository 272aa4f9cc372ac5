"""A block of a tiny model: the same wherever its streams lie, with half-precision products, and passed again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig

from engine.cpu.trellis_search import CpuTrellisSearch
from engine.quantizer import block as module
from engine.quantizer import hidden_states, scale_fit, streams
from engine.quantizer.block import BlockTask, Streams, pass_block, quantize_block
from engine.quantizer.linear import QuantizedWeight
from engine.quantizer.products import in_half
from engine.quantizer.source import SourceModel
from engine.quantizer.streams import BlockWeights, block_linears
from tests.oracles.tiny_models import make_plain

CPU = torch.device("cpu")
Result = tuple[dict[str, QuantizedWeight], Streams]


@pytest.fixture
def source(tmp_path: Path) -> SourceModel:
    config = LlamaConfig(
        vocab_size=64, hidden_size=128, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, attention_bias=True,
    )  # fmt: skip
    return SourceModel.open(make_plain(tmp_path / "model", config, dtype=torch.float16).folder)


def start() -> Streams:
    exact = torch.randn(12, 32, 128, generator=torch.Generator().manual_seed(1))
    exact[:, 0] *= 300  # as models have it: a first token far larger than the others
    return Streams(exact, exact + 0.02 * torch.randn(exact.shape, generator=torch.Generator().manual_seed(2)))


def quantized(source: SourceModel) -> Result:
    (spec,), found = source.spec.blocks, start()
    bits = {linear.key: 3 for linear in block_linears(spec)}
    task = BlockTask(spec, source.block(spec), bits, "mul1", 1, CpuTrellisSearch(), lambda _: None)
    return quantize_block(task, found), found


def test_streams_that_lie_elsewhere_give_the_same_bits(source: SourceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    results, moved = quantized(source)
    monkeypatch.setattr(hidden_states.Streams, "lie_on", lambda *_: False)
    others, also = quantized(source)
    assert torch.equal(moved.exact, also.exact)
    assert torch.equal(moved.rounded, also.rounded)
    assert all(torch.equal(found.trellis, others[key].trellis) for key, found in results.items())


def test_a_finished_block_is_passed_to_the_same_bits(source: SourceModel) -> None:
    results, moved = quantized(source)
    (spec,), again = source.spec.blocks, start()
    exact = source.block(spec)
    rounded = {
        linear.key: results[linear.key].weight[: linear.in_features, : linear.out_features]
        for linear in block_linears(spec)
    }
    pass_block(spec, exact, BlockWeights(rounded, exact.biases, exact.norms), again)
    assert torch.equal(moved.exact, again.exact)
    assert torch.equal(moved.rounded, again.rounded)


def test_half_precision_products_are_good_enough(source: SourceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_a_card(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        rows, row_sizes = in_half(left.reshape(-1, left.shape[-1]), 1)
        columns, column_sizes = in_half(right, 0)
        return (rows.float() @ columns.float() * row_sizes * column_sizes).view(*left.shape[:-1], -1)

    results, moved = quantized(source)
    for each in (module, streams, scale_fit):
        monkeypatch.setattr(each, "times", as_a_card)
    others, also = quantized(source)
    for key, found in results.items():
        assert others[key].error == pytest.approx(found.error, rel=0.1)
    assert also.drift(CPU) == pytest.approx(moved.drift(CPU), rel=0.1)


def test_tokens_that_are_not_finite_are_left_out() -> None:
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(2, 5, 8, generator=generator), torch.randn(2, 5, 4, generator=generator)
    x[0, 1, 3], y[1, 2, 0] = torch.nan, torch.inf
    sums = module._Sums()
    for at in range(2):
        sums.add(x[at], y[at])
    kept = torch.ones(10, dtype=torch.bool)
    kept[[1, 7]] = False
    rows, wanted = x.view(10, 8)[kept], y.view(10, 4)[kept]
    found = sums.mean()
    assert torch.allclose(found.hessian, rows.T @ rows / 8, atol=1e-6)
    assert torch.allclose(found.cross, rows.T @ wanted / 8, atol=1e-6)
