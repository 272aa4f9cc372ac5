"""The list marks the chat that is open, whatever is done with other rows, and keeps the keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtWidgets import QMenu

from app.views.conversation_row import more_spot
from tests.app.driver import Window


@pytest.fixture
def two_chats(window: Window, monkeypatch: pytest.MonkeyPatch) -> Window:
    """The chat “Two” is open."""
    monkeypatch.setattr(QMenu, "popup", lambda *_: None)
    for text in ("One", "Two"):
        window.app.new_chat()
        window.say(text)
    window.until(lambda: marked(window) == "Two")
    return window


def marked(window: Window) -> str:
    return str(window.app.conversations.view.currentIndex().data())


def row(window: Window, title: str) -> QModelIndex:
    model = window.app.list_model
    return next(model.index(number, 0) for number in range(model.rowCount()) if model.index(number, 0).data() == title)


@pytest.mark.parametrize("button", [Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton])
def test_a_menu_does_not_mark_its_row(two_chats: Window, button: Qt.MouseButton) -> None:
    view = two_chats.app.conversations.view
    place = view.visualRect(row(two_chats, "One"))
    spot = more_spot(place).center() if button is Qt.MouseButton.LeftButton else place.center()
    asked: list[QPoint] = []
    view.menu_requested.connect(lambda _index, where: asked.append(where))
    two_chats.qtbot.mouseClick(view.viewport(), button, pos=spot)
    assert marked(two_chats) == "Two"
    assert len(asked) == (button is Qt.MouseButton.LeftButton)
    assert two_chats.app.chats.branch()[0].content == "Two"
    two_chats.qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.center())
    assert two_chats.app.chats.branch()[0].content == "One"


def test_a_name_that_was_edited_leaves_the_keyboard_in_the_list(two_chats: Window) -> None:
    two_chats.app.library_presenter.make_folder(0)
    view = two_chats.app.conversations.view
    editor = two_chats.app.window.focusWidget()
    assert editor is not None
    assert view.isAncestorOf(editor)
    two_chats.qtbot.keyClicks(editor, "Stories")
    two_chats.qtbot.keyClick(editor, Qt.Key.Key_Return)
    two_chats.until(lambda: [each.name for each in two_chats.app.library.folders()] == ["Stories"])
    two_chats.until(view.hasFocus)


def test_enter_in_the_first_words_sends_or_goes_to_the_message(window: Window) -> None:
    row, composer = window.app.chat.context_row, window.app.chat.composer
    row.start_button.click()
    row.start_with.setText("Well")
    window.qtbot.keyClick(row.start_with, Qt.Key.Key_Return)
    assert composer.input.hasFocus()
    composer.input.setPlainText("Why?")
    window.qtbot.keyClick(row.start_with, Qt.Key.Key_Return)
    window.until(lambda: len(window.app.chats.branch()) == 2 and not window.app.chats.busy)
    assert window.app.chats.branch()[1].content.startswith("Well")
