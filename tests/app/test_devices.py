"""Which device a model goes to and with how much context; the live card on the status strip."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from app.controllers.models import ModelState
from app.views.chat.error_card import ErrorCard
from app.views.load_panel import LoadPanel
from app.views.status_strip import StatusStrip
from engine.errors import NotEnoughMemoryError
from tests.app.driver import Window
from tests.fakes.fake_nvml import GIB, FakeCard, FakeDriver

OpenWindow = Callable[..., Window]
OLD_CARD = ("NVIDIA GeForce GTX 1080", "GPU-1080", (6, 1))


@pytest.fixture
def card(driver: FakeDriver) -> FakeCard:
    """A card in the machine."""
    driver.init_error = ""
    driver.cards.append(FakeCard())
    return driver.cards[0]


def panel(window: Window) -> LoadPanel:
    return window.app.inspector.load_panel


def strip(window: Window) -> StatusStrip:
    return window.app.window.status


def choose_device(window: Window, choice: str) -> None:
    combo = panel(window).device
    combo.setCurrentIndex(combo.findData(choice))
    combo.activated.emit(combo.currentIndex())


def choose_context(window: Window, tokens: int) -> None:
    combo = panel(window).context
    combo.setCurrentIndex(combo.findData(tokens))
    combo.activated.emit(combo.currentIndex())


def choose_cache(window: Window, bits: int) -> None:
    combo = panel(window).cache
    combo.setCurrentIndex(combo.findData(bits))
    combo.activated.emit(combo.currentIndex())


def devices(window: Window) -> list[tuple[str, bool]]:
    combo = panel(window).device
    return [
        (combo.itemText(row), bool(combo.model().flags(combo.model().index(row, 0)) & Qt.ItemFlag.ItemIsEnabled))
        for row in range(combo.count())
    ]


def found(window: Window) -> None:
    window.until(lambda: window.app.load_settings.report is not None)


def store_settings(tmp_path: Path, **settings: object) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "settings.json").write_text(json.dumps(settings))


def test_without_a_driver_there_are_automatic_and_the_cpu(window: Window) -> None:
    found(window)
    assert devices(window) == [("Automatic", True), ("CPU", True)]
    assert "NVML Shared Library Not Found" in panel(window).device.toolTip()
    assert (window.script.loads[0].device, window.script.loads[0].cache_tokens) == ("auto", None)
    assert not panel(window).reload_row.isVisible()
    window.until(lambda: strip(window).memory.text() == "1.2 of 31.7 GB")
    assert strip(window).load.text() == ""


def test_a_card_that_cannot_run_the_kernels_is_listed_with_the_reason(
    open_window: OpenWindow, card: FakeCard, driver: FakeDriver
) -> None:
    driver.cards.append(FakeCard(*OLD_CARD))
    window = open_window()
    found(window)
    assert devices(window) == [
        ("Automatic", True),
        ("0: RTX 4070, 12 GB", True),
        ("1: GTX 1080, 12 GB", False),
        ("CPU", True),
    ]
    tip = panel(window).device.itemData(2, Qt.ItemDataRole.ToolTipRole)
    assert "compute capability 6.1" in tip


def test_a_choice_is_stored_offered_for_reloading_and_used(
    open_window: OpenWindow, card: FakeCard, driver: FakeDriver
) -> None:
    driver.cards.insert(0, FakeCard("NVIDIA RTX A4000", "GPU-A4000", (8, 6)))
    window = open_window()
    found(window)
    assert not panel(window).reload_row.isVisible()
    choose_device(window, "GPU-4070")
    assert panel(window).reload_row.isVisible()
    assert window.app.preferences.settings.device == "GPU-4070"
    window.qtbot.mouseClick(panel(window).reload_button, Qt.MouseButton.LeftButton)
    window.ready()
    assert window.script.loads[-1].device == "cuda:1"
    assert window.script.unloads == 1
    assert not panel(window).reload_row.isVisible()
    choose_device(window, "auto")
    assert panel(window).reload_row.isVisible()
    choose_device(window, "GPU-4070")
    assert not panel(window).reload_row.isVisible()


def test_context_is_a_load_setting_too(window: Window) -> None:
    found(window)
    choose_context(window, 4096)
    assert panel(window).reload_row.isVisible()
    window.app.models.reload()
    window.ready()
    assert window.script.loads[-1].cache_tokens == 4096
    choose_context(window, 0)
    window.app.models.reload()
    window.ready()
    assert window.script.loads[-1].cache_tokens is None


def test_the_width_of_the_cache_is_a_load_setting_too(window: Window) -> None:
    found(window)
    assert panel(window).cache.currentText() == "fp16"
    choose_cache(window, 4)
    assert panel(window).reload_row.isVisible()
    window.app.models.reload()
    window.ready()
    assert window.script.loads[-1].cache_bits == (4, 4)
    assert not panel(window).reload_row.isVisible()
    assert panel(window).cache.currentText() == "4 bits"


def test_the_precision_is_a_load_setting_too(window: Window) -> None:
    found(window)
    precision = panel(window).precision
    assert precision.currentText() == "Exact"
    precision.setCurrentIndex(1)
    precision.activated.emit(1)
    assert panel(window).reload_row.isVisible()
    window.app.models.reload()
    window.ready()
    assert not window.script.loads[-1].exact
    assert not panel(window).reload_row.isVisible()
    assert precision.currentText() == "Fast"


def test_the_next_start_loads_on_the_chosen_card_once_its_number_is_known(
    open_window: OpenWindow, card: FakeCard, driver: FakeDriver, tmp_path: Path
) -> None:
    store_settings(tmp_path, device="GPU-4070", cache_tokens=16384)
    driver.hold = threading.Event()
    window = open_window(load=False)
    window.app.load(window.model)
    window.qtbot.wait(50)
    assert window.app.models.state is ModelState.LOADING
    assert window.script.loads == []
    driver.hold.set()
    window.ready()
    assert (window.script.loads[0].device, window.script.loads[0].cache_tokens) == ("cuda:0", 16384)
    assert panel(window).context.currentText() == "16,384 tokens"
    assert panel(window).device.currentText() == "RTX 4070, 12 GB"


def test_a_load_that_waits_for_the_cards_can_be_cancelled(
    open_window: OpenWindow, card: FakeCard, driver: FakeDriver, tmp_path: Path
) -> None:
    store_settings(tmp_path, device="GPU-4070")
    driver.hold = threading.Event()
    window = open_window(load=False)
    window.app.load(window.model)
    window.qtbot.mouseClick(window.app.chat.model_bar.cancel_button, Qt.MouseButton.LeftButton)
    assert window.app.models.state is ModelState.NONE
    driver.hold.set()
    found(window)
    window.qtbot.wait(50)
    assert window.script.loads == []


@pytest.mark.parametrize(
    ("stored", "reason"), [("GPU-1080", "compute capability 6.1"), ("GPU-sold", "It is not in this computer.")]
)
def test_a_chosen_card_that_cannot_be_used_gives_way_to_automatic_and_stays_stored(
    open_window: OpenWindow, card: FakeCard, driver: FakeDriver, tmp_path: Path, stored: str, reason: str
) -> None:
    driver.cards.append(FakeCard(*OLD_CARD))
    store_settings(tmp_path, device=stored)
    window = open_window()
    assert window.script.loads[0].device == "auto"
    assert reason in window.app.window.notice._text.text()
    assert panel(window).device.currentText() == "Automatic"
    assert window.app.preferences.settings.device == stored


def test_the_strip_shows_the_live_card_with_and_without_a_model(open_window: OpenWindow, card: FakeCard) -> None:
    window = open_window(load=False)
    window.until(lambda: strip(window).memory.text() == "3.0 of 11.7 GB")
    assert strip(window).device.text() == "RTX 4070"
    assert strip(window).load.text() == "GPU 7 %"
    assert strip(window).memory_bar._others_share == pytest.approx(strip(window).memory_bar._share)
    choose_device(window, "GPU-4070")
    window.app.load(window.model)
    window.ready()
    card.used_bytes, card.own_bytes, card.load_percent = 8 * GIB, 6 * GIB, 93
    window.until(lambda: strip(window).memory.text() == "8.0 of 11.7 GB", 3000)
    assert strip(window).load.text() == "GPU 93 %"
    assert strip(window).memory_bar.accessibleDescription() == "8.0 of 11.7 GB, 2.0 GB of it by other programs"
    window.qtbot.wait(1100)  # the engine's status comes every second, and does not put its figures over the card's
    assert strip(window).memory.text() == "8.0 of 11.7 GB"


def test_a_model_on_the_cpu_shows_the_cpu(open_window: OpenWindow, card: FakeCard) -> None:
    window = open_window(load=False)
    window.until(lambda: strip(window).device.text() == "RTX 4070")
    choose_device(window, "cpu")
    assert strip(window).device.text() == ""
    window.app.load(window.model)
    window.until(lambda: strip(window).device.text() == "AMD Ryzen 7 7700")
    assert window.script.loads[-1].device == "cpu"
    window.qtbot.wait(1100)
    assert strip(window).memory.text() == "1.2 of 31.7 GB"


def test_a_card_that_stops_answering_leaves_the_figures_to_the_engine(open_window: OpenWindow, card: FakeCard) -> None:
    window = open_window(load=False)
    found(window)
    choose_device(window, "GPU-4070")
    window.app.load(window.model)
    window.until(lambda: strip(window).load.text() == "GPU 7 %")
    card.error = "GPU is lost"
    window.until(lambda: strip(window).load.text() == "", 3000)
    window.until(lambda: strip(window).memory.text() == "1.2 of 31.7 GB")
    card.error = ""
    window.until(lambda: strip(window).load.text() == "GPU 7 %", 3000)


def test_preparing_names_the_gpu_only_where_there_is_one(
    open_window: OpenWindow, card: FakeCard, driver: FakeDriver
) -> None:
    window = open_window(load=False)
    found(window)
    window.script.num_kernels = 12
    details = window.app.chat.model_bar.details
    window.app.load(window.model)
    window.until(lambda: details.text() == "Preparing for your GPU (first time only): 3 of 12")
    window.ready()
    choose_device(window, "cpu")
    window.app.load(window.model)
    window.until(lambda: details.text() == "Preparing for your machine (first time only): 3 of 12")
    window.ready()


def test_too_little_memory_offers_the_context_that_fits(open_window: OpenWindow) -> None:
    window = open_window(load=False)
    window.script.fitting_tokens = 4352
    window.app.load(window.model)
    window.until(lambda: bool(window.app.chat.findChildren(ErrorCard)))
    card = window.app.chat.findChildren(ErrorCard)[0]
    offer = next(each for each in card.findChildren(QPushButton) if each.text() == "Load with 4,352 tokens")
    window.qtbot.mouseClick(offer, Qt.MouseButton.LeftButton)
    window.ready()
    assert window.script.loads[-1].cache_tokens == 4352
    assert panel(window).context.currentText() == "4,352 tokens"
    assert window.app.preferences.settings.cache_tokens == 4352
    assert not panel(window).reload_row.isVisible()


def test_a_reload_that_does_not_fit_offers_the_context_for_the_same_model(open_window: OpenWindow) -> None:
    window = open_window(load=False, demo=True)
    window.ready()
    window.script.fitting_tokens = 2048
    choose_context(window, 65536)
    window.qtbot.mouseClick(panel(window).reload_button, Qt.MouseButton.LeftButton)
    window.until(lambda: bool(window.app.chat.findChildren(ErrorCard)))
    card = window.app.chat.findChildren(ErrorCard)[0]
    offer = next(each for each in card.findChildren(QPushButton) if each.text() == "Load with 2,048 tokens")
    offer.click()
    window.ready()
    assert window.app.models.is_demo
    assert window.script.loads[-1].cache_tokens == 2048


def test_too_little_memory_for_any_context_offers_only_to_retry(open_window: OpenWindow) -> None:
    window = open_window(load=False)
    window.script.load_error = NotEnoughMemoryError("It needs 13 GB.", "Choose a smaller model.")
    window.app.load(window.model)
    window.until(lambda: bool(window.app.chat.findChildren(ErrorCard)))
    card = window.app.chat.findChildren(ErrorCard)[0]
    assert [each.text() for each in card.findChildren(QPushButton)] == ["Retry", "Copy details"]


def test_closing_the_window_ends_the_thread_and_closes_the_driver(
    open_window: OpenWindow, card: FakeCard, driver: FakeDriver
) -> None:
    window = open_window(load=False)
    window.until(lambda: strip(window).device.text() == "RTX 4070")
    assert driver.opened == 1
    window.app.window.close()
    assert not window.app.cards._thread.isRunning()
    assert window.app.threads_stopped
    assert driver.opened == 0


def test_the_driver_is_never_asked_in_the_gui_thread(
    open_window: OpenWindow, card: FakeCard, driver: FakeDriver
) -> None:
    window = open_window(load=False)
    window.until(lambda: strip(window).device.text() == "RTX 4070")
    assert len(driver.threads) == 1
    assert threading.get_ident() not in driver.threads
