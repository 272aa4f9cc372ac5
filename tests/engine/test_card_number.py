"""A device name with a number or a UUID leads to torch's card, also among several and renumbered ones."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from engine.devices import card_number
from engine.fit.cards import find_cards
from tests.fakes.fake_nvml import FakeCard, FakeDriver

ENVIRONMENTS = (
    {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
    {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "2,1"},
    {"CUDA_VISIBLE_DEVICES": "GPU-cc,GPU-aa"},
    {},
    {"CUDA_DEVICE_ORDER": "FASTEST_FIRST", "CUDA_VISIBLE_DEVICES": "0,2"},
)
FASTEST_FIRST = ("bb", "aa", "cc")
SHOWN = (("aa", "bb", "cc"), ("cc", "bb"), ("cc", "aa"), FASTEST_FIRST, ("bb", "cc"))  # torch's cards, in its order


def show(monkeypatch: pytest.MonkeyPatch, uuids: tuple[str, ...]) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: len(uuids))
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda i: SimpleNamespace(uuid=uuids[i]))


def test_numbers_and_uuids(monkeypatch: pytest.MonkeyPatch) -> None:
    show(monkeypatch, ("aa-1", "bb-2"))
    wanted = ("0", "1", "GPU-bb-2", "GPU-AA-1", "2", "GPU-cc", "GPU-", "bb-2", "x", "-1")
    assert [card_number(name) for name in wanted] == [0, 1, 1, 0, *[None] * 6]


@pytest.mark.parametrize(("environment", "shown"), list(zip(ENVIRONMENTS, SHOWN, strict=True)))
def test_the_card_that_is_chosen_is_the_card_that_is_used(
    environment: dict[str, str], shown: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = FakeDriver([FakeCard(f"NVIDIA RTX {uuid}", f"GPU-{uuid}") for uuid in ("aa", "bb", "cc")])
    monkeypatch.setitem(sys.modules, "pynvml", driver.as_module())
    show(monkeypatch, shown)
    cards = find_cards(environment).cards
    assert len(cards) == 3
    for card in cards:
        number = card_number(card.device.partition(":")[2]) if card.device else None
        found = None if number is None else f"GPU-{shown[number]}"
        assert found == (card.uuid if card.uuid.removeprefix("GPU-") in shown else None)
