"""The context meter, the choice when a chat is full, and a count that neither waits for a reply nor holds one up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from app.controllers.prompt import first_seen, last_cut, prompt_messages
from app.prompt_counter import PromptCounter
from app.storage.records import ReplyStats, StoredMessage
from app.views.widgets import Meter
from engine.errors import ChatTemplateError
from engine.events import PromptCounted
from engine.requests import GenerateRequest, Message, Role
from tests.app.driver import Window

CONTEXT = 400  # of which 50 are kept for the reply


@pytest.fixture
def small(open_window: Callable[..., Window], script: Any) -> Window:
    """A window with a small context; a word is a token and a reply has 20."""
    script.context_tokens = CONTEXT
    script.reply = "word " * 20
    script.token_length = 100
    return open_window()


def settled(window: Window, tokens: int) -> None:
    window.until(lambda: window.app.control.context.state.used_tokens == tokens)


def fill(window: Window) -> None:
    """Turns of 120, 120 and 40 tokens with replies of 20: 340 tokens."""
    for number in range(3):
        window.say(f"turn{number} " + "w " * (119 if number < 2 else 39))
    settled(window, 120 + 120 + 40 + 60)


def lines(window: Window) -> list[int]:
    """The messages on view with a line above them."""
    return [each.message.id for each in window.app.chat.transcript.message_widgets if each.cut_line is not None]


def type_draft(window: Window, text: str) -> None:
    window.app.chat.composer.input.setPlainText(text)


def test_the_meter_counts_the_draft_as_one_types(small: Window) -> None:
    row = small.app.chat.context_row
    type_draft(small, "one two three")
    settled(small, 3)
    assert row.words.isVisible()
    assert row.words.text() == f"3 of {CONTEXT} tokens"
    assert row.words.accessibleName() == f"3 of {CONTEXT} tokens, with what you write"
    small.app.inspector.system_prompt.setPlainText("Be short.")
    settled(small, 5)
    type_draft(small, "")
    settled(small, 2)


def test_a_burst_of_keys_is_counted_once(small: Window) -> None:
    small.qtbot.keyClicks(small.app.chat.composer.input, "a b c d e f g h")
    settled(small, 8)
    assert len([each for each in small.script.counts if each.messages[-1].content]) <= 2


def test_no_model_no_meter(open_window: Callable[..., Window]) -> None:
    window = open_window(load=False)
    type_draft(window, "one two three")
    window.qtbot.wait(300)
    assert not window.app.chat.context_row.words.isVisible()


def test_the_meter_grows_with_the_reply_and_is_the_only_one(small: Window) -> None:
    small.script.token_length, small.script.tokens_per_s = 5, 12
    small.say("one two", wait=False)
    seen: list[int | None] = []
    small.app.control.context.changed.connect(lambda: seen.append(small.app.control.context.state.used_tokens))
    small.until(lambda: not small.app.chats.busy)
    grown = [each for each in seen if each is not None and each > 2]
    assert len(set(grown)) >= 3
    assert grown == sorted(grown)
    settled(small, 22)
    names = [each.accessibleName() for each in small.app.window.findChildren(Meter) if each.isVisible()]
    assert [name for name in names if "ontext" in name] == ["Context with this message"]


def test_a_late_count_does_not_set_the_meter_back(small: Window) -> None:
    small.script.token_length, small.script.tokens_per_s = 5, 12
    small.script.hold_count = threading.Event()
    context = small.app.control.context
    small.say("one two", wait=False)
    small.until(lambda: (context.state.used_tokens or 0) > 8)
    context.recount()
    small.qtbot.wait(300)  # the count has begun and hangs
    seen: list[int] = []
    context.changed.connect(lambda: seen.append(context.state.used_tokens or 0))
    small.script.hold_count.set()
    small.until(lambda: not small.app.chats.busy)
    assert seen == sorted(seen)
    assert seen[0] > 8
    settled(small, 22)


def test_a_reply_elsewhere_says_nothing_of_this_chat(small: Window) -> None:
    small.script.token_length, small.script.tokens_per_s = 5, 12
    context = small.app.control.context
    small.say("one two", wait=False)
    small.until(lambda: (context.state.used_tokens or 0) > 8)
    chat = small.app.chats.current_id
    small.app.chats.new_chat()
    small.until(lambda: small.app.chats._replies.running_in(chat) is None)
    small.say("one", wait=False)  # before the engine has begun, the other reply is the last that it told of
    assert small.app.chats.busy
    assert (context._live_tokens() or 0) < 8


def test_the_meter_grows_with_the_reply_while_a_draft_is_written(small: Window) -> None:
    small.script.token_length, small.script.tokens_per_s = 5, 12
    small.say("one two", wait=False)
    small.until(lambda: "word word" in small.app.chats.branch()[-1].content)
    type_draft(small, "three four five")
    context = small.app.control.context
    small.until(lambda: context._ahead is not None)
    seen: list[int] = []
    context.changed.connect(lambda: seen.append(context.state.used_tokens or 0))
    small.until(lambda: not small.app.chats.busy)
    assert len(set(seen)) >= 3
    assert seen == sorted(seen)
    settled(small, 25)
    small.say("again", wait=False)
    small.until(lambda: "word" in small.app.chats.branch()[-1].content)
    assert context._ahead is None  # the next reply begins anew


def test_a_chat_that_cannot_be_counted_shows_no_figure(small: Window) -> None:
    small.script.count_error = ChatTemplateError("No template.", "Get one.")
    type_draft(small, "one two three")
    small.until(lambda: small.app.control.context.state.used_tokens is None)
    assert not small.app.chat.context_row.words.isVisible()
    assert not small.app.chat.full_notice.isVisible()


def test_a_reply_goes_on_while_a_count_hangs(small: Window) -> None:
    type_draft(small, "one")
    settled(small, 1)
    small.script.hold_count = threading.Event()
    type_draft(small, "one two")
    small.qtbot.wait(300)  # the count has begun and hangs
    small.say("one two")  # a whole reply, meanwhile
    assert small.app.chats.branch()[-1].state == "complete"
    small.script.hold_count.set()
    settled(small, 22)
    assert len(small.script.threads) == 2  # the engine's and the one that counts


def test_the_draft_is_counted_while_a_reply_runs(small: Window) -> None:
    small.script.token_length = 5
    small.script.tokens_per_s = 10
    small.say("one two", wait=False)
    small.until(lambda: "word" in small.app.chats.branch()[-1].content)
    type_draft(small, "three four five")
    small.until(lambda: (small.app.control.context.state.used_tokens or 0) >= 6)
    assert small.app.chats.busy
    small.app.chats.stop()
    small.until(lambda: not small.app.chats.busy)
    whole = 5 + len(small.app.chats.branch()[-1].content.split())
    settled(small, whole)


def test_the_choice_is_shown_before_sending_and_the_message_stays(small: Window) -> None:
    fill(small)
    notice, composer = small.app.chat.full_notice, small.app.chat.composer
    assert not notice.isVisible()
    type_draft(small, "last " * 80)
    small.until(notice.isVisible)
    assert "420 tokens" in notice.words.text()
    assert "400" in notice.words.text()
    assert notice.drop_button.text() == "Leave out the oldest 2 messages"
    requests = len(small.script.requests)
    composer.submit()
    assert len(small.script.requests) == requests
    assert composer.input.toPlainText().split() == ["last"] * 80  # not lost
    small.qtbot.mouseClick(notice.stop_button, Qt.MouseButton.LeftButton)
    assert not notice.isVisible()
    composer.submit()
    assert notice.isVisible()  # sending is refused visibly
    assert small.app.chats.branch()[-1].role == "assistant"


def test_the_oldest_turns_are_left_out_when_the_user_says_so(small: Window) -> None:
    small.app.inspector.system_prompt.setPlainText("Be short.")
    small.app.inspector.flush()
    for number in range(3):
        small.say(f"turn{number} " + "w " * (119 if number < 2 else 39))
    settled(small, 342)
    type_draft(small, "last " * 80)
    small.until(small.app.chat.full_notice.isVisible)
    small.qtbot.mouseClick(small.app.chat.full_notice.drop_button, Qt.MouseButton.LeftButton)
    assert not small.app.chat.full_notice.isVisible()
    assert small.app.chat.context_row.words.text() == "282 of 400 tokens · oldest 2 left out"
    cuts: list[int] = []
    small.app.control.context.cut_changed.connect(cuts.append)
    small.app.chat.composer.submit()
    small.until(lambda: not small.app.chats.busy)
    request = small.script.requests[-1]
    assert request.when_full == "drop_oldest"
    assert request.messages[0] == Message("system", "Be short.")
    branch = small.app.chats.branch()
    assert branch[-1].stats is not None
    assert branch[-1].stats.dropped_messages == 2
    assert cuts[-1] == branch[2].id
    transcript = small.app.chat.transcript
    assert lines(small) == [branch[2].id]
    widget = transcript.widget_of(branch[2].id)
    assert widget is None or "written without the messages above" in widget.accessibleName()
    chat = small.app.chats.current_id
    assert chat is not None
    small.app.new_chat()
    assert cuts[-1] == 0
    small.app.chats.open(chat)
    assert cuts[-1] == branch[2].id
    transcript.go_to(branch[2].id)
    small.until(lambda: lines(small) == [branch[2].id])  # the line is there again
    type_draft(small, "more")
    small.until(lambda: small.app.control.context.state.dropped_messages == 2)
    assert not small.app.chat.full_notice.isVisible()  # said once for this chat


def test_enter_on_the_choice_sends_what_was_held_back(small: Window) -> None:
    fill(small)
    composer, notice = small.app.chat.composer, small.app.chat.full_notice
    type_draft(small, "last " * 80)
    small.until(notice.isVisible)
    small.qtbot.keyClick(composer.input, Qt.Key.Key_Return)
    small.until(notice.drop_button.hasFocus)
    held = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, "\r", True)
    QApplication.sendEvent(notice.drop_button, held)
    assert notice.isVisible()  # a key that is held says nothing
    small.qtbot.keyClick(notice.drop_button, Qt.Key.Key_Return)
    small.until(lambda: len(small.script.requests) == 4 and not small.app.chats.busy)
    assert composer.input.toPlainText() == ""
    assert small.script.requests[-1].messages[-1].content.split() == ["last"] * 80


def test_a_refused_request_is_asked_for_again_when_the_cut_is_accepted(small: Window) -> None:
    fill(small)
    small.app.chats.send("last " * 80)  # as when a message is sent before it was counted
    small.until(lambda: not small.app.chats.busy)
    assert small.app.chats.branch()[-1].error is not None
    small.until(small.app.chat.full_notice.isVisible)
    small.qtbot.mouseClick(small.app.chat.full_notice.drop_button, Qt.MouseButton.LeftButton)
    small.until(lambda: not small.app.chats.busy and small.app.chats.branch()[-1].error is None)
    reply = small.app.chats.branch()[-1]
    assert reply.content.split() == ["word"] * 20
    assert reply.stats is not None
    assert reply.stats.dropped_messages == 2


def test_always_leaving_out_asks_nobody(small: Window) -> None:
    fill(small)
    small.app.preferences.update(when_full="drop_oldest")
    small.say("last " * 80)
    assert small.script.requests[-1].when_full == "drop_oldest"
    assert small.app.chats.branch()[-1].error is None


def test_a_message_that_is_too_long_by_itself_is_said_to_be(small: Window) -> None:
    type_draft(small, "long " * 500)
    small.until(small.app.chat.full_notice.isVisible)
    assert "alone does not fit" in small.app.chat.full_notice.words.text()
    assert not small.app.chat.full_notice.drop_button.isVisible()
    small.app.chat.composer.submit()
    assert small.script.requests == []


# -- parts ------------------------------------------------------------------------------------------------------------


def stored(number: int, role: Role, content: str, dropped: int | None = None) -> StoredMessage:
    stats = None if dropped is None else ReplyStats(1.0, 1.0, 1, "stop_token", 7, dropped)
    return StoredMessage(number, 1, number - 1 or None, role, content, 0.0, stats=stats)


def test_the_first_seen_message_is_found_through_joined_turns() -> None:
    branch = [
        stored(1, "user", "a"),
        stored(2, "assistant", ""),  # failed: the two turns of the user are one
        stored(3, "user", "b"),
        stored(4, "assistant", "c"),
        stored(5, "user", "d"),
        stored(6, "assistant", "e", dropped=2),
    ]
    assert [each.content for each in prompt_messages("", branch)] == ["a\n\nb", "c", "d", "e"]
    assert first_seen(branch, 2) == 5
    assert first_seen(branch, 0) is None
    assert first_seen(branch, 9) is None
    assert last_cut(branch) == 5
    assert last_cut(branch[:5]) is None


def test_only_the_last_question_is_answered(qtbot: Any) -> None:
    asked: list[int] = []
    gate = threading.Event()

    class Slow:
        def count(self, request: GenerateRequest) -> PromptCounted:
            asked.append(request.request_id)
            gate.wait(5)
            return PromptCounted(request.request_id, 1, 10)

    counter = PromptCounter(lambda: Slow())
    answers: list[PromptCounted] = []
    counter.counted.connect(answers.append)
    for number in range(50):
        counter.ask(GenerateRequest(number, prompt="x"))
        if number == 0:
            qtbot.waitUntil(lambda: asked == [0])
    gate.set()
    qtbot.waitUntil(lambda: len(answers) == 2)
    assert asked == [0, 49]
    assert counter.shut_down()
    counter.ask(GenerateRequest(99, prompt="x"))
    assert asked == [0, 49]
