"""What a repository offers beside a card, and the list of models that the program knows by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import ModelFormatError
from engine.fit.common_cards import COMMON_CARDS, DEFAULT_CARD
from engine.fit.estimate import CardMemory, Verdict
from engine.fit.offers import Offer, judge
from engine.fit.starters import StarterModel, read_starters
from engine.hub.size_hint import billions_of_weights
from engine.hub.types import RepoFile, RepoId, Variant
from engine.models.registry import FAMILIES
from engine.units import MEMORY_GB

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
}  # fmt: skip
REPO = RepoId("someone", "Model-8B-exl3")
STARTERS = Path(__file__).parents[3] / "resources" / "starter_models.json"


def offer(branch: str, gigabytes: float, bits: float | None = None, method: str | None = "exl3") -> Offer:
    files = (RepoFile("model.safetensors", int(gigabytes * 1e9)), RepoFile("config.json", 1000))
    variant = Variant(REPO, branch, "a" * 40, files, bits, 6, quant_method=method)
    return Offer.of(variant, CONFIG)


def test_offers_are_ordered_and_the_highest_that_fits_is_recommended() -> None:
    offers = [
        offer("2.0bpw", 2.9, 2.0),
        offer("8.0bpw", 9.5, 8.0),
        offer("6.0bpw", 7.2, 6.0),
        offer("4.0bpw", 5.1, 4.0),
    ]
    judged = judge(offers, CardMemory(10 * MEMORY_GB))
    assert [each.offer.branch for each in judged] == ["8.0bpw", "6.0bpw", "4.0bpw", "2.0bpw"]
    assert [each.offer.branch for each in judged if each.is_recommended] == ["6.0bpw"]
    assert judged[0].estimate.verdict is Verdict.TOO_BIG
    assert judged[0].contexts[16] < 8192 < judged[1].contexts[16] < judged[1].contexts[8] < judged[1].contexts[4]


def test_what_this_program_cannot_run_is_never_recommended() -> None:
    judged = judge([offer("4.0bpw", 5.1, 4.0, "exl2"), offer("3.0bpw", 4.1, 3.0)], CardMemory(24 * MEMORY_GB))
    assert [each.offer.branch for each in judged if each.is_recommended] == ["3.0bpw"]
    assert "exl2" in judged[0].offer.obstacle
    assert judged[1].offer.obstacle == ""


def test_a_closed_config_leaves_the_weights_and_the_reason() -> None:
    files = (RepoFile("model.safetensors", 5_000_000_000),)
    closed = Offer.of(Variant(REPO, "main", "a" * 40, files), {}, "Its terms must be accepted first.")
    [judged] = judge([closed], CardMemory(24 * MEMORY_GB))
    assert judged.estimate.verdict is Verdict.WEIGHTS_ONLY
    assert judged.estimate.plan.weights_bytes == 5_000_000_000
    assert judged.offer.obstacle == "Its terms must be accepted first."
    assert not judged.is_recommended


def test_the_bytes_of_tensors_replace_those_of_files() -> None:
    one = offer("4.0bpw", 5.1, 4.0)
    exact = one.with_tensors({"model.embed_tokens.weight": 10**9, "vision_tower.w": 10**9, "lm_head.trellis": 10**8})
    assert exact.is_exact
    assert exact.model.estimate(CardMemory(24 * MEMORY_GB), 8192).plan.weights_bytes == 1_100_000_000  # no tower
    assert one.with_tensors({}) is one


@pytest.fixture(scope="module")
def starters() -> tuple[StarterModel, ...]:
    return read_starters(STARTERS)


def test_every_starter_can_be_run_and_judged_without_a_network(starters: tuple[StarterModel, ...]) -> None:
    assert len(starters) >= 6
    assert len({each.repo for each in starters}) == len(starters)
    for starter in starters:
        assert starter.about.endswith(".")
        assert len(starter.about) < 130
        assert len({each.branch for each in starter.offers}) == len(starter.offers) >= 4
        for each in starter.offers:
            assert each.model.spec is not None, starter.repo
            assert each.model.spec.architecture in FAMILIES
            assert each.obstacle == ""
        sizes = [each.download_bytes for each in sorted(starter.offers, key=lambda each: each.bits or 0)]
        assert sizes == sorted(sizes)


def test_starters_sizes_follow_from_their_shapes(starters: tuple[StarterModel, ...]) -> None:
    """EXL3 keeps the embedding at 16 bits, every other matrix at the rate and the head at its own."""
    for starter in starters:
        for each in starter.offers:
            spec = each.model.spec
            assert spec is not None
            assert each.bits is not None
            assert each.head_bits is not None
            matrices = 0
            for block in spec.blocks:
                attention, mlp = block.attention, block.mlp
                linears = (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
                for linear in (*linears, mlp.gate_proj, mlp.up_proj, mlp.down_proj):
                    matrices += linear.in_features * linear.out_features
            head = spec.hidden_size * spec.vocab_size
            expected = matrices * each.bits / 8 + head * each.head_bits / 8 + 2 * head
            assert each.download_bytes == pytest.approx(expected, rel=0.01), (starter.repo, each.branch)


def test_there_is_a_starter_for_every_usual_card(starters: tuple[StarterModel, ...]) -> None:
    for card in COMMON_CARDS:
        fitting = [each for each in starters if any(one.is_recommended for one in judge(each.offers, card.memory))]
        assert len(fitting) >= 3, card.label
    for starter in starters:
        smallest = CardMemory(starter.vram_gib * MEMORY_GB)
        assert any(each.estimate.fits for each in judge(starter.offers, smallest)), starter.repo


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b'{"schema": 2, "models": []}', b'{"schema": 1, "models": [{"repo": "../x"}]}']
)
def test_a_damaged_list_is_told(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "starter_models.json"
    path.write_bytes(damage)
    with pytest.raises(ModelFormatError, match=r"starter_models\.json"):
        read_starters(path)
    with pytest.raises(ModelFormatError):
        read_starters(tmp_path / "none.json")


def test_the_list_is_kept_small() -> None:
    assert STARTERS.stat().st_size < 20_000
    assert set(json.loads(STARTERS.read_text(encoding="utf-8"))) == {"schema", "models"}


def test_cards_to_plan_for_have_a_name_and_a_size() -> None:
    assert len({card.label for card in COMMON_CARDS}) == len(COMMON_CARDS)
    assert DEFAULT_CARD.label == "RTX 4070, 12 GB"
    assert DEFAULT_CARD.memory.total_bytes == 12 * MEMORY_GB


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Qwen3-8B-exl3", 8), ("Llama-3.2-1B-Instruct-exl3", 1), ("Qwen3-30B-A3B-exl3", 30),
        ("Mixtral-8x7B-v0.1", 45.9), ("SmolLM2-360M", 0.36), ("Qwen_Qwen3-VL-8B-Instruct-EXL3", 8),
        ("Model-4.0bpw-h6-exl3", None), ("gemma-4-12B-it-exl3", 12), ("Phi-4", None), ("Qwen2.5-0.5B", 0.5),
    ],
)  # fmt: skip
def test_a_name_tells_the_size(name: str, billions: float | None) -> None:
    found = billions_of_weights(name)
    assert found == (pytest.approx(billions, rel=0.01) if billions is not None else None)
