"""Loading, cancelling, unloading and dropping a model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel

from app.controllers.models import ModelState
from app.views.chat.error_card import ErrorCard
from app.views.dialogs import CrashDialog
from engine.errors import ModelFormatError
from tests.app.driver import Window
from tests.app.dropping import drag_over, drop, mime


def test_a_loaded_model_is_named_with_its_format_and_device(window: Window) -> None:
    bar = window.app.chat.model_bar
    assert bar.name.text() == window.model.name
    assert "EXL3 4.0 bpw" in bar.details.text()
    assert "AMD Ryzen 7 7700" in bar.details.text()
    assert window.app.chat.findChild(QFrame, "demo_banner") is None
    window.until(lambda: window.app.window.status.memory.text() == "1.2 of 31.7 GB")


def test_progress_counts_bytes_and_cancel_stops_the_load(open_window: Callable[..., Window]) -> None:
    window = open_window(load=False)
    window.script.hold_load = threading.Event()
    window.app.load(window.model)
    bar = window.app.chat.model_bar
    window.until(lambda: bar.details.text().startswith("Reading 167 of 500 MB"))
    assert bar.progress.isVisible()
    window.qtbot.mouseClick(bar.cancel_button, Qt.MouseButton.LeftButton)
    window.until(lambda: window.app.models.state is ModelState.NONE)
    assert window.app.models.error is None
    assert window.app.chat.findChildren(ErrorCard) == []  # a cancelled load is nobody's error
    assert not bar.progress.isVisible()


def test_a_second_load_replaces_the_first(open_window: Callable[..., Window], tmp_path: Path) -> None:
    window = open_window(load=False)
    window.script.hold_load = threading.Event()
    window.app.load(tmp_path / "slow model")
    window.until(lambda: len(window.script.loads) == 1)
    window.app.load(window.model)
    window.script.hold_load.set()
    window.ready()
    assert window.app.models.info is not None
    assert window.app.models.info.path == window.model


def test_a_failed_load_is_a_card_and_retry_loads_again(open_window: Callable[..., Window]) -> None:
    window = open_window(load=False)
    window.script.load_error = ModelFormatError("config.json has no hidden_size.", "Download the model again.")
    window.app.load(window.model)
    window.until(lambda: bool(window.app.chat.findChildren(ErrorCard)))
    card = window.app.chat.findChildren(ErrorCard)[0]
    assert "config.json has no hidden_size." in card.accessibleName()
    window.script.load_error = None
    window.qtbot.mouseClick(card.retry_button, Qt.MouseButton.LeftButton)
    window.ready()


def test_a_bug_while_loading_leaves_a_report_and_a_card(open_window: Callable[..., Window], tmp_path: Path) -> None:
    window = open_window(load=False)
    window.script.load_bug = ZeroDivisionError("a fault of ours")
    window.app.load(window.model)
    window.until(lambda: window.app.window.findChild(CrashDialog) is not None)
    reports = list((tmp_path / "data" / "crash_reports").iterdir())
    assert len(reports) == 1
    assert "a fault of ours" in reports[0].read_text(encoding="utf-8")
    assert window.app.models.error is not None


def test_unload_gives_the_model_back(window: Window) -> None:
    window.qtbot.mouseClick(window.app.chat.model_bar.unload_button, Qt.MouseButton.LeftButton)
    window.until(lambda: window.app.models.state is ModelState.NONE)
    assert window.script.unloads == 1
    assert not window.app.chat.composer.button.isEnabled()
    assert window.app.chat.empty.title.text() == "No model is loaded"


def test_unload_during_a_reply_ends_it_first(window: Window) -> None:
    window.script.reply = "word " * 2000
    window.say("long", wait=False)
    window.until(lambda: window.app.chats.busy)
    window.app.models.unload()
    window.until(lambda: window.app.models.state is ModelState.NONE)
    assert not window.app.chats.busy


def test_a_bug_in_a_step_drops_the_model_and_fails_the_reply(window: Window) -> None:
    window.script.step_bug = RuntimeError("index out of range")
    window.say("hello")
    assert window.app.models.state is ModelState.NONE
    window.until(lambda: window.app.window.findChild(CrashDialog) is not None)
    window.script.step_bug = None
    window.app.load(window.model)
    window.ready()


def test_the_first_start_loads_the_demo_and_says_it_is_a_toy(open_window: Callable[..., Window]) -> None:
    window = open_window(load=False, demo=True)
    window.ready()
    banner = window.app.chat.findChild(QFrame, "demo_banner")
    assert banner is not None
    words = " ".join(each.text() for each in banner.findChildren(QLabel))
    assert "toy of 28 million parameters for a first look" in words
    assert window.app.models.is_demo


def test_the_last_model_is_loaded_at_the_next_start_unless_switched_off(open_window: Callable[..., Window]) -> None:
    first = open_window()
    first.app.window.close()
    second = open_window(load=False, demo=True)
    second.ready()
    assert second.app.models.info is not None
    assert second.app.models.info.path == second.model
    load_last = second.app.settings_page.rows["load_last_model"].box
    assert load_last is not None
    load_last.setChecked(False)
    second.app.window.close()
    third = open_window(load=False, demo=True)
    third.qtbot.wait(50)
    assert third.app.models.state is ModelState.NONE


def test_dropping_a_folder_loads_it(open_window: Callable[..., Window]) -> None:
    window = open_window(load=False)
    data = mime(window.model)
    assert drag_over(window.app.window, data)
    assert window.app.window._overlay.isVisible()
    drop(window.app.window, data)
    assert not window.app.window._overlay.isVisible()
    window.ready()
    assert window.script.loads[-1].path == window.model


def test_the_composer_leaves_folders_to_the_window(window: Window) -> None:
    assert not window.app.chat.composer.input.canInsertFromMimeData(mime(window.model))


def test_the_engine_never_runs_in_the_gui_thread(window: Window) -> None:
    window.say("hello")
    assert window.script.threads  # the loop's own, and that of counting
    assert threading.get_ident() not in window.script.threads
