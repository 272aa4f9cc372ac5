"""What can be done with a message: versions, edit where it stands, branch, delete, continue, search, thinking."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest

from app.markdown.thinking import ThinkingSplitter, split_thinking
from app.views.chat.message_actions import BRANCH, CONTINUE, DELETE, EDIT, REGENERATE
from app.views.chat.message_widget import MessageWidget
from app.views.chat.messages import ReplyMessage, UserMessage
from tests.app.driver import Window


def widgets(window: Window) -> tuple[MessageWidget, ...]:
    return window.app.chat.transcript.message_widgets


def reply(window: Window) -> ReplyMessage:
    last = widgets(window)[-1]
    assert isinstance(last, ReplyMessage)
    return last


def click(window: Window, widget: MessageWidget, action: str) -> None:
    window.qtbot.mouseClick(widget.action_bar.button(action), Qt.MouseButton.LeftButton)


def done(window: Window) -> None:
    window.until(lambda: not window.app.chats.busy)


def test_regenerating_makes_a_version_and_the_arrows_go_between_them(window: Window) -> None:
    window.say("hello")
    window.script.reply = "Another answer."
    click(window, reply(window), REGENERATE)
    done(window)
    versions = reply(window).versions
    assert versions is not None
    assert versions._words.text() == "2/2"
    assert not versions.forth.isEnabled()
    versions.back.click()
    assert reply(window).text().startswith("A bicycle")
    assert reply(window).versions is not None
    assert reply(window).versions._words.text() == "1/2"
    window.app.actions["version_after"].trigger()
    assert reply(window).text() == "Another answer."


def test_editing_the_users_message_asks_again_and_the_reply_is_edited_alone(window: Window) -> None:
    window.say("hello")
    user = widgets(window)[0]
    click(window, user, EDIT)
    assert user.editor is not None
    user.editor.field.setPlainText("good evening")
    QTest.keyClick(user.editor.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    done(window)
    assert [each.text() for each in widgets(window)] == ["good evening", window.script.reply]
    assert widgets(window)[0].versions is not None
    requests = len(window.script.requests)
    click(window, reply(window), EDIT)
    field = reply(window).editor
    assert field is not None
    field.field.setPlainText("my own **words**")
    field.save_button.click()
    assert reply(window).text() == "my own **words**"
    assert next(iter(reply(window).text_widgets())).toPlainText() == "my own words"
    assert len(window.script.requests) == requests


def test_escape_leaves_the_message_as_it_was(window: Window) -> None:
    window.say("hello")
    user = widgets(window)[0]
    user.start_editing()
    assert user.editor is not None
    user.editor.field.setPlainText("other")
    QTest.keyClick(user.editor.field, Qt.Key.Key_Escape)
    assert user.editor is None
    assert user.text() == "hello"
    assert user.text_widgets()[0].isVisible()


def test_while_a_reply_runs_an_edit_waits(window: Window) -> None:
    window.say("hello")
    user = widgets(window)[0]
    user.start_editing()
    window.script.tokens_per_s = 30
    window.say("more", wait=False)
    assert user.editor is not None
    user.editor.field.setPlainText("other words")
    assert not user.editor.save_button.isEnabled()
    window.app.chats.stop()
    done(window)
    assert user.editor.save_button.isEnabled()


def test_branch_delete_and_continue(window: Window) -> None:
    window.say("one")
    window.say("two")
    first_chat = window.app.chats.current_id
    click(window, widgets(window)[1], BRANCH)
    assert window.app.chats.current_id != first_chat
    assert len(widgets(window)) == 2
    window.script.reply = " And more."
    click(window, reply(window), CONTINUE)
    done(window)
    assert reply(window).text().endswith(" And more.")
    click(window, widgets(window)[0], DELETE)
    assert len(widgets(window)) == 0 or window.app.chat.transcript.num_messages == 0


def test_actions_come_with_the_keyboard_and_keep_their_place(window: Window) -> None:
    window.say("hello")
    user = widgets(window)[0]
    assert isinstance(user, UserMessage)
    height = user.height()
    user.setFocus()
    assert user.action_bar.isVisible()
    window.qtbot.wait(20)
    assert user.height() == height
    QTest.keyClick(user, Qt.Key.Key_Tab)
    assert user.copy_button.hasFocus()
    assert user.action_bar.isVisible()


def test_search_counts_steps_and_marks(window: Window) -> None:
    window.script.reply = "A needle, **need**le and a `needle`.\n\n```\nneedle\n```\n\n| a |\n|-|\n| needle |\n"
    window.say("where is the Needle?")
    window.app.actions["find"].trigger()
    bar = window.app.chat.transcript.find_bar
    assert bar.isVisible()
    QTest.keyClicks(bar.field, "needle")
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    assert bar.count.text() == "6 of 6"
    marked = [len(each.extraSelections()) for widget in widgets(window) for each in widget.text_widgets()]
    assert sum(marked) == 6
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    assert bar.count.text() == "1 of 6"
    bar.previous.click()
    assert bar.count.text() == "6 of 6"
    QTest.keyClicks(bar.field, "xyz")
    window.until(lambda: bar.count.text() == "Not found")
    QTest.keyClick(bar.field, Qt.Key.Key_Escape)
    assert not bar.isVisible()
    assert not any(each.extraSelections() for widget in widgets(window) for each in widget.text_widgets())


def test_search_goes_to_messages_far_away(window: Window) -> None:
    conversation = window.app.store.create_conversation("Long")
    parent = None
    for number in range(300):
        role = "assistant" if number % 2 else "user"
        words = "the hidden word is *quince*" if number == 7 else f"Message {number}\n\n- one\n- two"
        parent = window.app.store.add_message(conversation.id, parent, role, words).id
    window.app.chats.open(conversation.id)
    window.app.actions["find"].trigger()
    bar = window.app.chat.transcript.find_bar
    QTest.keyClicks(bar.field, "QUINCE")
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    assert bar.count.text() == "1 of 1"
    found = [each for each in widgets(window) if "quince" in each.text()]
    assert len(found) == 1
    assert not found[0].visibleRegion().isEmpty()
    assert not window.app.chat.transcript.following


def test_thinking_is_folded_with_its_time(window: Window) -> None:
    window.script.reply = "<think>First I *wonder*.</think>\n\nThen I **say**."
    window.say("hello", wait=False)
    window.until(lambda: reply(window).thinking is not None)
    fold = reply(window).thinking
    assert fold is not None
    done(window)
    assert fold.button.text() == "Thought for less than a second"
    assert fold.text == "First I *wonder*."
    assert [each.toPlainText() for each in reply(window).text_widgets()] == ["Then I say."]
    fold.button.click()
    assert "unfolded" in fold.button.accessibleName()
    window.app.theme.choose("light")  # made again: the time is still known
    assert reply(window).thinking is not None
    assert reply(window).thinking.button.text() == "Thought for less than a second"


def test_any_cut_of_a_thinking_reply_gives_the_same_parts() -> None:
    samples = {
        "<think>a < b</think>\n\nanswer </think>": ("a < b", "answer </think>"),
        "plain <think>text": ("", "plain <think>text"),
        "opened by the template</think>\nanswer": ("opened by the template", "answer"),
        "<thinking>never closed": ("never closed", ""),
        "<thin": ("", "<thin"),
        "[THINK]x[/THINK]y": ("x", "y"),
        "a <b> c </thin d": ("", "a <b> c </thin d"),
    }
    for text, expected in samples.items():
        assert split_thinking(text) == expected
        for size in (1, 2, 3, 7):
            splitter, thought, answer = ThinkingSplitter(), "", ""
            parts = [splitter.feed(text[at : at + size]) for at in range(0, len(text), size)]
            for part in (*parts, splitter.finish()):
                if part.restart:
                    thought, answer = "", ""
                thought, answer = thought + part.thought, answer + part.answer
            assert (thought.strip(), answer.strip()) == (expected[0].strip(), expected[1].strip())


def test_the_end_of_a_reply_is_announced(window: Window) -> None:
    heard: list[QEvent.Type | str] = []
    original = QAccessible.updateAccessibility

    def hear(event: object) -> None:
        heard.append(event.message() if hasattr(event, "message") else "")
        original(event)

    QAccessible.updateAccessibility = hear  # type: ignore[method-assign, assignment]
    try:
        window.say("hello")
    finally:
        QAccessible.updateAccessibility = original  # type: ignore[method-assign]
    assert heard.count("Reply finished") == 1


def test_screen_readers_find_the_messages(window: Window) -> None:
    window.say("hello")
    interface = QAccessible.queryAccessibleInterface(window.app.chat.transcript.widget())
    names = [interface.child(i).text(QAccessible.Text.Name) for i in range(interface.childCount())]
    assert [name.split(",")[0] for name in names] == ["You", "Reply"]
    described = interface.child(0).text(QAccessible.Text.Description)
    assert described == "Message 1 of 2. hello"
