"""Chats dragged to another group of the list, with the group framed on the way; the same by keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDrag, QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMenu

from app.item_models.conversations import ID_ROLE, Group
from app.views.conversation_view import CHAT_MIME, ConversationView
from tests.app.driver import Window


def texts(window: Window) -> list[str]:
    model = window.app.list_model
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def chat(window: Window, title: str) -> int:
    number = window.app.store.create_conversation(title).id
    window.app.library_presenter.refresh()
    return number


class Drag:
    """A chat that is being dragged over the list."""

    def __init__(self, window: Window, number: int) -> None:
        self.view = window.app.conversations.view
        self.window = window
        self.data = QMimeData()
        self.data.setData(CHAT_MIME, str(number).encode())
        self.where = QPointF()
        self.is_taken = self._send(QDragEnterEvent(QPoint(5, 5), *self._rest()))

    def over(self, text: str) -> bool:
        """Moves onto a row, or below all of them for ''; whether it could be dropped there."""
        rows = texts(self.window)
        row = rows.index(text) if text else len(rows) - 1
        area = self.view.visualRect(self.window.app.list_model.index(row, 0))
        self.where = QPointF(area.center() if text else area.bottomLeft() + QPoint(20, 60))
        return self._send(QDragMoveEvent(self.where.toPoint(), *self._rest()))

    def drop(self) -> bool:
        return self._send(QDropEvent(self.where, *self._rest()))

    def leave(self) -> None:
        self._send(QDragLeaveEvent())

    def _rest(self) -> tuple[Qt.DropAction, QMimeData, Qt.MouseButton, Qt.KeyboardModifier]:
        none = Qt.KeyboardModifier.NoModifier
        return Qt.DropAction.MoveAction, self.data, Qt.MouseButton.LeftButton, none

    def _send(self, event: QDropEvent | QDragLeaveEvent) -> bool:
        QApplication.sendEvent(self.view.viewport(), event)
        return event.isAccepted()


@pytest.fixture
def own_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that are made by hand have no source; the platform would name the list itself."""
    plain = ConversationView._dragged

    def dragged(view: ConversationView, event: QDropEvent) -> int | None:
        has_ours = event.mimeData().hasFormat(CHAT_MIME)
        return int(event.mimeData().data(CHAT_MIME).toStdString()) if has_ours else plain(view, event)

    monkeypatch.setattr(ConversationView, "_dragged", dragged)


@pytest.mark.usefixtures("own_source")
def test_a_chat_is_dropped_into_a_folder_and_out_of_it(window: Window) -> None:
    app = window.app
    one, _two = chat(window, "One"), chat(window, "Two")
    folder = app.library.create_folder("Work")
    assert folder is not None
    drag = Drag(window, one)
    assert drag.is_taken
    assert not drag.over("Two")  # it is under the days already
    assert not drag.over("Folders")
    assert app.conversations.view.drop_group is None
    before = app.conversations.view.viewport().grab().toImage()
    assert drag.over("Work")
    assert app.conversations.view.drop_group == Group("folder", folder.id)
    assert app.conversations.view.viewport().grab().toImage() != before  # the frame is seen
    assert drag.drop()
    assert app.conversations.view.drop_group is None
    assert texts(window) == ["Folders", "Work", "One", "Today", "Two"]
    assert "Work" in app.window.notice._text.text()
    drag = Drag(window, one)
    assert drag.over("Two")
    assert drag.drop()
    assert sorted(texts(window)[3:]) == ["One", "Two"]


@pytest.mark.usefixtures("own_source")
def test_the_last_chat_of_all_leaves_its_folder_below_the_list(window: Window) -> None:
    app = window.app
    one = chat(window, "One")
    app.library.create_folder("Work", one)
    drag = Drag(window, one)
    assert not drag.over("Work")
    assert drag.over("")
    assert app.conversations.view.drop_group == Group("days")
    app.conversations.view.viewport().grab()
    assert drag.drop()
    assert texts(window) == ["Folders", "Work", "Today", "One"]


@pytest.mark.usefixtures("own_source")
def test_pins_are_a_group_too_and_a_move_can_be_undone(window: Window) -> None:
    app = window.app
    one, two = chat(window, "One"), chat(window, "Two")
    folder = app.library.create_folder("Work", two)
    assert folder is not None
    app.library.set_pinned(one, True)
    drag = Drag(window, two)
    assert drag.over("Pinned")
    assert drag.drop()
    assert sorted(texts(window)[1:3]) == ["One", "Two"]
    drag = Drag(window, one)
    assert drag.over("Work")
    assert drag.drop()
    moved = app.store.conversation(one)
    assert moved is not None
    assert (moved.pinned, moved.folder_id) == (False, folder.id)  # where it was dropped it is seen
    app.window.notice.button.click()
    back = app.store.conversation(one)
    assert back is not None
    assert (back.pinned, back.folder_id) == (True, None)


@pytest.mark.usefixtures("own_source")
def test_leaving_takes_the_frame_away(window: Window) -> None:
    one = chat(window, "One")
    window.app.library.create_folder("Work")
    drag = Drag(window, one)
    drag.over("Work")
    drag.leave()
    assert window.app.conversations.view.drop_group is None
    assert not drag.drop()
    assert texts(window) == ["Folders", "Work", "Today", "One"]


def test_what_comes_from_elsewhere_is_not_taken(window: Window) -> None:
    one = chat(window, "One")
    window.app.library.create_folder("Work")
    drag = Drag(window, one)  # without a source: another program's
    assert not drag.is_taken
    assert not drag.over("Work")
    assert not drag.drop()


def test_the_mouse_takes_a_chat_but_no_folder(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    one = chat(window, "One")
    folder = window.app.library.create_folder("Work")
    assert folder is not None
    dragged: list[bytes] = []

    def note(drag: QDrag, _action: Qt.DropAction) -> Qt.DropAction:
        dragged.append(bytes(drag.mimeData().data(CHAT_MIME).data()))
        assert not drag.pixmap().isNull()
        return Qt.DropAction.IgnoreAction

    monkeypatch.setattr(QDrag, "exec", note)
    view, model = window.app.conversations.view, window.app.list_model
    for index in (model.index_of_folder(folder.id), model.index_of(one)):
        start = view.visualRect(index).center()
        window.qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
        for step in (4, 12, 24, 40):
            window.qtbot.mouseMove(view.viewport(), start + QPoint(0, step))
        window.qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=start + QPoint(0, 40))
    assert dragged in ([], [str(one).encode()])  # the platform of the tests may not move the mouse with a button held
    view.setCurrentIndex(model.index_of(one))
    view.startDrag(Qt.DropAction.MoveAction)
    assert dragged[-1] == str(one).encode()
    assert not model.flags(model.index_of_folder(folder.id)) & Qt.ItemFlag.ItemIsDragEnabled
    assert model.flags(model.index_of(one)) & Qt.ItemFlag.ItemIsDragEnabled


def test_the_keyboard_moves_the_open_chat(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    menus: list[QMenu] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, _place: menus.append(menu))
    window.app.actions["move_chat"].trigger()
    assert menus == []  # no chat is open
    window.say("Why?")
    folder = window.app.library.create_folder("Work")
    assert folder is not None
    window.app.actions["move_chat"].trigger()
    assert [each.text() for each in menus[0].actions() if not each.isSeparator()] == ["Work", "New folder"]
    menus[0].actions()[0].trigger()
    moved = window.app.store.conversation(window.app.chats.current_id or 0)
    assert moved is not None
    assert moved.folder_id == folder.id
    assert window.app.conversations.view.currentIndex().data(ID_ROLE) == moved.id
    assert dict(window.app.actions.help_rows())["Ctrl+Shift+M"] == "Move this chat to a folder"
