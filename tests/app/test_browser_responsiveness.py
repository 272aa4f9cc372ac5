"""The window stays free while the hub's answers arrive: of the page's own work, no turn of the loop takes a frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.controllers.browser_state import ModelCardText
from tests.app.browser_driver import RTX_4070, Browser, FakeCards, open_browser
from tests.app.watchdog import Watchdog
from tests.fakes.hub import FakeHub
from tests.fakes.hub_content import example_repos, shard
from tests.fakes.metadata_hub import FakeRepo

LIMIT_S = 0.016
ATTEMPTS = 3
Browse = Callable[[int], AbstractContextManager[Browser]]
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80,
    "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
}  # fmt: skip
CARD = "# A card\n\n" + "\n\n".join(
    f"Paragraph {n} with **some** words, a [link](https://example.org/{n}) and `code` in it. " * 3
    + (f"\n\n```python\nvalue_{n} = {n}\n```" if n % 5 == 0 else "")
    + (f"\n\n| branch | size |\n|---|---|\n| {n}.0bpw | {n} |" if n % 7 == 0 else "")
    for n in range(120)
)


@pytest.fixture
def browse(qapp: QApplication, qtbot: QtBot, tmp_path: Path, no_proxy: None) -> Browse:
    """Opens a page that nothing has been asked of, once for each attempt."""
    weights = shard({"model.embed_tokens.weight": 1000})
    branches = {"main": {"README.md": CARD.encode()}}
    for bits in (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 8.0):
        config = {**CONFIG, "quantization_config": {"quant_method": "exl3", "bits": bits}}
        branches[f"{bits}bpw"] = {"config.json": json.dumps(config).encode(), "model.safetensors": weights}
    large = FakeRepo("someone/Large-70B-exl3", branches, downloads=9999)

    @contextmanager
    def open_it(attempt: int) -> Iterator[Browser]:
        with FakeHub(large, *example_repos(megabytes=1)) as hub:
            opened = open_browser(qapp, qtbot, hub, tmp_path / str(attempt), FakeCards((RTX_4070,)), 1128)
            opened.page.filters.search.setFocus()
            yield opened
            assert opened.parts.shut_down()
            assert opened.watch.shut_down()
            opened.page.close()
            opened.page.deleteLater()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    return open_it


def best(
    browse: Callable[[int], AbstractContextManager[Browser]], use: Callable[[Browser], list[float]]
) -> list[float]:
    """The turns of the first attempt without a stall, or of the last: the machine's own pauses come and go."""
    turns: list[float] = []
    for attempt in range(ATTEMPTS):
        with browse(attempt) as browser:
            turns = use(browser)
        if turns[2] < LIMIT_S and turns[0] < 3 * LIMIT_S:
            break
    return turns


def search_and_open(browser: Browser) -> list[float]:
    browser.search("bitrates")  # once, so that what is made on first use is made
    browser.open("Bitrates-exl3")
    browser.page.details.card.show_card(ModelCardText(CARD))
    browser.until(lambda: browser.page.details.card.is_whole)
    watchdog = Watchdog()
    watchdog.start()
    browser.search("exl3")
    assert len(browser.names()) == 100
    browser.open("Large-70B-exl3")
    assert len(browser.rows()) == 9
    browser.qtbot.wait(300)
    browser.qtbot.mouseClick(browser.page.details.tabs["card"], Qt.MouseButton.LeftButton)
    browser.until(lambda: browser.details.card is not None and bool(browser.details.card.text))
    browser.until(lambda: browser.page.details.card.is_whole)
    browser.qtbot.wait(300)
    return watchdog.stop()


def test_results_details_and_a_long_card_arrive_without_a_stall(browse: Browse) -> None:
    turns = best(browse, search_and_open)
    assert len(turns) > 100
    assert turns[2] < LIMIT_S, turns[:5]  # two turns may be hit by the machine's own pauses
    assert turns[0] < 3 * LIMIT_S, turns[:5]


def slide_and_choose_cards(browser: Browser) -> list[float]:
    browser.search("large")
    browser.open("Large-70B-exl3")
    filters, slider = browser.page.filters, browser.page.details.planner.context
    watchdog = Watchdog()
    watchdog.start()
    for value in range(slider.maximum() + 1):
        slider.setValue(value)
        browser.qtbot.wait(10)
    for card in range(1, filters.card.count(), 3):
        filters.card.setCurrentIndex(card)
        filters.card.activated.emit(card)
        browser.qtbot.wait(150)
    return watchdog.stop()


def test_the_slider_and_another_card_do_not_stall(browse: Browse) -> None:
    turns = best(browse, slide_and_choose_cards)
    assert turns[2] < LIMIT_S, turns[:5]
    assert turns[0] < 3 * LIMIT_S, turns[:5]
