"""Errors that a chat meets: each says what happened and the way out, and its first button leads on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QPushButton

from app.views.chat.error_card import ErrorCard
from app.views.chat.messages import ReplyMessage
from engine.errors import (
    ContextTooLongError,
    DeviceError,
    EngineError,
    ModelFormatError,
    NotEnoughMemoryError,
    UnsupportedModelError,
)
from tests.app.driver import Window

Open = Callable[..., Window]


def banner(window: Window) -> ErrorCard:
    window.until(lambda: any(not isinstance(card.parent(), ReplyMessage) for card in cards(window)))
    return next(card for card in cards(window) if not isinstance(card.parent(), ReplyMessage))


def cards(window: Window) -> list[ErrorCard]:
    return [card for card in window.app.chat.findChildren(ErrorCard) if card.isVisible()]


def verbs(card: ErrorCard) -> set[str]:
    return {button.text() for button in card.findChildren(QPushButton) if button.isVisible()}


@pytest.mark.parametrize(
    ("error", "verb"),
    [
        (NotEnoughMemoryError("The model needs 13.1 GB.", "Close other programs.", 8192), "Load with 8,192 tokens"),
        (ModelFormatError("model.safetensors is damaged.", "Download it again."), "Open another folder…"),
        (UnsupportedModelError("The architecture X is not supported.", "Choose another."), "Open another folder…"),
        (DeviceError("There is no card cuda:1.", "Choose another."), "Load on the processor"),
    ],
)
def test_a_failed_load_offers_what_helps(open_window: Open, error: EngineError, verb: str) -> None:
    window = open_window(load=False)
    window.script.load_error = error
    window.app.load(window.model)
    assert verb in verbs(banner(window))


def test_retry_loads_the_model_that_was_dropped(window: Window) -> None:
    """After a fault of the card no model is there; the button brings it back and asks again."""
    window.script.step_bug = RuntimeError("CUDA error: unspecified launch failure")
    window.say("Hello")
    window.until(lambda: window.app.models.info is None)
    window.script.step_bug = None
    reply = window.app.chat.transcript.findChildren(ReplyMessage)[-1]
    assert reply.error_card is not None
    reply.error_card.retry_button.click()
    window.until(lambda: window.app.chats.busy)
    window.until(lambda: not window.app.chats.busy)
    messages = window.app.chat.transcript.messages
    assert messages[-1].error is None
    assert messages[-1].content


def test_retry_without_any_model_says_so(open_window: Open) -> None:
    window = open_window(load=False)
    window.app.control.retry()
    assert window.app.window.notice.isVisible()


def test_a_missing_card_leads_to_the_processor_this_once(open_window: Open) -> None:
    window = open_window(load=False)
    window.script.load_error = DeviceError("There is no card cuda:1.", "Choose another.")
    window.app.load(window.model)
    button = next(each for each in banner(window).findChildren(QPushButton) if each.text() == "Load on the processor")
    before = window.app.preferences.settings.device
    button.click()
    window.until(lambda: len(window.script.loads) == 2)
    assert window.script.loads[-1].device == "cpu"
    assert window.app.preferences.settings.device == before
    window.until(lambda: window.app.models.error is not None)
    assert "Load on the processor" not in verbs(banner(window))  # it was there already
    window.script.load_error = None
    window.app.models.load(window.model)
    window.ready()
    assert window.script.loads[-1].device == "auto"


def reply_card(window: Window) -> ErrorCard:
    reply = window.app.chat.transcript.message_widgets[-1]
    assert isinstance(reply, ReplyMessage)
    assert reply.error_card is not None
    return reply.error_card


def press(card: ErrorCard, verb: str) -> None:
    next(each for each in card.findChildren(QPushButton) if each.text() == verb).click()


def test_a_full_context_can_be_cut_from_the_error(window: Window) -> None:
    window.say("first")
    window.script.step_error = ContextTooLongError("The conversation has 5,000 tokens.", "Shorten it.")
    window.say("second")
    offered = {"Leave out the oldest messages", "Choose a larger context", "Retry"}
    window.until(lambda: verbs(reply_card(window)) >= offered)
    window.script.step_error = None
    window.app.chat.composer.set_text("a draft that is not sent by this")
    press(reply_card(window), "Leave out the oldest messages")
    window.until(lambda: window.app.chats.busy)
    window.until(lambda: not window.app.chats.busy)
    assert window.script.requests[-1].when_full == "drop_oldest"
    assert window.app.chat.transcript.messages[-1].error is None
    assert window.app.chat.composer.input.toPlainText() == "a draft that is not sent by this"


def test_a_message_that_is_too_long_alone_leads_to_a_larger_context(window: Window) -> None:
    window.script.step_error = ContextTooLongError("The last message is too long.", "Shorten it.", can_be_cut=False)
    window.say("long")
    assert "Leave out the oldest messages" not in verbs(reply_card(window))
    window.app.window.close_inspector()
    press(reply_card(window), "Choose a larger context")
    assert window.app.inspector.isVisible()
    assert window.app.window.focusWidget() is window.app.inspector.load_panel.context


def test_the_buttons_are_there_when_the_chat_is_opened_again(window: Window) -> None:
    window.say("first")
    window.script.step_error = ContextTooLongError("The conversation has 5,000 tokens.", "Shorten it.")
    window.say("second")
    chat = window.app.chats.current_id
    assert chat is not None
    window.app.new_chat()
    window.app.chats.open(chat)
    assert "Leave out the oldest messages" in verbs(reply_card(window))
