"""Narrow windows, sheets, names for screen readers, and the list of shortcuts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

from app.storage.conversations import ConversationStore
from app.views.chat.messages import ReplyMessage, UserMessage
from app.views.dialogs import HelpDialog
from app.views.pages import Page
from engine.errors import ContextTooLongError
from tests.app.driver import Window


def test_a_wide_window_shows_all_three_columns(window: Window) -> None:
    assert window.app.conversations.isVisible()
    assert window.app.inspector.isVisible()
    assert window.app.inspector.parent() is window.app.window.splitter


def test_below_1000_px_the_inspector_is_a_sheet(open_window: Callable[..., Window]) -> None:
    window = open_window(width=900)
    assert window.app.conversations.isVisible()
    assert not window.app.inspector.isVisible()
    window.qtbot.mouseClick(window.app.chat.model_bar.inspector_button, Qt.MouseButton.LeftButton)
    assert window.app.inspector.isVisible()
    assert window.app.inspector.geometry().right() == window.app.window.page_area.rect().right()
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_Escape)
    assert not window.app.inspector.isVisible()


def test_below_760_px_the_list_is_a_sheet_too(open_window: Callable[..., Window]) -> None:
    window = open_window(width=700)
    assert not window.app.conversations.isVisible()
    assert window.app.chat.width() > 600
    window.qtbot.mouseClick(window.app.chat.model_bar.list_button, Qt.MouseButton.LeftButton)
    assert window.app.conversations.isVisible()
    window.qtbot.mouseClick(window.app.conversations.new_button, Qt.MouseButton.LeftButton)
    assert not window.app.conversations.isVisible()
    window.app.window.resize(1200, 800)
    assert window.app.conversations.isVisible()
    assert window.app.inspector.isVisible()
    assert window.app.window.splitter.indexOf(window.app.chat) == 1


def test_the_panels_are_as_wide_again_as_they_were_before_they_were_sheets(window: Window) -> None:
    main, app = window.app.window, window.app
    main.set_panel_widths((230, main.splitter.width() - 230 - 350, 350))
    app.window.resize(1200, 800)
    window.qtbot.wait(20)
    before = main.splitter.sizes()
    assert (before[0], before[2]) == (230, 350)
    for width in (700, 1200, 900, 480, 1200):
        main.resize(width, 800)
        window.qtbot.wait(20)
    assert main.splitter.sizes() == before
    main.resize(700, 800)
    window.qtbot.wait(20)
    main.toggle_inspector()
    assert app.inspector.width() == 350  # as a sheet too


@pytest.mark.parametrize("width", [700, 1200])
def test_the_panels_are_as_wide_as_at_the_last_start(
    open_window: Callable[..., Window], tmp_path: Path, width: int
) -> None:
    (tmp_path / "data").mkdir()
    stored = {"splitter": [240, 519, 350], "window": [0, 0, width, 800]}
    (tmp_path / "data" / "settings.json").write_text(json.dumps({"schema_version": 2, "settings": stored}))
    window = open_window(width=width)
    for each in (700, 1200):
        window.app.window.resize(each, 800)
        window.qtbot.wait(30)
    sizes = window.app.window.splitter.sizes()
    assert (sizes[0], sizes[2]) == (240, 350)


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_inspector_is_never_narrower_than_its_lines(
    open_window: Callable[..., Window], tmp_path: Path, language: str
) -> None:
    (tmp_path / "data").mkdir()
    stored = {"schema_version": 2, "settings": {"language": language, "splitter": [260, 700, 150]}}
    (tmp_path / "data" / "settings.json").write_text(json.dumps(stored))
    window = open_window()
    window.app.inspector.sampling.show_mode(True)
    window.qtbot.wait(50)
    for width in (1200, 700):
        window.app.window.resize(width, 800)
        window.app.window.inspector_panel.set_open(True)
        window.qtbot.wait(50)
        scroll = window.app.inspector.findChild(QScrollArea)
        assert scroll is not None
        assert scroll.widget().width() <= scroll.viewport().width()


def test_a_narrow_window_still_says_what_the_model_does(open_window: Callable[..., Window]) -> None:
    window = open_window(width=700)
    window.app.window.show_page(Page.SETTINGS)
    assert window.app.window.status.state.isVisible()
    assert window.app.window.status.state.text() == "Ready"


def test_no_line_of_the_help_page_stands_there_twice(window: Window) -> None:
    for section in window.app.actions.help_sections():
        assert len(set(section.rows)) == len(section.rows), section.title


@pytest.mark.parametrize("width", [480, 700, 1000, 1600])
def test_nothing_is_wider_than_the_window(open_window: Callable[..., Window], width: int) -> None:
    window = open_window(width=width)
    window.script.reply = "A long line of words. " * 30 + "\n\n```\n" + "x" * 400 + "\n```\n" + "y" * 300
    window.say("z" * 300)
    window.qtbot.wait(50)
    assert window.app.window.width() == width
    for widget in window.app.chat.transcript.message_widgets:
        right = widget.mapTo(window.app.chat, widget.rect().topRight()).x()
        assert right <= window.app.chat.width()


@pytest.mark.parametrize("width", [480, 720, 1200, 1700])
@pytest.mark.parametrize("with_scroll_bar", [False, True])
def test_messages_and_composer_have_the_same_edges(
    open_window: Callable[..., Window], width: int, with_scroll_bar: bool
) -> None:
    window = open_window(width=width)
    window.script.reply = "Words. " * 30 + ("\n\nMore." * 40 if with_scroll_bar else "")
    window.script.token_length = 60
    window.say("z" * 400)
    transcript, composer = window.app.chat.transcript, window.app.chat.composer
    window.until(lambda: transcript.verticalScrollBar().isVisible() == with_scroll_bar)
    window.qtbot.wait(50)  # the last paragraphs are being laid out
    question, reply = transcript.message_widgets
    assert isinstance(question, UserMessage)
    assert isinstance(reply, ReplyMessage)
    assert edges(question._bubble, window.app.chat)[1] == edges(composer, window.app.chat)[1]
    assert edges(reply.view, window.app.chat) == edges(composer, window.app.chat)


def edges(widget: QWidget, page: QWidget) -> tuple[int, int]:
    return widget.mapTo(page, widget.rect().topLeft()).x(), widget.mapTo(page, widget.rect().topRight()).x()


def test_every_focusable_widget_has_a_name(window: Window) -> None:
    window.say("hello")
    window.script.step_error = ContextTooLongError("Too long.", "Shorten it.")
    window.say("again")
    window.app.window_actions.show_help()
    nameless = []
    for widget in QApplication.allWidgets():
        inside = widget.window() in (window.app.window, window.app.window.findChild(HelpDialog))
        if not inside or widget.focusPolicy() == Qt.FocusPolicy.NoFocus or widget.focusProxy() is not None:
            continue
        interface = QAccessible.queryAccessibleInterface(widget)
        assert interface is not None
        if not interface.text(QAccessible.Text.Name) and not _is_part_of_a_named_one(widget):
            nameless.append((type(widget).__name__, widget.objectName(), type(widget.parent()).__name__))
    assert nameless == []


def _is_part_of_a_named_one(widget: QWidget) -> bool:
    """The text line inside a spin box is announced as the spin box."""
    parent = widget.parent()
    return (
        widget.objectName() == "qt_spinbox_lineedit" and isinstance(parent, QWidget) and bool(parent.accessibleName())
    )


def test_messages_say_who_and_where(window: Window) -> None:
    window.say("hello")
    names = [each.accessibleName() for each in window.app.chat.transcript.message_widgets]
    assert [re.sub(r"\d", "0", name) for name in names] == ["You, 00:00", "Reply, 00:00"]


def test_tab_reaches_the_composer_from_the_list(window: Window) -> None:
    window.app.conversations.search.setFocus()
    seen = []
    for _ in range(40):
        window.qtbot.keyClick(QApplication.focusWidget() or window.app.window, Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    assert window.app.chat.composer.input in seen
    assert window.app.chat.model_bar.open_button in seen


def test_f1_lists_every_shortcut(window: Window) -> None:
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_F1)
    dialog = window.app.window.findChild(HelpDialog)
    assert dialog is not None
    rows = dict(window.app.actions.help_rows())
    assert rows["Ctrl+N"] == "New chat"
    assert rows["Enter"] == "Send the message"
    assert {"Esc", "Ctrl+O", "F1", "Ctrl++", "Ctrl+-", "Ctrl+0"} <= set(rows)
    dialog.close()


def test_shortcuts_reach_their_actions(window: Window) -> None:
    window.say("hello")
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert window.app.chats.current_id is None
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    assert window.app.settings_page.isVisible()
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.app.chat.isVisible()
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_Minus, Qt.KeyboardModifier.ControlModifier)
    assert window.app.theme.text_scale == pytest.approx(0.9)


def test_closing_the_window_ends_the_engine_thread(window: Window) -> None:
    window.script.reply = "word " * 3000
    window.say("long", wait=False)
    window.until(lambda: len(window.app.chat.transcript.message_widgets[-1].text()) > 20)
    chat = window.app.chats.current_id
    window.app.window.close()
    assert not window.app.engine._thread.isRunning()
    assert window.script.unloads == 1
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert chat is not None
    store = ConversationStore(window.app._launch.paths.conversations)
    reply = store.branch(chat)[-1]
    assert reply.state == "complete"  # the end of the stopped reply was saved as well
    assert reply.content.startswith("word ")
    store.close()


def test_what_is_written_never_scrolls_across(window: Window) -> None:
    field = window.app.chat.composer.input
    for width in (480, 700, 900, 1200):
        window.app.window.resize(width, 800)
        window.app.chat.composer.set_text("Once more, with every detail that there is to tell. " * 12)
        window.qtbot.wait(20)
        assert not field.horizontalScrollBar().isVisible()
