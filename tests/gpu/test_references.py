"""The plain torch oracles themselves, against worked examples and torch's own functions."""

from __future__ import annotations

import math

import pytest
import torch

from gpu.kernels.attention_layout import LOG2_E, softcap_factors
from gpu.launchers.draw import Draw
from gpu.ops import OPS, Op, worst_error
from gpu.reference import attention, exl3, rope

EXAMPLE = torch.tensor([(40503 * i + 12345) % 65536 for i in range(64)], dtype=torch.int32).to(torch.int16)[None, None]


def test_states_of_the_worked_example() -> None:
    states = exl3.states(EXAMPLE)[0, 0]
    assert states[:4].tolist() == [0x18BC, 0x8BCE, 0xBCE7, 0xCE70]
    assert int(states[255]) == 0x818B


@pytest.mark.parametrize(("codebook", "bits"), [("3inst", 0x2C18), ("mcg", 0xBEB2), ("mul1", 0x3547)])
def test_first_value_of_the_worked_example(codebook: str, bits: int) -> None:
    value = exl3.decode(EXAMPLE, codebook)[0, 0]
    assert int(value.view(torch.int16)) & 0xFFFF == bits


def test_places_of_the_worked_example() -> None:
    tile = exl3.decode(EXAMPLE, "mul1").view(torch.int16).int() & 0xFFFF
    places = {(1, 0): 0xBD49, (8, 0): 0x39B9, (0, 1): 0x3B14, (0, 8): 0xB7B7, (15, 15): 0xB3DB}
    assert {place: int(tile[place]) for place in places} == places


def test_rotation_is_its_own_inverse_and_moves_one_value_everywhere() -> None:
    x = torch.zeros(1, 256)
    x[0, 130] = 1.0
    rotated = exl3.rotate(x)
    assert rotated[0, :128].abs().max() == 0
    torch.testing.assert_close(rotated[0, 128:].abs(), torch.full((128,), 128**-0.5).double())
    signs = rotated[0, 128:136].sign().tolist()
    assert signs == [1, 1, -1, -1, 1, 1, -1, -1]  # natural order: minus where the places share an odd number of bits
    torch.testing.assert_close(exl3.rotate(rotated), x.double())


def test_codes_survive_their_two_bytes() -> None:
    codes = torch.arange(-32639, 32640)
    limbs = exl3.limbs_of(codes)
    low, high = limbs.view(torch.int8).view(-1, 2).long().unbind(1)
    assert torch.equal(256 * high + low, codes)
    assert torch.equal(exl3.codes_of(limbs), codes)


def test_integer_product_is_near_the_product_of_halves() -> None:
    words = torch.randint(-32768, 32768, (8, 8, 64), generator=torch.Generator().manual_seed(9)).to(torch.int16)
    codes = torch.randint(-9999, 9999, (1, 3, 128), generator=torch.Generator().manual_seed(8))
    shift = codes.sum(-1, keepdim=True)[..., None] * exl3.MUL1_OFFSET
    scales = torch.cat((torch.full_like(shift, exl3.MUL1_SCALE), shift), dim=-1)
    found = exl3.matmul_int([words], codes, scales)
    wanted = codes[0].double() @ exl3.decode(words, "mul1").double()
    assert (found - wanted).norm() / wanted.norm() < 5e-4


def test_attention_agrees_with_torch_where_nothing_is_hidden() -> None:
    heads, keys, dim = 3, 300, 64
    generator = torch.Generator().manual_seed(3)
    q, k, v = (torch.randn(heads, count, dim, generator=generator).double() for count in (1, keys, keys))
    table = torch.tensor([[2, 1]])
    k_cache, v_cache = torch.full((3, heads, 256, dim), float("nan")), torch.full((3, heads, dim, 256), float("nan"))
    for page, start, end in ((2, 0, 256), (1, 256, 300)):
        k_cache[page, :, : end - start] = k[:, start:end].float()
        v_cache[page, :, :, : end - start] = v[:, start:end].float().transpose(1, 2)
    position, sequence = torch.tensor([keys - 1]), torch.tensor([0])
    found = attention.attend(q.transpose(0, 1), position, sequence, table, k_cache, v_cache, 0, dim**-0.5)
    wanted = torch.nn.functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]
    torch.testing.assert_close(found[0], wanted[:, 0], rtol=1e-5, atol=1e-6)
    last = attention.attend(q.transpose(0, 1), position, sequence, table, k_cache, v_cache, 1, dim**-0.5)
    torch.testing.assert_close(last[0], v[:, -1], rtol=1e-6, atol=1e-6)


def test_a_soft_cap_and_a_sink_follow_their_formulas() -> None:
    """One head of two values, three keys: every number by hand."""
    q, scale, cap, sink = torch.tensor([[[3.0, -1.0]]]), 0.5, 2.0, 0.7
    keys, values = [[1.0, 2.0], [-4.0, 0.5], [6.0, 6.0]], [[1.0, 10.0], [2.0, 20.0], [4.0, -8.0]]
    k_cache, v_cache = torch.zeros(1, 1, 256, 2), torch.zeros(1, 1, 2, 256)
    k_cache[0, 0, :3], v_cache[0, 0, :, :3] = torch.tensor(keys), torch.tensor(values).T
    place = (torch.tensor([2]), torch.tensor([0]), torch.tensor([[0]]), k_cache, v_cache)
    weights = [math.exp(cap * math.tanh(scale * (3.0 * a - b) / cap)) for a, b in keys]
    for window, sinks in ((0, None), (0, sink), (2, sink)):
        known = range(3 - (window or 3), 3)
        total = sum(weights[i] for i in known) + (math.exp(sinks) if sinks is not None else 0.0)
        wanted = [sum(weights[i] * values[i][n] for i in known) / total for n in (0, 1)]
        given = torch.tensor([sinks]) if sinks is not None else None
        found = attention.attend(q, *place, window, scale, cap, given)
        assert found.flatten().tolist() == pytest.approx(wanted, rel=1e-6)


def test_a_soft_cap_as_kernels_compute_it_is_exact_enough() -> None:
    """By powers of two in float32, as `attention_scores.capped`; the card's own tanh would be off by 0.025 at 50."""
    for cap in (0.5, 30.0, 50.0, 1000.0):
        slope, height = (torch.tensor(factor).float() for factor in softcap_factors(cap))
        scores = torch.cat((torch.linspace(-8 * cap, 8 * cap, 10001), torch.linspace(-1, 1, 1001)))
        power = torch.exp2(slope * (scores.double() * LOG2_E).float())
        found = height - 2.0 * height / (1.0 + power)
        wanted = LOG2_E * cap * (scores.double() / cap).tanh()
        assert (found - wanted).abs().max() < 5e-7 * LOG2_E * cap
    assert softcap_factors(None) == (0.0, 0.0)


def test_rotation_by_an_angle_keeps_lengths_and_the_rest() -> None:
    x, angle = torch.randn(2, 3, 10, generator=torch.Generator().manual_seed(4)).double(), torch.rand(2, 3) * 6
    turned = rope.rotate(x, angle.cos(), angle.sin())
    assert torch.equal(turned[..., 6:], x[..., 6:])
    lengths = [values[..., :3].square() + values[..., 3:6].square() for values in (x, turned)]
    torch.testing.assert_close(*lengths, rtol=1e-5, atol=1e-6)
    quarter = rope.rotate(x, torch.zeros(2, 3), torch.ones(2, 3))
    torch.testing.assert_close(quarter[..., :6], torch.cat((-x[..., 3:6], x[..., :3]), -1))


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_every_case_has_a_finite_reference(op: Op) -> None:
    """NaN in an output marks what no launch may write; some of every first output must be numbers."""
    for case in op.cases[:12]:
        inputs = op.inputs(case, Draw(case, torch.device("cpu")))
        outputs = op.reference(inputs)
        assert not all(output.isnan().all() for output in outputs)
        assert not any(output.isinf().any() for output in outputs)
        assert worst_error(outputs, outputs) == 0


def test_worst_error_sees_a_wrong_value_and_a_missing_one() -> None:
    right = torch.tensor([1.0, 2.0, float("nan")])
    assert worst_error((torch.tensor([1.0, 2.5, float("nan")]),), (right,)) == pytest.approx(0.5 / 5**0.5)
    assert worst_error((torch.tensor([1.0, float("nan"), float("nan")]),), (right,)) == float("inf")
    assert worst_error((torch.tensor([1.0, 2.0, 3.0]),), (right,)) == float("inf")
