"""Loading on a card: the right bytes through ring and blocks, plans that hold, and memory that comes back each time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import Cancelled, ModelFormatError, NotEnoughMemoryError, UnsupportedModelError

for _package in ("jinja2", "platformdirs", "tokenizers"):
    pytest.importorskip(_package, reason=f"without {_package} no model can be loaded")

from engine.budget import PAGE_TOKENS  # noqa: E402
from engine.cuda.upload import PIECE_BYTES, RING_BUFFERS, Upload  # noqa: E402
from engine.loading import open_backend  # noqa: E402
from engine.quant.tensors import PlainLinear  # noqa: E402
from engine.requests import LoadRequest, SamplingSettings  # noqa: E402
from engine.session import Session, open_session  # noqa: E402
from engine.weights.shards import ShardIndex  # noqa: E402
from tests.oracles.exl3_numpy import write_safetensors  # noqa: E402

pytestmark = pytest.mark.gpu

DEVICE = torch.device("cuda", 0)
LITTLE = 32_000_000  # what the driver may keep of modules and pools
REPLY = SamplingSettings(temperature=0.0, max_new_tokens=40, ignore_eos=True)


def used() -> int:
    torch.cuda.synchronize()
    free, total = torch.cuda.mem_get_info(DEVICE)
    return int(total - free)


def request(folder: Path, cache_tokens: int = 2048) -> LoadRequest:
    return LoadRequest(folder, "cuda:0", cache_tokens)


def reply(session: Session) -> list[int]:
    return [token for event in session.generate("Once upon", REPLY) for token in getattr(event, "token_ids", ())]


@pytest.fixture
def warm(demo_model: Path) -> Iterator[None]:
    """One load before anything is measured: contexts, libraries and kernels that a process keeps."""
    session = open_session(request(demo_model))
    reply(session)
    session.unload()
    yield
    assert "weights reader" not in {thread.name for thread in threading.enumerate()}


def test_large_tensors_arrive_whole(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    sizes = [PIECE_BYTES // 2 - 1, PIECE_BYTES // 2, PIECE_BYTES // 2 + 1, 3 * PIECE_BYTES + 77, 200_000, 150_001]
    tensors = {
        f"t{i}.trellis": generator.integers(-32768, 32767, size, dtype=np.int16) for i, size in enumerate(sizes * 3)
    }
    write_safetensors(tmp_path / "model.safetensors", tensors)
    index = ShardIndex.open(tmp_path)
    for order in (list(tensors), list(tensors)[::-1]):
        upload = Upload(DEVICE, list(index.entries.values()), index.stamps)
        through = index.through(upload)
        found = {name: through.read(name) for name in order}
        upload.close()
        for name, value in tensors.items():
            assert found[name].device == DEVICE
            np.testing.assert_array_equal(found[name].cpu().numpy(), value)
        assert len({tensor.untyped_storage().data_ptr() for tensor in found.values()}) <= 3, "packed in blocks"


def test_loading_and_unloading_gives_the_memory_back_each_time(demo_model: Path, warm: None) -> None:
    before, texts, after = used(), [], []
    for _ in range(3):
        session = open_session(request(demo_model))
        texts.append(reply(session))
        assert session.unload() > 0
        del session
        after.append(used() - before)
    assert texts[0] == texts[1] == texts[2]
    assert max(after) < LITTLE, after


def test_the_plan_holds(demo_model: Path, warm: None) -> None:
    session = open_session(request(demo_model))
    memory = session.memory
    assert memory.total_bytes <= memory.plan.total_bytes
    assert memory.cache_bytes <= memory.plan.cache_bytes * 1.01
    session.unload()


@pytest.mark.parametrize("after", [0, 1, 20, 200])
def test_a_cancelled_load_keeps_nothing(demo_model: Path, warm: None, after: int) -> None:
    before, asked = used(), 0

    def is_cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    with pytest.raises(Cancelled) as caught:
        open_session(request(demo_model, 50_000), is_cancelled=is_cancelled)
    assert caught.value.message  # the error lives on; what the load had does not
    assert used() - before < LITTLE


def test_a_failed_load_keeps_nothing(demo_model: Path, tmp_path: Path, warm: None) -> None:
    for source in demo_model.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    last = sorted(tmp_path.glob("*.safetensors"))[-1]
    data = last.read_bytes()
    last.write_bytes(data.replace(b"model.norm.weight", b"model.norm.wrong_", 1))
    before = used()
    with pytest.raises(ModelFormatError) as caught:
        open_session(request(tmp_path, 50_000))
    assert "model.norm.weight" in caught.value.message
    assert used() - before < LITTLE


def test_memory_that_another_program_takes_meanwhile(
    demo_model: Path, warm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check passes, then the memory is gone: the error says how much is missing and what would fit."""
    backend = type(open_backend("cuda:0"))
    free = torch.cuda.mem_get_info(DEVICE)[0]
    hog = torch.empty(free - 2_000_000_000, dtype=torch.uint8, device=DEVICE)
    before = used()
    try:
        real = backend.free_bytes
        answers = iter([10**12])
        monkeypatch.setattr(backend, "free_bytes", lambda self: next(answers, None) or real(self))
        with pytest.raises(NotEnoughMemoryError) as caught:
            open_session(request(demo_model, 400_000))
        assert "missing" in caught.value.message
        assert used() - before < LITTLE
        tokens = caught.value.suggested_cache_tokens
        assert tokens is not None
        assert tokens % PAGE_TOKENS == 0
        open_session(replace(request(demo_model), cache_tokens=tokens)).unload()
    finally:
        del hog
        torch.cuda.empty_cache()


def test_weights_beyond_fp16_are_named_at_the_end() -> None:
    backend = open_backend("cuda:0")
    for key, value in (("a", 1.0), ("b", 1e6), ("c", 2.0)):
        backend.prepare_linear(PlainLinear(key, 128, 128, torch.full((128, 128), value), None))
    with pytest.raises(UnsupportedModelError, match=r"^b has weights beyond"):
        backend.check_weights()
    backend.check_weights()  # said once


def test_the_ring_is_bounded_and_given_back(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"t.trellis": np.zeros(4 * PIECE_BYTES, dtype=np.int16)})
    index = ShardIndex.open(tmp_path)
    assert RING_BUFFERS * PIECE_BYTES <= 256 * 1024 * 1024
    upload = Upload(DEVICE, list(index.entries.values()), index.stamps)
    index.through(upload).read("t.trellis")
    upload.close()
    if hasattr(torch.cuda, "host_memory_stats"):
        stats = torch.cuda.host_memory_stats()
        assert stats.get("allocated_bytes.current", 0) < PIECE_BYTES
