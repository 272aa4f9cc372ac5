"""The card is freed when idle and taken back when somebody writes; memory and the speed graph on the strip."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.controllers import idle_unload
from app.controllers.models import ModelState
from app.machine_watch import MachineMemory
from tests.app.driver import Window

GIB = 1024**3


@pytest.fixture
def quick_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_unload, "MINUTE_MS", 30)


def test_a_model_stays_loaded_unless_the_user_wants_it_freed(window: Window, quick_minutes: None) -> None:
    assert not window.app.machine.idle.is_waiting
    window.qtbot.wait(150)
    assert window.app.models.is_ready


def test_an_idle_model_is_unloaded_and_comes_back_when_somebody_writes(window: Window, quick_minutes: None) -> None:
    window.app.settings_page.rows["unload_after_minutes"].chosen.emit(5)
    window.until(lambda: window.app.models.state is ModelState.NONE)
    assert window.script.unloads == 1
    notice = window.app.window.notice
    assert notice.isVisible()
    assert "after 5 minutes" in notice._text.text()
    assert not window.app.machine.idle.is_waiting
    window.app.preferences.update(unload_after_minutes=0)
    window.qtbot.keyClicks(window.app.chat.composer.input, "h")
    window.ready()
    assert len(window.script.loads) == 2
    assert window.script.loads[1].path == window.model
    assert window.app.chat.composer.input.toPlainText() == "h"


def test_the_note_loads_it_at_once(window: Window, quick_minutes: None) -> None:
    window.app.preferences.update(unload_after_minutes=5)
    window.until(lambda: window.app.models.state is ModelState.NONE)
    window.app.preferences.update(unload_after_minutes=0)
    window.app.window.notice.button.click()
    window.ready()


def test_writing_and_replies_keep_it(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_unload, "MINUTE_MS", 100)
    window.app.preferences.update(unload_after_minutes=8)
    window.script.reply = "word " * 800  # about two and a half seconds
    window.say("hello")
    assert window.app.models.is_ready
    for letter in "still here":
        window.qtbot.keyClicks(window.app.chat.composer.input, letter)
        window.qtbot.wait(100)
    assert window.app.models.is_ready
    window.until(lambda: window.app.models.state is ModelState.NONE)


def test_what_the_user_unloads_does_not_come_back_by_writing(window: Window) -> None:
    window.app.models.unload()
    window.until(lambda: window.app.models.state is ModelState.NONE)
    window.qtbot.keyClicks(window.app.chat.composer.input, "hello")
    window.qtbot.wait(50)
    assert window.app.models.state is ModelState.NONE


def test_main_memory_is_on_the_strip_where_there_is_room(open_window: Callable[..., Window]) -> None:
    window = open_window(load=False)
    strip = window.app.window.status
    window.app.machine.watch._poll()
    words = strip.machine.text()
    assert words.startswith("RAM ")
    assert 0 < float(words.split()[1]) < float(words.split()[3])
    strip.show_machine(MachineMemory(6 * GIB, 32 * GIB, 2 * GIB))
    assert strip.machine.text() == "RAM 6.0 of 32.0 GB"
    assert "2.0 GB" in strip.machine.toolTip()
    assert strip.machine.isVisible()
    window.app.window.resize(700, 600)
    assert not strip.machine.isVisible()


def test_the_graph_follows_the_speed_and_goes_with_the_model(window: Window) -> None:
    graph = window.app.window.status.graph
    window.script.reply = "word " * 300
    window.say("hello")
    window.until(lambda: window.script.tokens_per_s in graph.speeds)
    assert graph.isVisible()
    assert "400" in graph.accessibleDescription()
    window.app.models.unload()
    window.until(lambda: window.app.models.state is ModelState.NONE)
    assert graph.speeds == ()
    assert not graph.isVisible()
