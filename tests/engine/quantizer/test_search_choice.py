"""Where a conversion searches, with cards that are not there: the choice, its words, what is said before the start."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig

from engine.cpu.trellis_search import CpuTrellisSearch
from engine.errors import DeviceError, EngineError, InvalidRequestError, NotEnoughMemoryError
from engine.quantizer import command, search_choice
from engine.quantizer.command import convert_model
from engine.quantizer.converter import ConvertRequest
from engine.quantizer.estimate import card_bytes, head_bytes
from engine.quantizer.progress import Estimate, Event
from engine.quantizer.search import TrellisSearch
from engine.quantizer.source import SourceModel
from tests.oracles.tiny_models import make_plain, random_ids, write_tokenizer

VOCAB = 200
GB = 10**9


class CardSearch(CpuTrellisSearch):
    """Stands for the search on a card."""

    def __init__(self, card: int) -> None:
        super().__init__()
        self.card = card


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[int]], None]:
    """Makes cards with so many free bytes."""

    def make(free: list[int]) -> None:
        monkeypatch.setattr(search_choice, "usable_cards", lambda: list(range(len(free))))
        monkeypatch.setattr(search_choice, "free_bytes", lambda card: free[card])
        monkeypatch.setattr(search_choice, "card_search", CardSearch)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda card: f"Card {card}")
        monkeypatch.setattr(search_choice, "card_of", lambda name: None if name == "cpu" else int(name[5:]))

    return make


def card_in(search: TrellisSearch) -> int | None:
    return search.card if isinstance(search, CardSearch) else None


def test_the_first_card_with_room_is_taken(cards: Callable[[list[int]], None]) -> None:
    cards([3 * GB, 9 * GB, 12 * GB])
    search, note = search_choice.choose_search("auto", 4 * GB)
    assert (card_in(search), note) == (1, "")
    search, note = search_choice.choose_search("cuda:2", 4 * GB)
    assert (card_in(search), note) == (2, "")
    search, note = search_choice.choose_search("cpu", 4 * GB)
    assert (card_in(search), note) == (None, "")


def test_a_card_without_room_is_told_of(cards: Callable[[list[int]], None]) -> None:
    cards([3 * GB])
    search, note = search_choice.choose_search("auto", 4 * GB)
    assert card_in(search) is None
    assert note == "Card 0 has 3.0 GB of memory free; converting this model needs 4.0 GB."
    with pytest.raises(NotEnoughMemoryError, match=r"needs 4\.0 GB.*--device cpu"):
        search_choice.choose_search("cuda:0", 4 * GB)


def test_without_a_card_nothing_is_said_of_it(cards: Callable[[list[int]], None]) -> None:
    cards([])
    search, note = search_choice.choose_search("auto", 4 * GB)
    assert (card_in(search), note) == (None, "")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_a_card_that_is_not_there_is_refused() -> None:
    with pytest.raises(DeviceError, match="No usable NVIDIA card"):
        search_choice.choose_search("cuda:0", 1)
    with pytest.raises(InvalidRequestError, match="no device called"):
        search_choice.choose_search("tpu", 1)


@pytest.fixture
def request_of(tmp_path: Path) -> ConvertRequest:
    source, words = tmp_path / "source", tmp_path / "words.txt"
    source.mkdir()
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=128, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4,
        max_position_embeddings=128,
    )  # fmt: skip
    make_plain(source, config, dtype=torch.float16)
    write_tokenizer(source, VOCAB)
    words.write_text(" ".join(f"t{i}" for i in random_ids(2000, VOCAB, seed=5)))
    return ConvertRequest(source, tmp_path / "made", 2.0, calibration=words, rows=4, columns=32)


def test_a_fallback_is_said_before_the_start(request_of: ConvertRequest, cards: Callable[[list[int]], None]) -> None:
    cards([1000])
    said = io.StringIO()
    assert convert_model(request_of, said, dry_run=True) == 0
    first, second = said.getvalue().splitlines()
    assert first.startswith("Card 0 has 0.0 GB of memory free")
    assert "processor" in first
    assert second.startswith("Needs about ")
    events: list[Event] = []
    convert_model(request_of, said, events.append, dry_run=True)
    assert isinstance(events[0], Estimate)
    assert events[0].note
    assert first.startswith(events[0].note)


def test_a_card_is_named_with_what_it_must_have(request_of: ConvertRequest) -> None:
    said = io.StringIO()
    command._Teller(said).tell(Estimate(2 * GB, GB, GB, 60.0, card="Card 0", card_bytes=3 * GB))
    assert said.getvalue().startswith("Works on Card 0, of whose memory it needs 3.0 GB.\nNeeds about 2.0 GB")


def test_a_card_that_fills_up_is_an_error_with_a_way_out(
    request_of: ConvertRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(command, "convert", fill)
    with pytest.raises(EngineError, match=r"memory ran out.*option -r"):
        convert_model(request_of, io.StringIO(), device="cpu")


def test_larger_models_need_larger_cards(request_of: ConvertRequest) -> None:
    spec = SourceModel.open(request_of.source).spec
    assert 0 < card_bytes(spec) < 3 * GB
    assert 0 < head_bytes(spec) < 3 * GB
