"""The same tokens in steps of every size give the same logits: whole prompts, chunks, one by one, in company."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, MistralConfig, PreTrainedConfig

from engine.backend import Batch
from engine.budget import MAX_LOGIT_ROWS, PAGE_TOKENS
from engine.cpu.backend import CpuBackend
from engine.models.registry import build_spec
from engine.models.reservation import Reservation
from engine.models.transformer import Transformer
from engine.weights.config_reader import ConfigReader
from engine.weights.shards import ShardIndex
from tests.oracles.tiny_models import make_exl3, make_plain, random_ids, relative_error

PLAIN_TOLERANCE, EXL3_TOLERANCE = 5e-4, 3e-3
VOCAB, NUM_PAGES = 384, 6
CONFIG = LlamaConfig(
    vocab_size=VOCAB, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=1024,
)  # fmt: skip
WINDOWED = MistralConfig(
    vocab_size=VOCAB, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=1024, sliding_window=40,
)  # fmt: skip


def opened(folder: Path) -> Transformer:
    spec = build_spec(ConfigReader.open(folder))
    backend = CpuBackend()
    return Transformer(spec, ShardIndex.open(folder), backend, Reservation(spec, backend, NUM_PAGES, 1024))


def run(
    model: Transformer, ids: list[int], positions: list[int], sequences: list[int], pages: list[list[int]], chunk: bool
) -> torch.Tensor:
    """Logits [T, V] of one step."""
    batch = Batch(
        token_ids=torch.tensor(ids),
        positions=torch.tensor(positions, dtype=torch.int32),
        sequences=torch.tensor(sequences, dtype=torch.int32),
        page_table=torch.tensor(pages, dtype=torch.int32),
        consecutive=chunk,
    )
    residual = model.forward(batch)
    parts = [
        model.logits(residual, torch.arange(first, min(first + MAX_LOGIT_ROWS, len(ids)))).clone()
        for first in range(0, len(ids), MAX_LOGIT_ROWS)
    ]
    return torch.cat(parts)


def in_chunks(model: Transformer, ids: list[int], sizes: list[int], pages: list[int]) -> torch.Tensor:
    parts, start = [], 0
    for size in sizes:
        positions = list(range(start, start + size))
        parts.append(run(model, ids[start : start + size], positions, [0] * size, [pages], True))
        start += size
    assert start == len(ids)
    return torch.cat(parts)


@pytest.mark.parametrize("config", [CONFIG, WINDOWED], ids=["full", "windowed"])
@pytest.mark.parametrize("exl3", [False, True], ids=["plain", "exl3"])
def test_chunks_and_single_tokens(tmp_path: Path, config: PreTrainedConfig, exl3: bool) -> None:
    made = make_exl3(tmp_path, config) if exl3 else make_plain(tmp_path, config)
    tolerance = EXL3_TOLERANCE if exl3 else PLAIN_TOLERANCE
    model, ids = opened(tmp_path), random_ids(300, VOCAB)
    truth = made.truth(ids)
    whole = in_chunks(model, ids, [300], [4, 1])
    assert relative_error(whole, truth) <= tolerance
    for sizes in ([17, 1, 238, 1, 43], [1] * 300):
        parts = in_chunks(model, ids, sizes, [0, 5])
        assert relative_error(parts, truth) <= tolerance
        assert relative_error(parts, whole) <= tolerance


@pytest.mark.parametrize("exl3", [False, True], ids=["plain", "exl3"])
def test_sequences_side_by_side(tmp_path: Path, exl3: bool) -> None:
    made = make_exl3(tmp_path, CONFIG) if exl3 else make_plain(tmp_path, CONFIG, dtype=torch.bfloat16)
    model = opened(tmp_path)
    prompts = [random_ids(length, VOCAB, seed=length) for length in (PAGE_TOKENS + 3, 1, 77)]
    pages = [[5, 2], [0, 0], [3, 3]]  # rows shorter than the widest repeat a page that they never reach
    for ids, row in zip(prompts, pages, strict=True):
        if len(ids) > 1:
            in_chunks(model, ids[:-1], [len(ids) - 1], row)
    last = [ids[-1] for ids in prompts]
    together = run(model, last, [len(ids) - 1 for ids in prompts], [0, 1, 2], pages, False)
    for row, ids in enumerate(prompts):
        alone = run(model, [ids[-1]], [len(ids) - 1], [0], [pages[row]], False)
        assert torch.equal(together[row], alone[0])
        assert relative_error(alone[0], made.truth(ids)[-1]) <= (EXL3_TOLERANCE if exl3 else PLAIN_TOLERANCE)


def test_single_precision_rows_do_not_depend_on_their_company(tmp_path: Path) -> None:
    make_plain(tmp_path, CONFIG)
    model, ids = opened(tmp_path), random_ids(16, VOCAB)
    pages = [[0]]
    in_chunks(model, ids, [16], pages[0])
    alone = torch.cat([run(model, [each], [i], [0], pages, False) for i, each in enumerate(ids)])
    for count in (2, 5, 8, 16):
        together = run(model, ids[:count], list(range(count)), [0] * count, pages, False)
        assert torch.equal(together, alone[:count]), count


def test_copied_pages(tmp_path: Path) -> None:
    make_plain(tmp_path, CONFIG)
    model, ids = opened(tmp_path), random_ids(40, VOCAB)
    in_chunks(model, ids[:39], [39], [2])
    model.copy_page(2, 4)
    expected = run(model, ids[39:], [39], [0], [[2]], False)
    assert torch.equal(run(model, ids[39:], [39], [0], [[4]], False), expected)
