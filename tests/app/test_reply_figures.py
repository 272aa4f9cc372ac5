"""The line of figures under a reply: on one line wherever there is room for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.views.chat.messages import ReplyMessage
from tests.app.driver import Window


def last_reply(window: Window) -> ReplyMessage:
    reply = window.app.chat.transcript.message_widgets[-1]
    assert isinstance(reply, ReplyMessage)
    return reply


@pytest.mark.parametrize("width", [520, 700, 900, 1400])
@pytest.mark.parametrize("versions", [1, 2])
def test_the_figures_are_on_one_line(open_window: Callable[..., Window], width: int, versions: int) -> None:
    window = open_window(width=width)
    window.say("Why?")
    for _ in range(versions - 1):
        window.app.chats.regenerate()
        window.until(lambda: not window.app.chats.busy)
    reply = last_reply(window)
    words = reply.meta.fontMetrics().horizontalAdvance(reply.meta.text())
    assert "stopped by itself" in reply.meta.text()
    assert (reply.versions is not None) == (versions > 1)
    beside = [each for each in (reply.action_bar, reply.versions) if each is not None]

    def is_tidy() -> bool:
        line, places = reply.meta.geometry(), [each.geometry() for each in beside]
        inside = all(each.right() <= reply.contentsRect().right() for each in (line, *places))
        apart = not any(line.intersects(each) for each in places)
        return line.width() >= words and inside and apart and all(each.bottom() < reply.height() for each in places)

    window.until(is_tidy)  # once the layouts have come to rest


def test_the_figures_change_their_place_with_the_width(open_window: Callable[..., Window]) -> None:
    window = open_window(width=1400)
    window.say("Why?")
    reply = last_reply(window)
    window.until(lambda: reply.meta.geometry().intersected(reply.action_bar.geometry()).isEmpty())

    def is_above() -> bool:
        return reply.meta.geometry().bottom() < reply.action_bar.geometry().top()

    assert not is_above()
    window.app.window.resize(480, 800)
    window.until(is_above)
    window.app.window.resize(1400, 800)
    window.until(lambda: not is_above())
