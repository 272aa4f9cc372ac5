"""A conversation from the composer to the store, with keyboard and mouse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.storage.records import ErrorText, StoredMessage
from app.views.chat.message_widget import MessageWidget
from app.views.chat.messages import ReplyMessage
from app.views.chip import Chip
from engine.errors import ContextTooLongError
from tests.app.driver import Window
from tests.fakes.fake_session import DEFAULT_REPLY


def last_reply(window: Window) -> ReplyMessage:
    widget = window.app.chat.transcript.message_widgets[-1]
    assert isinstance(widget, ReplyMessage)
    return widget


def branch(window: Window) -> list[StoredMessage]:
    assert window.app.chats.current_id is not None
    return window.app.store.branch(window.app.chats.current_id)


def test_enter_sends_and_the_reply_streams_into_view_and_store(window: Window) -> None:
    composer = window.app.chat.composer
    window.qtbot.keyClicks(composer.input, "How does a bicycle")
    window.qtbot.keyClick(composer.input, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    window.qtbot.keyClicks(composer.input, "stay upright?")
    window.qtbot.keyClick(composer.input, Qt.Key.Key_Return)
    assert composer.input.toPlainText() == ""
    turn = branch(window)[0]
    assert turn.content == "How does a bicycle\nstay upright?"  # on disk before the reply
    window.until(lambda: not window.app.chats.busy)
    reply = branch(window)[1]
    assert reply.content == DEFAULT_REPLY * 3
    assert reply.state == "complete"
    assert reply.model_name == window.model.name
    assert last_reply(window).text() == reply.content
    assert "stopped by itself" in last_reply(window).meta.text()
    assert "first token 0.3 s" in last_reply(window).meta.text()
    assert "steers" in next(last_reply(window).view.text_widgets()).toPlainText()
    assert window.app.store.conversations()[0].title == "How does a bicycle"


def test_the_next_request_carries_the_whole_conversation_and_the_system_prompt(window: Window) -> None:
    window.app.inspector.system_prompt.setPlainText("Answer in rhymes.")
    window.say("one")
    window.say("two")
    roles = [(m.role, m.content) for m in window.script.requests[-1].messages]
    reply = (DEFAULT_REPLY * 3).strip()
    assert [(role, text.strip()) for role, text in roles] == [
        ("system", "Answer in rhymes."),
        ("user", "one"),
        ("assistant", reply),
        ("user", "two"),
    ]


def test_esc_stops_the_reply_and_what_arrived_stays(window: Window) -> None:
    window.script.reply = DEFAULT_REPLY * 100
    window.script.tokens_per_s = 200
    window.say("go on for long", wait=False)
    window.until(lambda: len(last_reply(window).text()) > 40)
    assert window.app.chat.composer.button.accessibleName() == "Stop"
    window.qtbot.keyClick(window.app.chat.composer.input, Qt.Key.Key_Escape)
    window.until(lambda: not window.app.chats.busy, 1000)
    reply = branch(window)[1]
    assert 40 < len(reply.content) < len(window.script.reply)
    assert "stopped by you" in last_reply(window).meta.text()
    assert window.app.chat.composer.button.accessibleName() == "Send"


def test_the_stop_button_stops_too(window: Window) -> None:
    window.script.reply = DEFAULT_REPLY * 100
    window.say("go on for long", wait=False)
    window.until(lambda: bool(last_reply(window).text()))
    window.qtbot.mouseClick(window.app.chat.composer.button, Qt.MouseButton.LeftButton)
    window.until(lambda: not window.app.chats.busy, 1000)


def test_a_running_reply_is_saved_within_a_second(window: Window) -> None:
    window.script.reply = DEFAULT_REPLY * 200
    window.say("go on for long", wait=False)
    window.until(lambda: len(branch(window)[-1].content) > 100, 2000)
    assert window.app.chats.busy
    assert branch(window)[-1].state == "streaming"


def test_an_error_becomes_a_card_with_a_way_out_and_retry_works(window: Window) -> None:
    window.script.step_error = ContextTooLongError("The prompt has 9,000 tokens.", "Start a new chat.")
    window.say("too much")
    card = last_reply(window).error_card
    assert card is not None
    window.qtbot.mouseClick(card.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "The prompt has 9,000 tokens.\nStart a new chat."
    assert branch(window)[-1].error == ErrorText("The prompt has 9,000 tokens.", "Start a new chat.", "full_context")
    window.script.step_error = None
    window.qtbot.mouseClick(card.retry_button, Qt.MouseButton.LeftButton)
    window.until(lambda: not window.app.chats.busy)
    assert last_reply(window).error_card is None
    assert last_reply(window).text() == DEFAULT_REPLY * 3
    assert len(window.app.chat.transcript.message_widgets) == 2


def test_an_error_in_the_middle_keeps_the_text(window: Window) -> None:
    window.script.step_error = ContextTooLongError("The cache is full.", "Start a new chat.")
    window.script.fail_after_tokens = 5
    window.say("long")
    assert branch(window)[-1].content == (DEFAULT_REPLY * 3)[:20]
    assert last_reply(window).error_card is not None


def test_a_refused_request_becomes_a_card(window: Window) -> None:
    window.script.submit_error = ContextTooLongError("Too long.", "Shorten it.")
    window.say("too much")
    assert last_reply(window).error_card is not None


def test_turns_after_a_failed_reply_still_alternate(window: Window) -> None:
    window.script.step_error = ContextTooLongError("Too long.", "Shorten it.")
    window.say("first")
    window.script.step_error = None
    window.say("second")
    assert [(m.role, m.content) for m in window.script.requests[-1].messages] == [("user", "first\n\nsecond")]


def test_regenerate_keeps_the_old_reply_in_the_tree(window: Window) -> None:
    window.say("hello")
    old = branch(window)[1]
    window.script.reply = "Another answer."
    window.app.actions["regenerate"].trigger()
    window.until(lambda: not window.app.chats.busy)
    assert [m.content for m in branch(window)] == ["hello", "Another answer."]
    kept = window.app.store.message(old.id)
    assert kept is not None
    assert kept.parent_id == branch(window)[1].parent_id


def test_a_reply_goes_on_while_another_chat_is_open(window: Window) -> None:
    window.script.tokens_per_s = 100
    window.say("first chat", wait=False)
    window.until(lambda: bool(last_reply(window).text()))
    first = window.app.chats.current_id
    assert first is not None
    window.app.actions["new_chat"].trigger()
    assert not window.app.chats.busy
    window.app.chats.open(first)
    assert window.app.chats.busy
    assert last_reply(window).text()
    window.until(lambda: not window.app.chats.busy)
    assert last_reply(window).text() == DEFAULT_REPLY * 3


def test_an_example_goes_into_the_composer(window: Window) -> None:
    chips = [b for b in window.app.chat.empty.findChildren(Chip) if b.isVisible()]
    assert len(chips) == 3
    window.qtbot.mouseClick(chips[0], Qt.MouseButton.LeftButton)
    assert window.app.chat.composer.input.toPlainText() == chips[0].text()


def test_the_composer_grows_to_eight_lines(window: Window) -> None:
    entry = window.app.chat.composer.input
    heights = []
    for lines in (1, 4, 8, 20):
        entry.setPlainText("\n".join("line" for _ in range(lines)))
        heights.append(entry.height())
    assert heights[0] < heights[1] < heights[2] == heights[3]
    assert heights[2] > 6 * heights[0]


def test_copy_takes_the_source_of_a_message(window: Window) -> None:
    window.say("hello")
    last_reply(window).copy_button.click()
    assert QGuiApplication.clipboard().text() == DEFAULT_REPLY * 3


def test_actions_appear_on_hover_or_focus_without_moving_anything(window: Window) -> None:
    window.say("hello")
    widget: MessageWidget = last_reply(window)
    window.qtbot.wait(20)
    before = widget.height()
    assert not widget.action_bar.isVisible()
    widget.setFocus()
    assert widget.action_bar.isVisible()
    window.qtbot.wait(20)
    assert widget.height() == before
    window.app.chat.composer.input.setFocus()
    assert not widget.action_bar.isVisible()


def test_sampling_of_the_inspector_reaches_the_request_and_stays_with_the_chat(window: Window) -> None:
    assert window.app.inspector.fields["temperature"].value() == 0.5  # what the model recommends
    window.app.inspector.fields["temperature"].editor.setValue(1.25)  # type: ignore[union-attr]
    window.app.inspector.fields["seed"].editor.setText("42")  # type: ignore[union-attr]
    window.app.inspector.fields["seed"].editor.editingFinished.emit()  # type: ignore[union-attr]
    window.say("hello")
    sampling = window.script.requests[-1].sampling
    assert (sampling.temperature, sampling.seed, sampling.top_k) == (1.25, 42, 40)
    chat = window.app.chats.current_id
    window.app.actions["new_chat"].trigger()
    assert window.app.inspector.fields["temperature"].value() == 0.5
    assert chat is not None
    window.app.chats.open(chat)
    assert window.app.inspector.fields["temperature"].value() == 1.25
    window.qtbot.mouseClick(window.app.inspector.reset_button, Qt.MouseButton.LeftButton)
    assert window.app.inspector.fields["temperature"].value() == 0.5


@pytest.mark.parametrize("search", ["bread", "BREAD"])
def test_search_finds_titles_and_messages(window: Window, search: str) -> None:
    window.say("Why does bread dough rest?")
    window.app.actions["new_chat"].trigger()
    window.say("Compare phones")
    assert window.app.list_model.rowCount() == 3  # a heading and two
    window.app.conversations.search.setText(search)
    window.until(lambda: window.app.list_model.rowCount() == 4)  # the title and the message, each under a heading
    window.app.conversations.search.setText("nothing like it")
    window.until(lambda: window.app.list_model.rowCount() == 0)
    assert window.app.conversations._clear_button.isVisible()
    window.app.conversations._clear_button.click()
    assert window.app.list_model.rowCount() == 3


def test_rename_and_delete_with_undo(window: Window) -> None:
    window.say("hello")
    index = window.app.list_model.index(1, 0)
    assert window.app.list_model.setData(index, "  A greeting ")
    assert window.app.store.conversations()[0].title == "A greeting"
    view = window.app.conversations.view
    view.setCurrentIndex(window.app.list_model.index(1, 0))
    window.qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert window.app.store.conversations() == []
    assert window.app.chat.transcript.message_widgets == ()
    notice = window.app.window.notice
    assert "A greeting" in notice._text.text()
    window.qtbot.mouseClick(notice.button, Qt.MouseButton.LeftButton)
    assert [each.title for each in window.app.store.conversations()] == ["A greeting"]
    assert len(window.app.chat.transcript.message_widgets) == 2


def test_conversations_are_there_after_a_restart(open_window: Callable[..., Window]) -> None:
    first = open_window()
    first.say("hello")
    first.app.window.close()
    second = open_window()
    conversation = second.app.store.conversations()[0]
    second.qtbot.mouseClick(
        second.app.conversations.view.viewport(),
        Qt.MouseButton.LeftButton,
        pos=second.app.conversations.view.visualRect(second.app.list_model.index_of(conversation.id)).center(),
    )
    assert second.app.chats.current_id == conversation.id
    assert last_reply(second).text() == DEFAULT_REPLY * 3
