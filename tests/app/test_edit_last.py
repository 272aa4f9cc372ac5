"""Up in an empty message field edits the last message of the user."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor

from app.views.chat.message_editor import MAX_LINES
from tests.app.driver import Window


def press_up(window: Window, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    window.app.chat.composer.input.setFocus()
    window.qtbot.keyClick(window.app.chat.composer.input, Qt.Key.Key_Up, modifiers)


def editors(window: Window) -> list[str]:
    """The texts of all open editors."""
    widgets = window.app.chat.transcript.message_widgets
    return [each.editor.field.toPlainText() for each in widgets if each.editor is not None]


def test_up_edits_the_last_message_and_sends_it_again(window: Window) -> None:
    window.say("Why?")
    window.say("And how?")
    press_up(window)
    assert editors(window) == ["And how?"]
    widget = window.app.chat.transcript.message_widgets[2]
    assert widget.editor is not None
    window.until(widget.editor.field.hasFocus)
    widget.editor.field.setPlainText("And when?")
    window.qtbot.keyClick(widget.editor.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    window.until(lambda: not window.app.chats.busy)
    assert window.app.chat.composer.input.hasFocus()
    branch = window.app.chats.branch()
    assert [each.content for each in branch if each.role == "user"] == ["Why?", "And when?"]
    assert len(branch) == 4


def test_enter_sends_what_is_edited_and_shift_enter_breaks(window: Window) -> None:
    window.say("Why?")
    press_up(window)
    editor = window.app.chat.transcript.message_widgets[0].editor
    assert editor is not None
    editor.field.setPlainText("And")
    editor.field.moveCursor(QTextCursor.MoveOperation.End)
    window.qtbot.keyClick(editor.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    window.qtbot.keyClicks(editor.field, "when?")
    window.qtbot.keyClick(editor.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert editors(window)
    window.qtbot.keyClick(editor.field, Qt.Key.Key_Return)
    window.until(lambda: not window.app.chats.busy)
    assert window.app.chats.branch()[0].content == "And\nwhen?"  # no empty line is left at the end


def test_enter_breaks_the_line_of_a_reply_that_is_edited(window: Window) -> None:
    window.say("Why?")
    reply = window.app.chat.transcript.message_widgets[1]
    reply.start_editing()
    assert reply.editor is not None
    reply.editor.field.setPlainText("Because")
    reply.editor.field.moveCursor(QTextCursor.MoveOperation.End)
    window.qtbot.keyClick(reply.editor.field, Qt.Key.Key_Return)
    assert editors(window) == ["Because\n"]


def test_the_field_is_as_high_as_a_long_text_at_its_own_width(window: Window) -> None:
    window.script.reply = "word " * 150
    window.say("Why?")
    reply = window.app.chat.transcript.message_widgets[1]
    reply.start_editing()
    assert reply.editor is not None
    field = reply.editor.field
    lines = lambda: field.document().size().height()  # noqa: E731
    window.until(lambda: 7 < lines() <= MAX_LINES)
    window.until(lambda: field.viewport().height() >= lines() * field.fontMetrics().lineSpacing())
    assert not field.verticalScrollBar().maximum()


def test_escape_leaves_the_message_as_it_was_and_goes_back(window: Window) -> None:
    window.say("Why?")
    press_up(window)
    editor = window.app.chat.transcript.message_widgets[0].editor
    assert editor is not None
    window.qtbot.keyClick(editor.field, Qt.Key.Key_Escape)
    assert editors(window) == []
    assert window.app.chats.branch()[0].content == "Why?"
    window.app.actions["stop"].trigger()
    window.until(window.app.chat.composer.input.hasFocus)


def test_up_moves_in_a_draft_and_does_nothing_with_other_keys(window: Window) -> None:
    press_up(window)  # no chat yet
    window.say("Why?")
    window.app.chat.composer.set_text("one\ntwo")
    press_up(window)
    assert window.app.chat.composer.input.textCursor().blockNumber() == 0
    window.app.chat.composer.input.clear()
    press_up(window, Qt.KeyboardModifier.ShiftModifier)
    assert editors(window) == []


def test_up_waits_for_the_reply(window: Window) -> None:
    window.script.tokens_per_s = 20
    window.say("Why?", wait=False)
    window.until(lambda: len(window.app.chats.branch()) == 2)
    press_up(window)
    assert editors(window) == []
    window.app.chats.stop()
    window.until(lambda: not window.app.chats.busy)


def test_the_help_lists_the_keys(window: Window) -> None:
    rows = dict(window.app.actions.help_rows())
    assert "empty message field" in rows["Up"]
    assert "message to message" in rows["Up, Down"]
