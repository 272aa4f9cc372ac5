"""The list of conversations in the window: groups, folders, pins, search, export and import."""

from __future__ import annotations

import time
from datetime import date, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QMenu

from app.item_models.conversations import HIT_ROLE, ID_ROLE, ConversationListModel
from app.storage.records import Conversation, Folder
from tests.app.driver import Window
from tests.pace import slowness

NOON_S = datetime(2026, 3, 10, 12).timestamp()
DAY_S = 86_400.0


def texts(model: ConversationListModel) -> list[str]:
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def row(window: Window, text: str) -> QModelIndex:
    model = window.app.list_model
    return model.index(texts(model).index(text), 0)


def chat(window: Window, title: str, *messages: str) -> int:
    made = window.app.store.create_conversation(title)
    parent = None
    for text in messages:
        parent = window.app.store.add_message(made.id, parent, "user", text).id
    window.app.library_presenter.refresh()
    return made.id


def choose(menu: QMenu, *path: str) -> None:
    """Triggers an entry of a menu, through its submenus."""
    for name in path:
        action = next(each for each in menu.actions() if each.text() == name)
        submenu = action.menu()
        if isinstance(submenu, QMenu):
            menu = submenu
        else:
            action.trigger()


def names(menu: QMenu) -> list[str]:
    return [each.text() for each in menu.actions() if isinstance(each, QAction) and not each.isSeparator()]


def test_pins_then_folders_then_days() -> None:
    model = ConversationListModel()
    chats = [
        Conversation(1, "pinned in a folder", 0, NOON_S - 90 * DAY_S, folder_id=7, pinned=True),
        Conversation(2, "now", 0, NOON_S),
        Conversation(3, "in a folder", 0, NOON_S, folder_id=7),
        Conversation(4, "yesterday", 0, NOON_S - DAY_S),
        Conversation(5, "this week", 0, NOON_S - 5 * DAY_S),
        Conversation(6, "long ago", 0, NOON_S - 50 * DAY_S),
    ]
    model.show(chats, date(2026, 3, 10), [Folder(7, "Work"), Folder(8, "Empty")])
    assert texts(model) == [
        "Pinned", "pinned in a folder", "Folders", "Work", "in a folder", "Empty", "Today", "now",
        "Yesterday", "yesterday", "Last 7 days", "this week", "Older", "long ago",
    ]  # fmt: skip
    spoken = [model.index(n, 0).data(Qt.ItemDataRole.AccessibleTextRole) for n in (1, 3)]
    assert spoken == ["pinned in a folder, pinned", "Folder Work, open, chats: 1"]
    model.show(chats, date(2026, 3, 10), [Folder(7, "Work", is_open=False)])
    assert "in a folder" not in texts(model)
    assert model.index(3, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "Folder Work, closed, chats: 1"


def test_pin_and_unpin_from_the_menu(window: Window) -> None:
    chat(window, "one")
    chat(window, "two")
    view = window.app.conversations
    choose(view.menu_for(row(window, "one")), "Pin to top")
    assert texts(window.app.list_model) == ["Pinned", "one", "Today", "two"]
    choose(view.menu_for(row(window, "one")), "Unpin")
    assert texts(window.app.list_model) == ["Today", "two", "one"]


def test_a_folder_is_made_named_filled_closed_and_removed(window: Window) -> None:
    chat(window, "one")
    view, model = window.app.conversations, window.app.list_model
    choose(view.menu_for(row(window, "one")), "Move to folder", "New folder")
    assert texts(model) == ["Folders", "New folder", "one"]
    editor = view.view.findChild(QLineEdit)
    assert editor is not None
    editor.setText("Work & play")
    window.qtbot.keyClick(editor, Qt.Key.Key_Return)
    window.until(lambda: "Work & play" in texts(model))
    window.qtbot.mouseClick(
        view.view.viewport(), Qt.MouseButton.LeftButton, pos=view.view.visualRect(row(window, "Work & play")).center()
    )
    assert texts(model) == ["Folders", "Work & play"]
    assert [each.is_open for each in window.app.store.folders()] == [False]
    window.qtbot.keyClick(view.view, Qt.Key.Key_Return)
    assert texts(model) == ["Folders", "Work & play", "one"]
    choose(view.menu_for(row(window, "one")), "Move to folder", "No folder")
    assert texts(model) == ["Folders", "Work & play", "Today", "one"]
    choose(view.menu_for(row(window, "one")), "Move to folder", "Work && play")
    assert texts(model) == ["Folders", "Work & play", "one"]
    choose(view.menu_for(row(window, "Work & play")), "Remove folder, keep chats")
    assert texts(model) == ["Today", "one"]


def test_a_search_hit_opens_its_message(window: Window) -> None:
    number = chat(window, "Baking", "flour", "the *Yeast* rises slowly")
    chat(window, "Other", "something else")
    view, model = window.app.conversations, window.app.list_model
    window.qtbot.keyClick(window.app.window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier | SHIFT)
    assert QApplication.focusWidget() is view.search
    window.qtbot.keyClicks(view.search, "yeast")
    window.until(lambda: texts(model) == ["Messages", "Baking"])
    hit = model.index(1, 0).data(HIT_ROLE)
    assert hit.snippet.text == "the *Yeast* rises slowly"
    spoken = model.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Baking: the *Yeast* rises slowly"
    wanted: list[int] = []
    window.app.chats.message_wanted.connect(wanted.append)
    window.qtbot.keyClick(view.search, Qt.Key.Key_Return)
    assert window.app.chats.current_id == number
    assert wanted == [hit.message_id]
    assert names(view.menu_for(model.index(1, 0))) == ["Export", "Delete"]
    window.qtbot.keyClick(view.search, Qt.Key.Key_Escape)
    assert texts(model) == ["Today", "Other", "Baking"]
    assert view.view.currentIndex().data(ID_ROLE) == number


SHIFT = Qt.KeyboardModifier.ShiftModifier


def test_only_the_newest_search_is_shown(window: Window) -> None:
    chat(window, "alpha", "first words")
    chat(window, "beta", "second words")
    found: list[str] = []
    window.app.library.search_found.connect(lambda query, _hits: found.append(query))
    for end in range(1, 6):
        window.app.conversations.search.setText("second"[:end])
    window.app.conversations.search.setText("second")
    window.until(lambda: "second" in found)
    assert found[-1] == "second"
    assert texts(window.app.list_model) == ["Messages", "beta"]


def test_a_search_does_not_hold_up_the_window(window: Window) -> None:
    number = chat(window, "Long")
    turns = window.app.store.branch(number)
    assert turns == []
    chat(window, "Many", *["many words in it " * 50] * 50)
    start_s = time.thread_time()
    window.app.library.search("many words")
    assert (time.thread_time() - start_s) / slowness() < 0.005
    window.until(lambda: window.app.list_model.rowCount() > 0)


@pytest.mark.parametrize("ending", ["md", "html", "json"])
def test_export_from_the_menu(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    chat(window, "Why: bread?", "flour 🌾")
    asked: list[str] = []

    def pick(_parent: object, _title: str, start: str, _kinds: str) -> tuple[str, str]:
        asked.append(Path(start).name)
        return str(tmp_path / "Мой чат"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", pick)
    entry = {"md": "Markdown…", "html": "Web page…", "json": "JSON, with all versions…"}[ending]
    with window.qtbot.waitSignal(window.app.library.exported):
        choose(window.app.conversations.menu_for(row(window, "Why: bread?")), "Export", entry)
    assert asked == [f"Why bread.{ending}"]
    assert "flour 🌾" in (tmp_path / "Мой чат").read_text(encoding="utf-8")
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".part"] == []
    assert "Exported to Мой чат" in window.app.window.notice._text.text()


def test_an_export_that_fails_is_told(window: Window, tmp_path: Path) -> None:
    number = chat(window, "Chat", "text")
    with window.qtbot.waitSignal(window.app.library.failed) as told:
        window.app.library.export(number, "md", tmp_path / "missing" / "chat.md")
    assert "chat.md could not be written" in told.args[0]


def test_a_fault_in_the_thread_is_told(window: Window, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    number = chat(window, "Chat", "text")
    monkeypatch.setattr("app.controllers.library.as_markdown", lambda *_: 1 / 0)
    with window.qtbot.waitSignal(window.app.library.crashed) as told:
        window.app.library.export(number, "md", tmp_path / "chat.md")
    assert "ZeroDivisionError" in told.args[0]
    assert "ZeroDivisionError" in next(iter(window.app._launch.paths.crash_reports.iterdir())).read_text()


def test_import_from_the_menu_of_the_list(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = chat(window, "Travels", "one", "two")
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(window.app.library.export_text(number, "json"), encoding="utf-8")
    bad.write_text("{}", encoding="utf-8")
    picked = [str(good), str(bad)]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (picked, ""))
    with window.qtbot.waitSignals([window.app.library.imported, window.app.library.failed]):
        choose(window.app.conversations.list_menu(), "Import chats…")
    assert texts(window.app.list_model).count("Travels") == 2
    assert "bad.json is not a chat of Espalier" in window.app.window.notice._text.text()


def test_the_menus_are_reached_by_keyboard_and_by_the_more_sign(window: Window) -> None:
    chat(window, "one")
    view = window.app.conversations
    asked: list[QModelIndex] = []
    view.view.menu_requested.disconnect()  # nothing pops up in a test
    view.view.menu_requested.connect(lambda index, _place: asked.append(index))
    view.view.setCurrentIndex(row(window, "one"))
    window.qtbot.keyClick(view.view, Qt.Key.Key_Menu)
    area = view.view.visualRect(row(window, "one"))
    window.qtbot.mouseClick(
        view.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(area.right() - 12, area.center().y())
    )
    assert asked == [row(window, "one")] * 2
    assert window.app.chats.current_id is None  # the sign opens the menu, not the chat
    assert names(view.menu_for(asked[0])) == ["Rename", "Pin to top", "Move to folder", "Export", "Delete"]
    assert names(view.list_menu()) == ["New folder", "Import chats…"]


def test_rows_stay_in_their_place_for_long_titles_and_snippets(window: Window) -> None:
    chat(window, "A title that is far too long for the list " * 3, "needle " + "and many more words " * 20)
    window.app.conversations.search.setText("needle title")
    window.app.conversations.search.setText("needle")
    window.until(lambda: texts(window.app.list_model)[:1] == ["Messages"])
    view = window.app.conversations.view
    assert view.horizontalScrollBar().maximum() == 0
    shown = view.visualRect(window.app.list_model.index(1, 0))
    assert shown.width() <= view.viewport().width()
    assert shown.height() > 60  # a title and two lines
