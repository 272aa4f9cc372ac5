"""Following the newest text, and letting go of it when the reader moves up."""

from __future__ import annotations

import re

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from app.markdown.view import TextBlock
from app.views.chat.messages import ReplyMessage
from tests.app.driver import Window

LONG_REPLY = "\n\n".join(f"Paragraph {n} with a few words in it, enough for a line." for n in range(120))


def wheel_up(window: Window) -> None:
    """Turns the wheel over the text of the reply, as the system does: the text must hand it on."""
    reply = window.app.chat.transcript.message_widgets[-1]
    text = reply.findChildren(TextBlock)[0]
    window.until(lambda: text.visibleRegion().boundingRect().height() > 20)
    place = text.mapTo(window.app.window, text.visibleRegion().boundingRect().center())
    QTest.wheelEvent(window.app.window.windowHandle(), QPointF(place), QPoint(0, 120))


def distance(window: Window) -> int:
    bar = window.app.chat.transcript.verticalScrollBar()
    return bar.maximum() - bar.value()


def test_it_follows_at_the_bottom_and_lets_go_on_an_upward_move(window: Window) -> None:
    transcript = window.app.chat.transcript
    window.script.reply = LONG_REPLY
    window.say("go on", wait=False)
    window.until(lambda: transcript.verticalScrollBar().maximum() > 600, 10_000)
    assert transcript.following
    assert distance(window) < 60  # a flush may be waiting for its layout
    wheel_up(window)
    assert not transcript.following
    kept = transcript.verticalScrollBar().value()
    high = transcript.verticalScrollBar().maximum()
    window.until(lambda: transcript.verticalScrollBar().maximum() > high + 200, 10_000)
    assert transcript.verticalScrollBar().value() == kept
    assert transcript.jump_button.isVisible()
    window.qtbot.mouseClick(transcript.jump_button, Qt.MouseButton.LeftButton)
    assert transcript.following
    assert not transcript.jump_button.isVisible()
    window.until(lambda: not window.app.chats.busy, 10_000)
    window.until(lambda: distance(window) <= 4)


def test_scrolling_back_to_the_end_follows_again(window: Window) -> None:
    transcript = window.app.chat.transcript
    window.script.reply, window.script.tokens_per_s, window.script.token_length = LONG_REPLY, 5000, 40
    window.say("go on")
    window.until(lambda: transcript.verticalScrollBar().maximum() > 600 and distance(window) <= 4)
    bar = transcript.verticalScrollBar()
    bar.setValue(bar.maximum() - 300)
    assert not transcript.following
    bar.setValue(bar.maximum())
    assert transcript.following


def test_a_long_conversation_is_built_from_its_end_without_moving_the_view(window: Window) -> None:
    conversation = window.app.store.create_conversation("Long")
    parent = None
    for number in range(120):
        role = "assistant" if number % 2 else "user"
        parent = window.app.store.add_message(conversation.id, parent, role, f"Message {number}\n\n- one\n- two").id
    window.app.chats.open(conversation.id)
    transcript = window.app.chat.transcript
    assert transcript.num_messages == 120
    assert 0 < len(transcript.message_widgets) < 60
    last = transcript.message_widgets[-1]
    assert re.fullmatch(r"Reply, \d\d:\d\d", last.accessibleName())
    assert last.accessibleDescription().startswith("Message 120 of 120. Message 119")
    window.qtbot.wait(200)  # what lies ahead is built in the meantime
    assert distance(window) <= 4
    bar = transcript.verticalScrollBar()
    bar.setValue(0)
    window.until(lambda: transcript.message_widgets[0].message.content.startswith("Message 0\n"))
    assert re.fullmatch(r"You, \d\d:\d\d", transcript.message_widgets[0].accessibleName())
    window.until(lambda: all(each is not last for each in transcript.message_widgets))  # far away: taken down
    assert len(transcript.message_widgets) < 60


def test_arrow_keys_move_between_messages(window: Window) -> None:
    window.say("one")
    window.say("two")
    widgets = window.app.chat.transcript.message_widgets
    widgets[0].setFocus()
    window.qtbot.keyClick(widgets[0], Qt.Key.Key_Down)
    assert widgets[1].hasFocus()
    window.qtbot.keyClick(widgets[1], Qt.Key.Key_Up)
    assert widgets[0].hasFocus()


def test_a_new_theme_or_text_size_keeps_the_text(window: Window) -> None:
    window.say("one")
    before = [each.text() for each in window.app.chat.transcript.message_widgets]
    window.app.chat.transcript.message_widgets[-1].setFocus()
    window.app.actions["larger"].trigger()
    window.app.theme.choose("light")
    widgets = window.app.chat.transcript.message_widgets
    assert [each.text() for each in widgets] == before
    assert isinstance(widgets[1], ReplyMessage)
    assert widgets[1].hasFocus()
    assert "first token" in widgets[1].meta.text()
    assert window.app.preferences.settings.text_scale == 1.1
    window.app.actions["normal_size"].trigger()
    assert window.app.theme.text_scale == 1.0


def test_a_theme_change_during_a_reply_goes_on_with_it(window: Window) -> None:
    window.script.tokens_per_s = 100
    window.say("one", wait=False)
    window.until(lambda: bool(window.app.chat.transcript.message_widgets[-1].text()))
    window.app.theme.choose("light")
    window.until(lambda: not window.app.chats.busy)
    widget = window.app.chat.transcript.message_widgets[-1]
    assert widget.text() == window.script.reply
