"""What asks for a reply when no model is loaded: the last one is loaded first, or a way to one is offered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.views.chat.message_actions import CONTINUE, REGENERATE, REPLY
from tests.app.driver import Window


def unload(window: Window) -> None:
    window.app.models.unload()
    window.until(lambda: window.app.models.info is None and not window.app.models.is_ready)


def answered(window: Window) -> None:
    window.until(lambda: window.app.chats.busy)
    window.until(lambda: not window.app.chats.busy)


def press(window: Window, number: int, action: str) -> None:
    window.app.chat.transcript.message_widgets[number].action_bar.button(action).click()


def test_regenerate_loads_the_model_and_asks(window: Window) -> None:
    window.say("Hello")
    first = window.app.chats.branch()[-1].id
    unload(window)
    press(window, 1, REGENERATE)
    assert window.app.window.notice.isVisible()
    answered(window)
    branch = window.app.chats.branch()
    assert len(branch) == 2
    assert branch[-1].id != first


def test_continue_loads_the_model_and_goes_on(window: Window) -> None:
    window.say("Hello")
    before = window.app.chats.branch()[-1]
    unload(window)
    press(window, 1, CONTINUE)
    answered(window)
    after = window.app.chats.branch()[-1]
    assert after.id == before.id
    assert after.content.startswith(before.content)
    assert len(after.content) > len(before.content)


@pytest.mark.parametrize("words", ["Good morning", "Hello"])
def test_an_edited_turn_is_kept_at_once_and_answered_when_the_model_is_there(window: Window, words: str) -> None:
    window.say("Hello")
    window.say("And?")
    unload(window)
    turn = window.app.chats.branch()[0]
    window.app.chat.transcript.edit_submitted.emit(turn.id, words)
    if words != "Hello":
        assert [each.content for each in window.app.chats.branch()] == [words]
    answered(window)
    branch = window.app.chats.branch()
    assert [each.role for each in branch] == ["user", "assistant"]
    assert branch[0].content == words


def test_an_edited_reply_needs_no_model(window: Window) -> None:
    window.say("Hello")
    unload(window)
    window.app.chat.transcript.edit_submitted.emit(window.app.chats.branch()[1].id, "Better words")
    assert window.app.chats.branch()[1].content == "Better words"
    assert window.app.models.loading_path is None


def test_keys_ask_too(window: Window) -> None:
    window.say("Hello")
    unload(window)
    action = window.app.actions["regenerate"]
    assert action.isEnabled()
    action.trigger()
    answered(window)
    assert window.app.chats.branch()[-1].content


def test_what_waits_for_the_model_is_dropped_when_another_chat_is_opened(window: Window) -> None:
    window.say("Hello")
    unload(window)
    press(window, 1, REGENERATE)
    window.app.new_chat()
    window.ready()
    window.qtbot.wait(100)
    assert not window.app.chats.busy


def test_without_any_model_a_way_to_one_is_offered(
    open_window: Callable[..., Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(load=False)
    asked: list[bool] = []
    monkeypatch.setattr("app.application.QFileDialog.getExistingDirectory", lambda *_: asked.append(True) or "")
    window.app.control.regenerate(1)
    notice = window.app.window.notice
    assert notice.button.isVisible()
    notice.button.click()
    assert asked


def test_a_turn_without_a_reply_can_be_answered(window: Window) -> None:
    window.say("Hello")
    turn, reply = window.app.chats.branch()
    window.app.chats.delete_message(reply.id)
    widgets = window.app.chat.transcript.message_widgets
    assert [each.message.id for each in widgets] == [turn.id]
    bar = widgets[0].action_bar
    assert not bar.button(REPLY).isHidden()
    press(window, 0, REPLY)
    answered(window)
    assert [each.role for each in window.app.chats.branch()] == ["user", "assistant"]
    assert window.app.chat.transcript.message_widgets[0].action_bar.button(REPLY).isHidden()
    assert window.app.chat.composer.input.hasFocus()
