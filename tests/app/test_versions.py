"""What the conversation's controller does with the tree: versions, edits, branches, deletes, continued replies."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from app.controllers.conversation import ConversationController
from app.storage.conversations import Deletion
from app.storage.records import StoredMessage, Versions
from tests.app.driver import Window
from tests.fakes.fake_session import DEFAULT_REPLY


class Heard:
    """What the controller's signals said last."""

    def __init__(self, chats: ConversationController) -> None:
        self.versions: dict[int, Versions] = {}
        self.branch: list[StoredMessage] = []
        self.deletions: list[Deletion] = []
        self.wanted: list[int] = []
        self.unsaved: list[str] = []
        self.not_sent: list[str] = []
        chats.versions_changed.connect(self.versions_changed)
        chats.branch_changed.connect(self.branch_changed)
        chats.messages_deleted.connect(self.deletions.append)
        chats.message_wanted.connect(self.wanted.append)
        chats.save_failed.connect(self.unsaved.append)
        chats.not_sent.connect(self.not_sent.append)

    def versions_changed(self, versions: dict[int, Versions]) -> None:
        self.versions = versions

    def branch_changed(self, branch: list[StoredMessage]) -> None:
        self.branch = branch


@pytest.fixture
def heard(window: Window) -> Heard:
    return Heard(window.app.chats)


def shown(window: Window) -> list[str]:
    """What the transcript shows, which must be what the store holds."""
    widgets = [each.text() for each in window.app.chat.transcript.message_widgets]
    assert widgets == [each.content for each in window.app.chats.branch()]
    return widgets


def reply_with(window: Window, words: str, *turns: str) -> None:
    window.script.reply = words
    for turn in turns:
        window.say(turn)


def settle(window: Window) -> None:
    window.until(lambda: not window.app.chats.busy)


def ids(window: Window) -> list[int]:
    return [each.id for each in window.app.chats.branch()]


def test_regenerating_keeps_versions_that_can_be_walked(window: Window, heard: Heard) -> None:
    reply_with(window, "First.", "hello")
    assert heard.versions == {}
    window.script.reply = "Second."
    window.app.chats.regenerate()
    settle(window)
    first, second = sorted(heard.versions)
    assert heard.versions == {first: Versions(1, 2, None, second), second: Versions(2, 2, first, None)}
    assert shown(window) == ["hello", "Second."]
    window.app.chats.step_last_version(-1)
    assert shown(window) == ["hello", "First."]
    window.app.chats.step_last_version(-1)  # the end: nothing happens
    assert shown(window) == ["hello", "First."]
    window.app.chats.step_version(first, 1)
    assert shown(window) == ["hello", "Second."]


def test_any_reply_can_be_asked_for_again(window: Window, heard: Heard) -> None:
    reply_with(window, "A.", "one", "two", "three")
    first_reply = ids(window)[1]
    window.script.reply = "B."
    window.app.chats.regenerate_reply(first_reply)
    settle(window)
    assert shown(window) == ["one", "B."]
    assert [m.content for m in window.script.requests[-1].messages] == ["one"]
    window.app.chats.show_version(first_reply)
    assert shown(window) == ["one", "A.", "two", "A.", "three", "A."]


def test_editing_a_turn_makes_a_version_and_asks_for_a_reply_to_it(window: Window, heard: Heard) -> None:
    reply_with(window, "A.", "one", "two")
    turn = ids(window)[0]
    window.script.reply = "B."
    window.app.chats.edit(turn, "uno")
    settle(window)
    assert shown(window) == ["uno", "B."]
    assert [m.content for m in window.script.requests[-1].messages] == ["uno"]
    window.app.chats.step_version(ids(window)[0], -1)
    assert shown(window) == ["one", "A.", "two", "A."]


def test_editing_a_reply_changes_what_the_model_is_told(window: Window, heard: Heard) -> None:
    reply_with(window, "A.", "one")
    before = len(window.script.requests)
    window.app.chats.edit(ids(window)[1], "What I wish it had said.")
    assert not window.app.chats.busy
    assert len(window.script.requests) == before
    assert shown(window) == ["one", "What I wish it had said."]
    window.say("two")
    assert [m.content for m in window.script.requests[-1].messages] == ["one", "What I wish it had said.", "two"]


def test_a_turn_sent_again_unchanged_gets_another_reply(window: Window, heard: Heard) -> None:
    reply_with(window, "A.", "one")
    window.app.chats.edit(ids(window)[0], "one")
    settle(window)
    assert [place.total for place in heard.versions.values()] == [2, 2]


def test_nothing_is_edited_while_a_reply_runs(window: Window) -> None:
    window.script.reply = DEFAULT_REPLY * 100
    window.say("go on", wait=False)
    turn = ids(window)[0]
    window.app.chats.edit(turn, "other")
    window.app.chats.regenerate_reply(turn)
    window.app.chats.continue_reply()
    assert len(window.script.requests) <= 1
    assert window.app.store.versions(window.app.chats.current_id or 0) == {}


def test_another_version_can_be_read_while_a_reply_runs(window: Window) -> None:
    reply_with(window, "Old.", "hello")
    old = ids(window)[1]
    window.script.reply, window.script.tokens_per_s = DEFAULT_REPLY * 3, 100
    window.app.chats.regenerate()
    window.until(lambda: len(window.app.chats.branch()[-1].content) > 20)
    running = ids(window)[1]
    window.app.chats.show_version(old)
    assert shown(window) == ["hello", "Old."]
    window.qtbot.wait(100)
    window.app.chats.show_version(running)
    assert len(shown(window)[1]) > 20
    settle(window)
    assert shown(window) == ["hello", DEFAULT_REPLY * 3]


def test_branch_here_opens_a_copy(window: Window) -> None:
    reply_with(window, "A.", "one", "two")
    source = window.app.chats.current_id
    window.app.chats.branch_here(ids(window)[1])
    assert window.app.chats.current_id != source
    assert shown(window) == ["one", "A."]
    assert [each.title for each in window.app.store.conversations()] == ["one (branch)", "one"]
    window.say("elsewhere")
    assert source is not None
    assert len(window.app.store.branch(source)) == 4


def test_a_deleted_message_comes_back_with_all_that_followed(window: Window, heard: Heard) -> None:
    reply_with(window, "A.", "one", "two")
    window.app.chats.delete_message(ids(window)[1])
    assert shown(window) == ["one"]
    assert heard.deletions[0].num_messages == 3
    notice = window.app.window.notice
    assert notice._text.text() == "Deleted 3 messages."
    notice.button.click()
    assert shown(window) == ["one", "A.", "two", "A."]


def test_deleting_a_running_reply_stops_it(window: Window) -> None:
    window.script.reply = DEFAULT_REPLY * 100
    window.say("go on", wait=False)
    window.until(lambda: bool(window.app.chats.branch()[-1].content))
    window.app.chats.delete_message(ids(window)[1])
    window.until(lambda: not window.app.chats.busy, 1000)
    assert shown(window) == ["go on"]
    window.say("again", wait=False)
    window.app.chats.stop()
    settle(window)


def test_a_reply_is_continued_in_place(window: Window) -> None:
    reply_with(window, "Once upon", "tell me")
    window.script.reply = " a time."
    window.app.chats.continue_reply()
    assert window.app.chats.busy
    settle(window)
    assert [(m.role, m.content) for m in window.script.requests[-1].messages] == [
        ("user", "tell me"),
        ("assistant", "Once upon"),
    ]
    assert shown(window) == ["tell me", "Once upon a time."]
    assert window.app.chats.branch()[-1].state == "complete"


def test_a_reply_can_be_given_its_first_words(window: Window) -> None:
    window.script.reply = " and calm."
    window.app.chats.send("how are you", start_with="Fine")
    settle(window)
    assert window.script.requests[-1].messages[-1].content == "Fine"
    assert shown(window) == ["how are you", "Fine and calm."]


def test_a_search_hit_on_another_branch_is_brought_into_view(window: Window, heard: Heard) -> None:
    reply_with(window, "A.", "one")
    old = ids(window)[1]
    chat = window.app.chats.current_id
    window.script.reply = "B."
    window.app.chats.regenerate()
    settle(window)
    window.app.actions["new_chat"].trigger()
    assert chat is not None
    window.app.chats.open_at(chat, old)
    assert shown(window) == ["one", "A."]
    assert heard.wanted == [old]


def test_find_looks_at_the_branch_shown(window: Window) -> None:
    reply_with(window, "Bread and bread.", "why bread")
    turn, reply = ids(window)
    assert window.app.chats.find("bread") == {turn: ((4, 5),), reply: ((0, 5), (10, 5))}
    assert window.app.chats.find("") == {}


class FullDisk:
    """A connection on which every write fails."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def execute(self, statement: str, *rest: Any) -> sqlite3.Cursor:
        if statement.startswith(("INSERT", "UPDATE")):
            raise sqlite3.OperationalError("database or disk is full")
        return self.db.execute(statement, *rest)

    def __enter__(self) -> None:
        self.db.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.db.__exit__(*error)


def test_a_full_disk_loses_neither_the_reply_nor_what_was_typed(window: Window, heard: Heard) -> None:
    window.script.tokens_per_s = 100
    window.say("hello", wait=False)
    window.until(lambda: bool(window.app.chats.branch()[-1].content))
    store = window.app.store
    db = store._db
    store._db = FullDisk(db)  # type: ignore[assignment]
    settle(window)
    assert heard.unsaved == ["database or disk is full"]
    assert "could not be saved" in window.app.window.notice._text.text()
    window.app.chat.composer.set_text("precious words")
    window.app.chat.composer.submit()
    assert heard.not_sent == ["precious words"]
    assert window.app.chat.composer.input.toPlainText() == "precious words"
    store._db = db
    window.until(lambda: store.branch(window.app.chats.current_id or 0)[-1].content == DEFAULT_REPLY * 3)


def test_half_a_surrogate_pair_is_sent_as_a_question_mark(window: Window) -> None:
    window.app.chats.send("a\ud83dz")
    settle(window)
    assert window.app.chats.branch()[0].content == "a?z"
