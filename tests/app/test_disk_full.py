"""A disk without room: said with a button, tried again, and nothing is lost."""

from __future__ import annotations

import sqlite3

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLabel

from app.storage.conversations import ConversationStore
from tests.app.driver import Window


def refuse(*_: object, **__: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


def note(window: Window) -> str:
    shown = window.app.window.notice
    return " ".join(each.text() for each in shown.findChildren(QLabel)) if shown.isVisible() else ""


def test_a_reply_that_cannot_be_saved_is_kept_until_there_is_room(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    with monkeypatch.context() as full:
        full.setattr(ConversationStore, "save_reply", refuse)
        full.setattr(ConversationStore, "finish_reply", refuse)
        window.say("Hello")
        assert "disk is full" in note(window)
        button = window.app.window.notice.button
        assert button.text() == "Open the folder"
        button.click()
        assert opened[0].toLocalFile() == str(window.app.store.path.parent)
        assert "disk is full" in note(window)  # it still is
    window.until(lambda: "saved now" in note(window))
    chat = window.app.chats.current_id
    assert chat is not None
    assert window.app.store.branch(chat)[-1].content == window.script.reply
    assert window.app.store.branch(chat)[-1].state == "complete"
