from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.budget import CARD_BUDGET, CPU_BUDGET, FP16_CACHE, PAGE_TOKENS, ROOMY_BUDGET
from engine.features import Feature
from engine.fit.cards import Card, CardReading
from engine.fit.estimate import CardMemory, FitModel, Verdict, recommended
from engine.fit.experience import CardKey, Experience, LoadRecord
from engine.fit.plan import plan_load
from engine.models.sizes import step_bytes, weights_bytes
from engine.requests import LoadRequest

GIB = 1024**3
LLAMA = {
    "architectures": ["LlamaForCausalLM"], "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
}  # fmt: skip


def model_of(bits: float, **more: Any) -> FitModel:
    return FitModel.of({**LLAMA, **more}, {}, int(7e9 * bits / 8) + 1_050_000_000)


@pytest.mark.parametrize("bits", [(16, 16), (8, 8), (4, 6)])
def test_the_estimate_is_what_the_loader_reserves(demo_model: Path, bits: tuple[int, int]) -> None:
    from engine.loading import load

    loaded = load(LoadRequest(demo_model, "cpu", 1000, bits), lambda progress: None, lambda: False)
    model = FitModel.of_folder(demo_model)
    assert model.spec is not None
    assert plan_load(model.spec, model.tensors, CPU_BUDGET, 1000, bits) == loaded.memory.plan
    storage = json.loads((demo_model / "quantization_config.json").read_text())["tensor_storage"]
    by_config = {
        name: tensor["n_bytes"] for module in storage.values() for name, tensor in module["stored_tensors"].items()
    }
    config = json.loads((demo_model / "config.json").read_text())
    hub = FitModel.of(config, by_config)
    memory = CardMemory(8 * GIB)
    assert hub.estimate(memory, 1000, bits) == model.estimate(memory, 1000, bits)


def test_the_buffers_are_counted_to_the_byte(demo_model: Path) -> None:
    from engine.cpu.backend import CpuBackend
    from engine.footprint import memory_of
    from engine.models.reservation import Reservation

    spec = FitModel.of_folder(demo_model).spec
    assert spec is not None
    backend = CpuBackend()
    held = Reservation(spec, backend, 2, 512)
    block = spec.blocks[0]
    parts = [held.step, held.attention(block.attention), held.mlp(block.mlp.gate_proj.out_features)]
    assert memory_of([*parts, held.rope(block.attention.rope)]) == step_bytes(spec, backend.prefill_rows, 512)


CONFIGS = {  # architecture's file -> KiB of cache per token in fp16, by section D.2 of the notes or by hand
    "tt-metal/Llama-3.1-8B-Instruct_config.json": 128,
    "tt-metal/Mistral-7B-Instruct-v0.3_config.json": 128,
    "tt-metal/Qwen2.5-7B-Instruct_config.json": 56,
    "tt-metal/Qwen2.5-32B-Instruct_config.json": 256,
    "aiconfigurator/Qwen--Qwen3-8B_config.json": 144,
    "aiconfigurator/Qwen--Qwen3-32B_config.json": 256,
}


@pytest.mark.parametrize(("name", "kib"), CONFIGS.items())
def test_the_cache_of_published_models(shared: Path, name: str, kib: int) -> None:
    path = shared / "data" / "configs" / name
    if not path.is_file():
        pytest.skip(f"{name} is not among the shared data")
    model = FitModel.of(json.loads(path.read_text()), {}, 5_000_000_000)
    memory = CardMemory(24 * GIB)
    for bits, share in ((16, 16), (8, 8.5), (6, 6.5), (4, 4.5), (2, 2.5)):
        plan = model.estimate(memory, 32768, (bits, bits)).plan
        assert plan.bytes_per_token == kib * 1024 * share / 16
        assert plan.cache_bytes == plan.bytes_per_token * (32768 + PAGE_TOKENS)
        assert plan.weights_bytes == 5_000_000_000


UNKNOWN = ["aiconfigurator/google--gemma-4-26B-A4B_config.json", "aiconfigurator/deepseek-ai--DeepSeek-V3_config.json"]


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_architecture_says_weights_only(shared: Path, name: str) -> None:
    config = json.loads((shared / "data" / "configs" / name).read_text())
    config["architectures"] = ["NobodyKnowsForCausalLM"]
    model = FitModel.of(config, {}, 6_000_000_000)
    estimate = model.estimate(CardMemory(24 * GIB), 8192)
    assert estimate.verdict is Verdict.WEIGHTS_ONLY
    assert "NobodyKnows" in estimate.summary
    assert "only the weights" in estimate.summary
    assert model.largest_context(CardMemory(24 * GIB)) == 0
    assert model.estimate(CardMemory(4 * GIB), 8192).verdict is Verdict.TOO_BIG
    assert not model.fits_usefully(CardMemory(24 * GIB))


@pytest.mark.parametrize(
    "config", [{}, {"architectures": 4}, {**LLAMA, "hidden_size": "x"}, {**LLAMA, "num_attention_heads": 0}]
)
def test_a_broken_config_is_no_crash(config: dict[str, Any]) -> None:
    estimate = FitModel.of(config, {"a": 10}).estimate(CardMemory(GIB), 8192)
    assert estimate.verdict is Verdict.WEIGHTS_ONLY
    assert estimate.plan.total_bytes == 10


def test_what_is_not_loaded_does_not_count() -> None:
    spec = model_of(4).spec
    assert spec is not None
    sizes = {"model.embed_tokens.weight": 1, "model.layers.0.mlp.up_proj.trellis": 2, "lm_head.weight": 4}
    assert weights_bytes(spec, sizes) == 7
    assert weights_bytes(spec, {**sizes, "visual.blocks.0.weight": 100, "mtp.layers.0.mlp.up_proj.trellis": 50}) == 7


@pytest.mark.parametrize(
    "name",
    [
        "model.visual.blocks.0.attn.qkv.weight", "visual.patch_embed.proj.weight",
        "vision_tower.transformer.layers.0.k_proj.trellis", "model.vision_tower.vision_model.head.weight",
        "multi_modal_projector.linear_1.weight", "model.multi_modal_projector.mm_input_projection_weight",
        "vision_model.encoder.layers.0.mlp.fc1.weight", "model.embed_vision.embedding_projection.weight",
    ],
)  # fmt: skip
def test_a_vision_tower_has_a_part_of_its_own(name: str) -> None:
    known, unknown = LLAMA, {"architectures": ["SeesForConditionalGeneration"]}
    text = {"model.embed_tokens.weight": 2_000_000_000, "model.layers.0.self_attn.q_proj.trellis": 1_000_000}
    memory = CardMemory(24 * 1024**3)
    without = FitModel.of(known, text).estimate(memory, 4096)
    found = FitModel.of(known, {**text, name: 900_000_000}).estimate(memory, 4096)
    assert found.plan == without.plan  # the loader leaves it where it is
    vision = next(part for part in found.parts if part.name == "vision")
    assert (vision.num_bytes, vision.left_out_bytes) == (0, 900_000_000)
    assert vision.help.startswith("Not loaded yet: text only.")
    assert not [part for part in without.parts if part.name == "vision"]
    guess = FitModel.of(unknown, {**text, name: 900_000_000}).estimate(memory, 4096)
    sizes = {part.name: part.num_bytes for part in guess.parts}
    assert (sizes["weights"], sizes["vision"]) == (sum(text.values()), 900_000_000)
    for estimate in (found, guess):
        assert sum(part.num_bytes for part in estimate.parts) == memory.total_bytes


def test_verdicts_agree_with_the_loaders_check() -> None:
    model = model_of(4)
    need = model.estimate(CardMemory(12 * GIB), 8192).plan.total_bytes

    def verdict(spare: int) -> Verdict:
        memory = CardMemory(need + spare + 1_000_000_000, 500_000_000, 500_000_000)
        estimate = model.estimate(memory, 8192)
        assert estimate.spare_bytes == spare
        assert sum(part.num_bytes for part in estimate.parts) == memory.total_bytes + max(-spare, 0)
        if estimate.fits:
            estimate.plan.check(memory.free_bytes)
        return estimate.verdict

    spares = (-1, 0, 100_000_000, 400_000_000, 1_600_000_000)
    wanted = (Verdict.TOO_BIG, Verdict.TIGHT, Verdict.TIGHT, Verdict.FITS, Verdict.EASILY)
    assert tuple(verdict(spare) for spare in spares) == wanted


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 60), st.sampled_from([(16, 16), (8, 8), (4, 4), (3, 5)]), st.sampled_from([2, 4, 6]))
def test_the_largest_context_fits_and_one_page_more_does_not(gib: int, bits: tuple[int, int], rate: int) -> None:
    model, memory = model_of(rate), CardMemory(gib * GIB, GIB)
    largest = model.largest_context(memory, bits)
    if largest:
        assert model.estimate(memory, largest, bits).fits
    if largest < model.longest_context:
        assert largest % PAGE_TOKENS == 0
        assert not model.estimate(memory, largest + PAGE_TOKENS, bits).fits


def test_narrower_caches_hold_more() -> None:
    contexts = model_of(4).largest_contexts(CardMemory(10 * GIB, GIB))
    assert 0 < contexts[16] < contexts[8] < contexts[4] < 131072
    assert model_of(4).largest_contexts(CardMemory(4 * GIB)) == {16: 0, 8: 0, 4: 0}


def test_the_highest_rate_that_fits_with_8k_is_recommended() -> None:
    models = [(rate, model_of(rate)) for rate in (2.0, 3.0, 8.0, 4.0, 6.0)]

    def best(gib: float) -> float | None:
        i = recommended(models, CardMemory(int(gib * GIB), GIB))
        return None if i is None else models[i][0]

    assert [best(gib) for gib in (4, 6.5, 8, 10, 12)] == [None, 2.0, 4.0, 6.0, 8.0]
    short = [(4.0, model_of(4, max_position_embeddings=2048))]
    assert recommended(short, CardMemory(9 * GIB, GIB)) == 0
    assert recommended([], CardMemory(9 * GIB)) is None


def test_large_cards_take_larger_buffers() -> None:
    assert CardMemory(24 * GIB).budget == CARD_BUDGET
    assert CardMemory(140 * GIB).budget == ROOMY_BUDGET
    assert not CardMemory(41 * GIB, 5 * GIB).is_roomy


def test_8b_working_memory_is_what_was_measured() -> None:
    estimate = model_of(4).estimate(CardMemory(24 * GIB), 8192, FP16_CACHE)
    assert abs(estimate.plan.working_bytes - 1_152_000_000) < 80_000_000  # on an H200 with less than 40 GB free
    roomy = model_of(4).estimate(CardMemory(140 * GIB), 8192, FP16_CACHE)
    assert abs(roomy.plan.working_bytes - 1_784_000_000) < 80_000_000


def test_nothing_of_it_loads_torch(project_root: Path) -> None:
    code = (
        "import sys; from engine.fit.estimate import *; from engine.hub import search, variants, model_card, tokens\n"
        f"FitModel.of({LLAMA!r}, {{}}, 10).estimate(CardMemory(10), 512)\n"
        "print(sorted({'torch', 'numpy', 'numba', 'keyring', 'huggingface_hub'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


KEY = CardKey("GPU-1", "580.1")


def test_loads_teach(tmp_path: Path) -> None:
    experience = Experience(tmp_path / "made")
    assert experience.correction_bytes(KEY) == 0
    assert experience.context_bytes(KEY) == 500_000_000
    for missed in (100, 300, 200):
        experience.add(KEY, LoadRecord(10_000, 10_000 + missed, 450))
    again = Experience(tmp_path / "made")
    assert again.correction_bytes(KEY) == 200
    assert again.context_bytes(KEY) == 450
    assert again.correction_bytes(CardKey("GPU-1", "590.0")) == 0
    assert again.correction_bytes(CardKey("GPU-1", "580.1", is_roomy=True)) == 0
    for _ in range(12):
        again.add(KEY, LoadRecord(10_000, 50_000))
    assert len(again.records(KEY)) == 10
    assert again.correction_bytes(KEY) == 1000  # a tenth at most
    again.add(KEY, LoadRecord(0, 5))
    assert again.records(KEY)[-1] == LoadRecord(10_000, 50_000)


def test_what_was_learned_is_in_the_estimate(tmp_path: Path) -> None:
    card = Card(0, "RTX 4070", "GPU-1", (8, 9), "580.1", 12 * GIB, "cuda:0")
    reading = CardReading(2 * GIB, 12 * GIB, None, GIB)
    experience = Experience(tmp_path)
    before = model_of(4).estimate(CardMemory.of(card, reading, experience), 8192)
    experience.add(KEY, LoadRecord(7_000_000_000, 7_250_000_000, 600_000_000))
    after = model_of(4).estimate(CardMemory.of(card, reading, experience), 8192)
    assert after.plan.total_bytes - before.plan.total_bytes == 250_000_000
    assert before.memory.free_bytes - after.memory.free_bytes == 100_000_000
    untold = CardMemory.of(card, CardReading(2 * GIB, 12 * GIB, None, None), experience)
    assert (before.memory.others_bytes, untold.others_bytes) == (GIB, 2 * GIB)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"GPU-1|580.1|usual|1": 4}', '{"GPU-1|580.1|usual|1": [[1, "x", 0], [1]]}']
)
def test_damaged_records_are_no_experience(tmp_path: Path, text: str) -> None:
    (tmp_path / "loads.json").write_text(text)
    experience = Experience(tmp_path)
    assert experience.correction_bytes(KEY) == 0
    experience.add(KEY, LoadRecord(100, 101, 0))
    assert experience.records(KEY) == (LoadRecord(100, 101, 0),)


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Experience(tmp_path / "file").add(KEY, LoadRecord(1, 1))
    assert Experience(tmp_path / "file").records(KEY) == ()


def test_a_family_that_runs_on_the_processor_alone_is_not_said_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.models.features.MISSING_ON_CARDS", frozenset({Feature.POST_NORMS}))
    config = {
        "architectures": ["Gemma3ForCausalLM"], "vocab_size": 262_144, "hidden_size": 1152, "intermediate_size": 6912,
        "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
        "max_position_embeddings": 32_768, "sliding_window": 512,
    }  # fmt: skip
    model = FitModel.of(config, {}, files_bytes=1_000_000_000)
    estimate = model.estimate(CardMemory(24 * GIB), 4096)
    assert estimate.verdict is Verdict.WEIGHTS_ONLY
    assert "Gemma3ForCausalLM does not run on a card yet" in estimate.reason
    assert not model.fits_usefully(CardMemory(24 * GIB))
