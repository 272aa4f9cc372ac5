"""What was deleted or moved comes back, from the note and after it; a note gives who points at it time."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication

from app.views.notice import SHOWN_MS
from app.views.pages import Page
from tests.app.driver import Window


def words(window: Window) -> list[str]:
    return [each.content for each in window.app.chats.branch()]


def test_deletes_are_undone_in_turn_after_the_note_is_gone(window: Window) -> None:
    window.say("One")
    window.say("Two")
    whole = words(window)
    chat = window.app.chats.current_id
    assert chat is not None
    for number in (3, 2):
        window.app.chats.delete_message(window.app.chats.branch()[number].id)
    window.app.library_presenter.delete(chat)
    window.app.window.notice.hide()
    undo = window.app.actions["undo"]
    undo.trigger()
    assert window.app.chats.current_id == chat
    assert words(window) == whole[:2]
    undo.trigger()
    assert words(window) == whole[:3]
    window.app.new_chat()
    undo.trigger()  # the chat of the message is opened
    assert words(window) == whole
    undo.trigger()
    assert "nothing" in window.app.window.notice._text.text()
    assert words(window) == whole


def test_a_note_that_was_followed_is_not_undone_again(window: Window) -> None:
    window.say("One")
    window.app.chats.delete_message(window.app.chats.branch()[1].id)
    window.app.window.notice.button.click()
    assert len(words(window)) == 2
    window.app.chats.delete_message(window.app.chats.branch()[1].id)
    window.app.actions["undo"].trigger()
    window.app.actions["undo"].trigger()
    assert len(words(window)) == 2


def test_a_note_has_its_whole_time_when_somebody_points_at_it(window: Window) -> None:
    notice = window.app.window.notice
    notice._timer.setTimerType(Qt.TimerType.PreciseTimer)  # of another one only 95 % of the time can be known
    notice.say("Read me")
    window.qtbot.wait(SHOWN_MS // 10)
    before = notice._timer.remainingTime()
    place = QPointF(5, 5)
    QApplication.sendEvent(notice, QEnterEvent(place, place, place))
    assert notice._timer.remainingTime() - before > SHOWN_MS // 25
    notice.say("Important", stay=True)
    QApplication.sendEvent(notice, QEnterEvent(place, place, place))
    assert not notice._timer.isActive()


def test_a_note_stands_over_the_chat_or_over_the_page(window: Window) -> None:
    notice, area, chat = window.app.window.notice, window.app.window.page_area, window.app.chat
    notice.say("Here")
    middle = chat.mapTo(area, chat.rect().center()).x()
    assert abs(notice.geometry().center().x() - middle) <= 1
    window.app.window.show_page(Page.MODELS)
    notice.say("There")
    assert abs(notice.geometry().center().x() - area.rect().center().x()) <= 1


def test_a_new_folder_for_a_pinned_chat_has_it(window: Window) -> None:
    window.say("One")
    chat = window.app.chats.current_id
    assert chat is not None
    window.app.library.set_pinned(chat, True)
    window.app.library_presenter.make_folder(chat)
    stored = window.app.store.conversation(chat)
    assert stored is not None
    assert stored.folder_id is not None
    assert not stored.pinned
