"""Errors that a chat meets: each says what happened and the way out, and its first button leads on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QPushButton

from app.views.chat.error_card import ErrorCard
from app.views.chat.messages import ReplyMessage
from engine.errors import DeviceError, EngineError, ModelFormatError, NotEnoughMemoryError, UnsupportedModelError
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
        (DeviceError("There is no card cuda:1.", "Choose another."), "Retry"),
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
