"""Another version of a reply that starts with the user's words, from the menu of the button that regenerates."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QMenu

from app.views.chat.message_actions import REGENERATE
from app.views.chat.message_editor import MessageEditor
from app.views.chat.message_widget import MessageWidget
from tests.app.driver import Window


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[QMenu]:
    """The menus that were opened; none really is, which the platform of the tests cannot do."""
    menus: list[QMenu] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, _place: menus.append(menu))
    return menus


def open_editor(window: Window, shown: list[QMenu]) -> tuple[MessageWidget, MessageEditor]:
    """Right-clicks the button of the last reply and chooses the second entry."""
    reply = window.app.chat.transcript.message_widgets[-1]
    reply.setFocus(Qt.FocusReason.TabFocusReason)
    window.until(reply.action_bar.isVisible)
    button = reply.action_bar.button(REGENERATE)
    assert "right-click" in button.toolTip()
    place = button.rect().center()
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, button.mapToGlobal(place))
    QApplication.sendEvent(button, asked)
    entries = shown.pop().actions()
    assert [each.text() for each in entries] == ["Regenerate reply", "Start the reply with…"]
    entries[1].trigger()
    assert reply.editor is not None
    return reply, reply.editor


def test_another_version_starts_with_the_words(window: Window, shown: list[QMenu]) -> None:
    window.say("Why?")
    old = window.app.chats.branch()[-1]
    reply, editor = open_editor(window, shown)
    assert editor.field.hasFocus()
    assert reply.text() == old.content
    assert not editor.save_button.isEnabled()  # nothing is written yet
    editor.field.setPlainText("Because of ")
    window.qtbot.keyClick(editor.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    window.until(lambda: window.app.chats.branch()[-1].id != old.id and not window.app.chats.busy)
    assert window.app.chat.composer.input.hasFocus()  # not wherever Qt would put it
    new = window.app.chats.branch()[-1]
    assert new.content.startswith("Because of ")
    assert new.parent_id == old.parent_id
    sent = window.script.requests[-1].messages
    assert [(each.role, each.content) for each in sent[-2:]] == [("user", "Why?"), ("assistant", "Because of ")]


def test_escape_leaves_the_reply_alone(window: Window, shown: list[QMenu]) -> None:
    window.say("Why?")
    reply, editor = open_editor(window, shown)
    window.qtbot.keyClick(editor.field, Qt.Key.Key_Escape)
    assert reply.editor is None
    assert len(window.app.chats.branch()) == 2
    assert len(window.script.requests) == 1


def test_the_menu_regenerates_too(window: Window) -> None:
    window.say("Why?")
    old = window.app.chats.branch()[-1]
    bar = window.app.chat.transcript.message_widgets[-1].action_bar
    bar.regenerate_menu().actions()[0].trigger()
    window.until(lambda: window.app.chats.branch()[-1].id != old.id and not window.app.chats.busy)
