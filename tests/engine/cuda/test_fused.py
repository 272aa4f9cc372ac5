"""Which blocks may run fused, and what their steps of few rows launch, with addresses but without a card."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.backend import AttentionShape, Batch
from engine.cuda.exl3 import CudaExl3Linear
from engine.cuda.few_rows import FEW_ROWS, FewScratch, road_for
from engine.cuda.fused import FusedBlocks, Tools, can_fuse, sources
from engine.cuda.packed import PackedPages
from engine.cuda.turns import CudaRope, StepTurns
from gpu.kernels.attention_layout import AttendPlan
from tests.fakes.fake_kernels import FakeKernels

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def padded(size: int) -> int:
    return -(-size // 128) * 128


def linear(inputs: int, outputs: int, codebook: str = "mul1", bits: int = 4, out_size: int = 0) -> CudaExl3Linear:
    width, height = out_size or padded(outputs), padded(inputs)
    words = torch.zeros(height // 16, width // 16, 16 * bits, dtype=torch.int16)
    zeros = [torch.zeros(size, dtype=torch.float16) for size in (height, width, width)]
    return CudaExl3Linear(codebook, bits, inputs, outputs, words, zeros[0], zeros[1], zeros[2])


def norm(size: int) -> SimpleNamespace:
    return SimpleNamespace(weight=torch.ones(size), eps=1e-5)


def block(
    features: int = 256, head_dim: int = 64, heads: int = 4, kv_heads: int = 2, inner: int = 384, **others: Any
) -> SimpleNamespace:
    """A block's parts as the fused step sees them; `others` replaces linears by name."""
    q, kv = heads * head_dim, kv_heads * head_dim
    sizes = ((features, q), (features, kv), (features, kv), (q, features),
             (features, inner), (features, inner), (inner, features))  # fmt: skip
    own = {name: linear(*size) for name, size in zip(LINEARS, sizes)} | others
    cache = SimpleNamespace(k=torch.zeros(2, kv_heads, 256, head_dim), v=torch.zeros(2, kv_heads, head_dim, 256))
    cache.padded = head_dim
    attention = SimpleNamespace(
        **{name: own[name] for name in LINEARS[:4]}, cache=cache, head_norms=None,
        shape=AttentionShape(heads, kv_heads, head_dim, 1.0, None),
        rope=CudaRope(torch.ones(9, head_dim // 2), torch.zeros(9, head_dim // 2)), query_factors=None,
        buffers=SimpleNamespace(q=torch.zeros(FEW_ROWS, q), out=torch.zeros(FEW_ROWS, q)),
    )  # fmt: skip
    mlp = SimpleNamespace(**{name: own[name] for name in LINEARS[4:]})
    return SimpleNamespace(
        attention_norm=norm(features), attention=attention, mlp_norm=norm(features), mlp=mlp, is_plain=True
    )


def name_of(sizes: dict[str, Any]) -> str:
    """A number as it is, a linear by its name alone."""
    return "-".join(f"{name}{value if isinstance(value, int) else ''}" for name, value in sizes.items()) or "plain"


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"features": 252},  # fours, not blocks
        {"inner": 300},
        {"head_dim": 32, "kv_heads": 4},
        {"head_dim": 96, "kv_heads": 4},
        {"head_dim": 256, "kv_heads": 1},
        {"k_proj": linear(256, 128, bits=3), "up_proj": linear(256, 384, bits=5)},
        {name: linear(256, size, "mcg") for name, size in zip(LINEARS[:3], (256, 128, 128))},
        {"down_proj": linear(384, 256, "3inst")},
    ],
    ids=name_of,
)
def test_blocks_that_suit(sizes: dict[str, Any]) -> None:
    assert can_fuse(block(**sizes))


@pytest.mark.parametrize(
    "sizes",
    [
        {"features": 254},
        {"head_dim": 48, "heads": 8, "kv_heads": 8},  # a warp would have columns of two heads
        {"head_dim": 80, "heads": 8, "kv_heads": 8},
        {"head_dim": 160, "kv_heads": 4},  # whole heads and whole blocks of 128 meet only at 640 columns
        {"head_dim": 64, "kv_heads": 1},  # half a block
        {"head_dim": 96, "kv_heads": 2},
        {"k_proj": linear(256, 128, "mcg")},
        {"gate_proj": linear(256, 384, "3inst")},
        {"up_proj": linear(256, 384, out_size=512)},
        {"down_proj": linear(512, 256)},
        {"down_proj": linear(384, 128)},
        {"o_proj": linear(256, 128)},
        {"o_proj": linear(128, 256)},
        *({name: SimpleNamespace(weight=None)} for name in LINEARS),
    ],
    ids=name_of,
)
def test_blocks_that_do_not(sizes: dict[str, Any]) -> None:
    assert not can_fuse(block(**sizes))


@pytest.mark.parametrize(("codebook", "kinds"), [("mul1", ("codes", "halves")), ("mcg", ("halves",))])
def test_sources_hold_every_kind_of_input(codebook: str, kinds: tuple[str, ...]) -> None:
    names = {source.name for source in sources([codebook])}
    assert names == {"finish_heads"} | {
        f"{name}_{kind}" for name in ("absorb", "merge_heads", "finish_gated") for kind in kinds
    }


def test_sources_follow_the_sinks() -> None:
    plain, mixed = ({source.name for source in sources(["mul1"], kinds)} for kinds in ((False,), (False, True)))
    assert mixed - plain == {"merge_heads_codes_sinks", "merge_heads_halves_sinks"}
    assert not {source.name for source in sources(["mcg"], (True,))} & {"merge_heads_halves", "merge_heads_codes"}


class Step:
    """One step of fused blocks over fake kernels.

    Attributes:
        launches: (name, grid, arguments) in order, attention's among them.
    """

    def __init__(
        self, blocks: list[SimpleNamespace], rows: int, monkeypatch: pytest.MonkeyPatch,
        offsets: torch.Tensor | None = None,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(multi_processor_count=46))
        self.scratch, self.kernels = FewScratch(torch.device("cpu"), is_exact=True), FakeKernels()
        features = blocks[0].attention.q_proj.in_features
        self.squares = torch.zeros(FEW_ROWS, padded(features) // 128)
        for each in blocks:
            for name in LINEARS:
                self.scratch.reserve_for(getattr(each.attention if name in LINEARS[:4] else each.mlp, name))

        def attend(q: torch.Tensor, *_: Any) -> AttendPlan:
            self.kernels.calls.append(("attend", (1, 1, 1), [q.data_ptr()]))
            return AttendPlan(False, 1, (rows, 1, 3), 0)

        pages = PackedPages(self.kernels, torch.device("cpu"), 46)  # type: ignore[arg-type]
        tools = Tools(self.kernels, self.scratch, pages, attend, 4096, self.squares, StepTurns())  # type: ignore[arg-type]
        self.blocks, self.residual = FusedBlocks(blocks, tools), torch.zeros(rows, features)
        index = torch.zeros(rows, dtype=torch.int32)
        batch = Batch(index.long(), index, index, index[None], False, turn_offsets=offsets)
        self.blocks.forward(self.residual, batch)
        self.launches = self.kernels.calls

    def of(self, name: str) -> list[tuple[tuple[int, int, int], list[float]]]:
        return [(grid, arguments) for each, grid, arguments in self.launches if each.startswith(name)]


@pytest.mark.parametrize("rows", range(1, FEW_ROWS + 1))
def test_a_block_is_ten_launches(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([block(), block()], rows, monkeypatch)
    kind = "codes" if road_for("mul1", rows).is_bytes else "halves"
    product = "exl3_product"
    wanted = [f"absorb_{kind}", product, "finish_heads", "attend", f"merge_heads_{kind}", product,
              f"absorb_{kind}", product, f"finish_gated_{kind}", product]  # fmt: skip
    names = [product if name.startswith(product) else name for name in step.kernels.names]
    assert names == [*wanted, *wanted, "absorb_halves"]
    known = {source.name for source in sources(["mul1"])}
    assert {name for name in names if name not in (product, "attend")} <= known


def test_splits_are_merged_with_the_sinks_of_their_block(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, sinks = [block(), block()], SimpleNamespace(logits=torch.zeros(4))
    blocks[1].attention.shape = replace(blocks[1].attention.shape, sinks=sinks)
    step = Step(blocks, 1, monkeypatch)
    merges = [(name, arguments[-1]) for name, _, arguments in step.launches if name.startswith("merge_heads")]
    assert merges == [("merge_heads_codes", 0), ("merge_heads_codes_sinks", sinks.logits.data_ptr())]


def test_larger_steps_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = Step([block()], 1, monkeypatch).blocks
    assert blocks.takes(FEW_ROWS)
    assert not blocks.takes(FEW_ROWS + 1)


def test_inputs_follow_the_codebook_of_the_product_that_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = {name: linear(256, 384, "mcg") for name in ("gate_proj", "up_proj")}
    names = Step([block(**halves)], 1, monkeypatch).kernels.names
    assert [name for name in names if name.startswith("absorb")] == ["absorb_codes", "absorb_halves", "absorb_halves"]
    assert "merge_heads_codes" in names
    assert "finish_gated_codes" in names


def test_widths_in_bits_that_differ_are_products_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {"k_proj": linear(256, 128, bits=3), "up_proj": linear(256, 384, bits=5)}
    step = Step([block(**others)], 2, monkeypatch)
    assert len(step.of("exl3_product")) == 2 + 1 + 2 + 1
    addresses = step.of("finish_heads")[0][1][:9:3]
    assert len(set(addresses)) == 3


def test_products_of_one_launch_lie_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([block()], 2, monkeypatch)
    q, k, v = step.of("finish_heads")[0][1][:9:3]
    assert (k - q, v - k) == (4 * 256, 4 * 128)
    gate, up = step.of("finish_gated")[0][1][0:6:3]
    assert up - gate == 4 * 384


def test_the_stream_is_finished_by_the_block_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first absorb has no product before it, the last prepares nothing, the others do both."""
    blocks = [block(features=252), block(features=252)]
    step = Step(blocks, 3, monkeypatch)
    absorbs = step.of("absorb")
    assert [grid for grid, _ in absorbs] == [(2, 3, 1)] * 5
    arguments = [given for _, given in absorbs]
    assert [bool(each[0]) for each in arguments] == [False, True, True, True, True]
    bases = [each.attention.o_proj if i == 0 else each.mlp.down_proj for each in blocks for i in (0, 1)]
    assert [each[4] for each in arguments] == [0, *(base.svh.data_ptr() for base in bases)]
    assert {each[6] for each in arguments} == {step.residual.data_ptr()}
    assert {each[7] for each in arguments} == {252}
    weights = [each.weight.data_ptr() for own in blocks for each in (own.attention_norm, own.mlp_norm)]
    assert [each[8] for each in arguments] == [*weights, 0]
    assert [each[10] for each in arguments] == [3, 2, 3, 2, 0]


def test_norms_are_applied_behind_their_product(monkeypatch: pytest.MonkeyPatch) -> None:
    own = block(features=252)
    own.attention_norm.eps, own.mlp_norm.eps = 0.25, 0.5
    step = Step([own], 1, monkeypatch)
    heads, gated = step.of("finish_heads")[0][1], step.of("finish_gated")[0][1]
    assert heads[12:16] == [step.squares.data_ptr(), 2, 252, 0.25]
    assert gated[13:17] == [step.squares.data_ptr(), 2, 252, 0.5]


@pytest.mark.parametrize(("head_dim", "kv_heads", "span"), [(32, 4, 128), (96, 4, 384), (128, 1, 128), (256, 1, 256)])
def test_heads_are_finished_in_whole_heads_and_blocks(
    head_dim: int, kv_heads: int, span: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Step([block(head_dim=head_dim, kv_heads=kv_heads)], 5, monkeypatch)
    grid, arguments = step.of("finish_heads")[0]
    assert arguments[16:20] == [4, kv_heads, head_dim, span]
    assert grid == ((4 + 2 * kv_heads) * head_dim // span, 5, 1)


def test_heads_are_told_of_offsets_and_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, growing = block(), block()
    growing.attention.query_factors = torch.ones(9)
    offsets = torch.zeros(3, dtype=torch.int32)
    for given, address in ((None, 0), (offsets, offsets.data_ptr())):
        launches = Step([plain, growing], 3, monkeypatch, given).of("finish_heads")
        factors = growing.attention.query_factors.data_ptr()
        assert [arguments[-2:] for _, arguments in launches] == [[address, 0], [address, factors]]
