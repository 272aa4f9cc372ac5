"""How long a reply thought: measured where its text arrives, kept with the message, shown again, passed on."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from app.controllers.thinking_clock import ThinkingClock
from app.storage.chat_file import chat_as_json, import_chat, parse_chat
from app.storage.conversations import ConversationStore
from app.storage.schema import MIGRATIONS
from app.views.chat.messages import ReplyMessage
from tests.app.driver import Window


class Now:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def run(pieces: list[str], clock: ThinkingClock, now: Now) -> float | None:
    """Feeds one piece a second and ends the reply two seconds after the last."""
    for piece in pieces:
        clock.feed(piece)
        now.s += 1
    now.s += 1
    clock.finish()
    return clock.thought_s


@pytest.mark.parametrize(
    ("pieces", "seconds"),
    [
        (["Hello", " there"], None),
        (["<think>", "one", "two", "</think>", "Hello"], 3.0),
        (["<th", "ink>one", "two</think>Hello", "more"], 1.0),
        (["one", "two", "</think>", "Hello", "more"], 2.0),  # the template had opened it
        (["<think>", "cut off"], 3.0),
        (["<think></think>", "Hello"], None),
    ],
)
def test_the_clock_runs_from_the_first_thought_to_the_end_of_thinking(pieces: list[str], seconds: float | None) -> None:
    now = Now()
    assert run(pieces, ThinkingClock(now=now), now) == seconds


def test_a_continued_reply_adds_to_the_time_that_it_has() -> None:
    now = Now()
    assert run(["b", "c</think>", "Hello"], ThinkingClock("<think>a", 5.0, now), now) == 6.0
    assert run([" more"], ThinkingClock("<think>a</think>Hello", 5.0, now), now) == 5.0
    assert run(["b</think>"], ThinkingClock("<think>a", None, now), now) == 0.0


def fold_words(window: Window) -> str:
    reply = window.app.chat.transcript.message_widgets[-1]
    assert isinstance(reply, ReplyMessage)
    assert reply.thinking is not None
    return reply.thinking.button.text()


def test_the_time_is_there_when_the_chat_is_opened_again(open_window: Callable[..., Window], tmp_path: Path) -> None:
    window = open_window()
    window.script.reply = "<think>A wheel is round.</think>It rolls."
    window.say("Why?")
    stored = window.app.chats.branch()[-1]
    assert stored.thought_s is not None
    assert 0 <= stored.thought_s < 5
    number = window.app.chats.current_id
    assert number is not None
    window.app.store._db.execute("UPDATE messages SET thought_s = 12.4 WHERE id = ?", (stored.id,))
    window.app.store._db.commit()
    window.app.new_chat()
    window.app.chats.open(number)
    assert fold_words(window) == "Thought for 12 s"
    window.app.store._db.execute("UPDATE messages SET thought_s = 125 WHERE id = ?", (stored.id,))
    window.app.store._db.commit()
    window.app.new_chat()
    window.app.chats.open(number)
    assert fold_words(window) == "Thought for 2 min 5 s"
    window.app.theme.set_text_scale(1.3)  # all messages are built again
    assert fold_words(window) == "Thought for 2 min 5 s"


def test_a_reply_that_thinks_while_another_chat_is_shown_has_its_time(window: Window) -> None:
    window.script.reply = "<think>" + "a wheel " * 40 + "</think>It rolls."
    window.say("Why?", wait=False)
    number = window.app.chats.current_id
    assert number is not None
    window.app.new_chat()
    window.until(lambda: window.app.store.branch(number)[-1].state == "complete")
    stored = window.app.store.branch(number)[-1]
    assert stored.thought_s is not None
    assert stored.thought_s > 0
    window.app.chats.open(number)
    assert fold_words(window).startswith("Thought for")


def test_edits_and_branches_and_files_take_the_time_along(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path / "c.sqlite3")
    chat = store.create_conversation("Wheels")
    turn = store.add_message(chat.id, None, "user", "Why?")
    reply = store.add_message(chat.id, turn.id, "assistant", "", "streaming")
    store.save_reply(reply.id, "<think>A wh", 3.25)
    kept = store.message(reply.id)
    assert kept is not None
    assert kept.thought_s == 3.25  # a kill would leave this
    store.finish_reply(reply.id, "<think>A wheel</think>Yes", "complete", thought_s=4.5)
    edited = store.edit_message(reply.id, "<think>A wheel</think>No")
    branched = store.branch_here(reply.id, "Copy")
    text = chat_as_json(store, chat.id)
    imported = import_chat(store, parse_chat(text, "chat.json"))
    assert edited.thought_s == 4.5
    assert [each.thought_s for each in store.branch(branched.id)] == [None, 4.5]
    assert [each.thought_s for each in store.tree(imported)] == [None, 4.5, 4.5]
    entries = json.loads(text)["messages"]
    assert ["thought_s" in each for each in entries] == [False, True, True]
    store.close()


def test_a_file_of_the_second_version_is_copied_and_takes_the_time(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.create_function("searchable", 1, str, deterministic=True)
        db.executescript(f"BEGIN; {MIGRATIONS[0]} {MIGRATIONS[1]} PRAGMA user_version = 2; COMMIT;")
        with db:
            db.execute("INSERT INTO conversations (id, title, created_s, updated_s) VALUES (1, 'Old', 1.0, 2.0)")
            db.execute(
                "INSERT INTO messages (id, conversation_id, role, content, created_s, state)"
                " VALUES (1, 1, 'assistant', '<think>x</think>y', 1.0, 'complete')"
            )
    store = ConversationStore(path)
    assert store.backup is not None
    with contextlib.closing(sqlite3.connect(store.backup)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
    old = store.message(1)
    assert old is not None
    assert old.thought_s is None
    store.finish_reply(1, old.content, "complete", thought_s=2.0)
    changed = store.message(1)
    assert changed is not None
    assert changed.thought_s == 2.0
    store.close()
