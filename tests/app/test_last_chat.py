"""The chat that was open last is open again in the next window, however the last one ended."""

from __future__ import annotations

from collections.abc import Callable

from tests.app.driver import Window

Open = Callable[..., Window]


def again(first: Window, open_window: Open) -> Window:
    """A second window, as after a kill: nothing of the first one is closed properly."""
    first.app.preferences.save_now()
    return open_window()


def opened(window: Window) -> list[str]:
    window.until(lambda: not window.app.last_chat.is_awaited)
    return [each.content for each in window.app.chats.branch()]


def test_the_last_chat_is_opened(window: Window, open_window: Open) -> None:
    window.say("One")
    window.app.new_chat()
    window.say("Two")
    second = again(window, open_window)
    assert opened(second)[0] == "Two"
    assert second.app.conversations.view.currentIndex().data() == "Two"
    window.app.conversations.opened.emit(1)
    assert opened(again(window, open_window))[0] == "One"


def test_an_empty_chat_is_what_was_open(window: Window, open_window: Open) -> None:
    window.say("One")
    window.app.new_chat()
    second = again(window, open_window)
    assert opened(second) == []
    assert second.app.chat.empty.isVisible()


def test_a_deleted_chat_and_one_that_is_not_wanted_give_a_new_one(window: Window, open_window: Open) -> None:
    window.say("One")
    window.app.preferences.update(open_last_chat=False)
    assert opened(again(window, open_window)) == []
    window.app.preferences.update(open_last_chat=True)
    window.app.preferences.update(last_chat=1)
    window.app.store.set_deleted(1, True)
    assert opened(again(window, open_window)) == []


def test_a_new_chat_that_is_asked_for_meanwhile_stays(window: Window, open_window: Open) -> None:
    window.say("One")
    window.app.preferences.save_now()
    second = open_window(load=False)
    second.app.last_chat.find()
    second.app.new_chat()
    second.app.last_chat.open()
    assert opened(second) == []
