"""The oracles of the fused kernels against the operations that they stand for, one after the other."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch

from gpu.cases.fused import FEW_ROWS, SPLITS
from gpu.launchers import exl3 as launchers
from gpu.launchers import fused as launch
from gpu.ops import OPS, Op, worst_error
from gpu.reference import attention, elementwise, exl3, fused, rope

CPU = torch.device("cpu")
FUSED = [op for op in OPS if op.inputs.__module__ == launch.__name__]
EPS = 1e-5
Case = launch.AbsorbCase | launch.MergeCase | launch.GatedCase | launch.HeadsCase


def sums_of(x: torch.Tensor, matrix: torch.Tensor, splits: int) -> torch.Tensor:
    """x [rows, in] times a matrix [in, out] in `splits` parts of the inputs, [splits, rows, out]."""
    parts = torch.arange(x.shape[1]) % splits
    return torch.stack([(x * (parts == part)) @ matrix for part in range(splits)])


def draw(*sizes: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(seed + sum(sizes))).double()


def test_the_norm_may_come_after_the_product() -> None:
    """absorb, product, finish_gated: the same as norm, prepare, product, finish, silu and prepare."""
    rows, features, columns, width = 3, 300, 200, 256
    held, norm = draw(rows, features), draw(features)
    before = fused.Unfinished(draw(2, rows, 384), draw(384, seed=1), draw(384, seed=2))
    suh, matrices = draw(2, 384), draw(2, 384, width)
    svh, bias, next_suh = draw(2, width), draw(2, width, seed=1), draw(1, width)

    stream, squares, prepared = fused.absorb(before, held, norm, suh)
    factors = fused.norm_factors(squares, features, EPS)
    gate, up = (fused.Unfinished(sums_of(prepared[i], matrices[i], 3 + i), svh[i], bias[i]) for i in (0, 1))
    found = fused.finish_gated(gate, up, factors, columns, next_suh)

    wanted_stream = held + exl3.finish_output(before.partial, before.svh, before.bias)[:, :features]
    torch.testing.assert_close(stream, wanted_stream)
    inputs = exl3.rotate_input(elementwise.rms_norm(wanted_stream, norm, EPS), suh)
    each = [exl3.finish_output((inputs[i] @ matrices[i])[None], svh[i], bias[i])[:, :columns] for i in (0, 1)]
    wanted = exl3.rotate_input(elementwise.gated_silu(each[0], each[1]), next_suh)
    torch.testing.assert_close(found, wanted)


def test_no_product_and_no_norm_leave_things_as_they_are() -> None:
    held, suh = draw(2, 76), draw(1, 128)
    stream, squares, prepared = fused.absorb(None, held, torch.ones(76), suh)
    assert torch.equal(stream, held)
    torch.testing.assert_close(squares[:, 0], held.square().sum(-1))
    torch.testing.assert_close(prepared, exl3.rotate_input(held, suh))
    product = fused.Unfinished(draw(3, 2, 128), draw(128), draw(128, seed=1))
    torch.testing.assert_close(product.finished(), product.finished(torch.ones(2)))


@pytest.mark.parametrize("head_norms", [False, True])
def test_heads_are_those_of_finish_norm_and_rotation(head_norms: bool) -> None:
    rows, heads, kv_heads, head_dim, features = 3, 4, 2, 64, 76
    stream, norm = draw(rows, features), draw(features)
    suh, svh, bias, weights = draw(3, 128), draw(3, 256), draw(3, 256, seed=1), draw(2, head_dim)
    matrices = [draw(128, count * head_dim, seed=count) for count in (heads, kv_heads, kv_heads)]
    phases = draw(600, head_dim // 4)
    rotary = fused.Rotary(weights if head_norms else None, EPS, phases.cos(), phases.sin())
    places = torch.tensor([255, 256, 3]), torch.tensor([0, 0, 1]), torch.tensor([[4, 2], [1, 0]])
    found_caches, caches = (
        (torch.zeros(5, kv_heads, 256, head_dim).double(), torch.zeros(5, kv_heads, head_dim, 256).double())
        for _ in range(2)
    )

    _, squares, prepared = fused.absorb(None, stream, norm, suh)
    products = [
        fused.Unfinished(sums_of(prepared[i], matrix, i + 1), svh[i, : matrix.shape[1]], bias[i, : matrix.shape[1]])
        for i, matrix in enumerate(matrices)
    ]
    factors = fused.norm_factors(squares, features, EPS)
    found = fused.finish_heads(products, factors, head_dim, rotary, fused.Places(*places, *found_caches))

    inputs = exl3.rotate_input(elementwise.rms_norm(stream, norm, EPS), suh)
    q, k, v = (
        exl3.finish_output((inputs[i] @ matrix)[None], svh[i, : matrix.shape[1]], bias[i, : matrix.shape[1]])
        .view(rows, -1, head_dim)
        for i, matrix in enumerate(matrices)
    )  # fmt: skip
    pair = (weights[0], weights[1]) if head_norms else None
    wanted = rope.rotate_and_append(q, k, v, pair, EPS, rotary.cosines, rotary.sines, *places, *caches)
    torch.testing.assert_close(found, wanted.flatten(1))
    for mine, theirs in zip(found_caches, caches):
        torch.testing.assert_close(mine, theirs)
    assert caches[0][4, :, 255].abs().min() > 0, "the first token ends a page"


@pytest.mark.parametrize("lengths", [(300,), (100, 200), (32, 1, 67, 200), (299, 1)])
def test_pieces_of_attention_are_one_softmax(lengths: tuple[int, ...]) -> None:
    heads, head_dim, count = 3, 32, sum(lengths)
    q, k, v = draw(1, heads, head_dim), draw(count, heads, head_dim, seed=1), draw(count, heads, head_dim, seed=2)
    k_cache, v_cache = torch.zeros(2, heads, 256, head_dim).double(), torch.zeros(2, heads, head_dim, 256).double()
    for i in range(count):
        k_cache[i // 256, :, i % 256], v_cache[i // 256, :, :, i % 256] = k[i], v[i]
    wanted = attention.attend(
        q, torch.tensor([count - 1]), torch.tensor([0]), torch.tensor([[0, 1]]), k_cache, v_cache, 0, 0.2
    )[0]
    scores = torch.einsum("hd,nhd->hn", q[0], k) * 0.2 * torch.log2(torch.tensor(torch.e).double())
    empty = torch.full((heads, head_dim + 2), float("nan")).double()
    empty[:, -2], empty[:, -1] = launch.NO_KEYS
    pieces = [empty]
    for end, length in zip(itertools.accumulate(lengths), lengths):
        own = scores[:, end - length : end]
        peak = own.amax(-1)
        weights = torch.exp2(own - peak[:, None])
        values = torch.einsum("hn,nhd->hd", weights, v[end - length : end])
        pieces.append(torch.cat((values, weights.sum(-1)[:, None], peak[:, None]), -1))
    torch.testing.assert_close(fused.merged(torch.stack(pieces), head_dim), wanted)
    sinks = torch.tensor([2.0, -3.0, 80.0])
    with_sinks = attention.attend(
        q, torch.tensor([count - 1]), torch.tensor([0]), torch.tensor([[0, 1]]), k_cache, v_cache, 0, 0.2, None, sinks
    )[0]
    torch.testing.assert_close(fused.merged(torch.stack(pieces), head_dim, sinks), with_sinks)
    assert with_sinks[2].abs().max() < 1e-20


def test_pieces_have_their_places() -> None:
    assert fused.pieces_of([5, 9], 3, 0, 0) == [[0, 2, 4], [1, 3, 5]]
    assert fused.pieces_of([5], 1, 0, 0) == [[0]]
    pieces = fused.pieces_of([2000, 5, 0, 300], 1, 0, 7)
    assert list(itertools.chain(*pieces)) == list(range(sum(map(len, pieces))))
    assert sum(map(len, pieces)) < 7 + 4
    assert len(pieces[0]) > len(pieces[3]) >= len(pieces[1]) == 1


@pytest.mark.parametrize("codes", [False, True])
def test_prepared_inputs_are_read_back_and_strays_found(codes: bool) -> None:
    space = launchers.InputSpace(2, 3, 5, 256, codes)
    out, scales = space.buffers(CPU)
    if codes:
        units = torch.randint(-32639, 32640, (2, 3, 256), generator=torch.Generator().manual_seed(1))
        units[1, 1, :128] = 0
        total = units.view(2, 3, 2, 128).sum(-1)
        out.view(torch.int16)[:2, :3] = exl3.limbs_of(units)
        scales[:2, :3, :, 0] = 0.5 * exl3.MUL1_SCALE
        scales[:2, :3, :, 1] = 0.5 * total * exl3.MUL1_OFFSET
    else:
        units = draw(2, 3, 256).half()
        out[:2, :3], scales[:2, :3, :, 0] = units, 0.5
    assert error(space, out, scales, 0.5 * units) < 1e-6
    for place in ((0, 3, 7), (2, 0, 0), (1, 4, 255)):  # a row or a matrix that was not asked for
        stray = out.clone()
        stray[place] = 1.0
        assert error(space, stray, scales, 0.5 * units) == float("inf")
    for place in ((0, 3, 1, 0), (2, 0, 0, 1)):
        stray = scales.clone()
        stray[place] = 1.0
        assert error(space, out, stray, 0.5 * units) == float("inf")
    wrong = scales.clone()
    wrong[1, 2, 1, 1] = 3.0
    assert error(space, out, wrong, 0.5 * units) > 1e-3


def error(space: launchers.InputSpace, out: torch.Tensor, scales: torch.Tensor, values: torch.Tensor) -> float:
    return worst_error(space.meaning(out, scales), space.expected(values))


@pytest.mark.parametrize("op", FUSED, ids=lambda op: op.name)
def test_cases_reach_every_number_of_rows_and_splits(op: Op) -> None:
    """A change of the table must not lose one without notice."""
    assert {_rows(case) for case in op.cases} == set(FEW_ROWS)
    assert {splits for case in op.cases for splits in _splits(case)} >= set(SPLITS)


def _rows(case: Case) -> int:
    if isinstance(case, launch.HeadsCase):
        return sum(count for _, count in case.parts)
    return len(case.positions) if isinstance(case, launch.MergeCase) else case.rows


def _splits(case: Case) -> list[int]:
    if isinstance(case, launch.MergeCase):
        return [] if case.pool else [case.splits]
    values = [getattr(case, field.name) for field in dataclasses.fields(case)]
    flat = itertools.chain(*(value if isinstance(value, tuple) else (value,) for value in values))
    return [value.splits for value in flat if isinstance(value, launch.SumsCase)]
