"""Bits for a fractional target: within the budget, groups together, attention and the ends of the stack first."""

from __future__ import annotations

import pytest

from engine.errors import InvalidRequestError
from engine.models.decoder_spec import FamilyTraits, decoder_spec
from engine.models.spec import ModelSpec
from engine.quantizer.allocation import allocate, check_bits, groups_of, mean_bits
from engine.weights.config_reader import ConfigReader


def spec_of(tmp_path_of: object, layers: int = 6) -> ModelSpec:
    values = {
        "hidden_size": 256, "intermediate_size": 640, "num_hidden_layers": layers, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 512, "max_position_embeddings": 512,
    }  # fmt: skip
    return decoder_spec(ConfigReader(tmp_path_of, values), "LlamaForCausalLM", FamilyTraits())  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [1, 2, 2.05, 2.5, 3.75, 4, 7.99, 8])
def test_the_budget_is_kept_and_used(target: float) -> None:
    spec = spec_of("config.json")
    bits = allocate(spec, target)
    mean = mean_bits(spec, bits)
    assert mean <= target + 1e-9
    groups = groups_of(spec)
    raisable = [group.weights for group in groups if bits[group.linears[0].key] < 8]
    left = (target - mean) * sum(group.weights for group in groups)
    assert left < min(raisable, default=1)
    for group in groups_of(spec):
        assert len({bits[linear.key] for linear in group.linears}) == 1
    if target == int(target):
        assert set(bits.values()) == {int(target)}


def test_attention_at_the_ends_goes_first() -> None:
    spec = spec_of("config.json")
    bits = allocate(spec, 3.1)
    q = [bits[block.attention.q_proj.key] for block in spec.blocks]
    assert q[0] == 4
    assert q[0] >= q[2]
    assert q[5] >= q[3]
    assert all(bits[block.mlp.up_proj.key] == 3 for block in spec.blocks)


@pytest.mark.parametrize(("bits", "head"), [(0.9, 6), (8.1, 6), (float("inf"), 6), (4, 0), (4, 9), (4, 15)])
def test_what_the_format_does_not_have_is_refused(bits: float, head: int) -> None:
    with pytest.raises(InvalidRequestError):
        check_bits(bits, head)


@pytest.mark.parametrize("head", [1, 6, 8, 16])
def test_what_the_format_has_is_taken(head: int) -> None:
    check_bits(3.75, head)
