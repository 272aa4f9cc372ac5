"""The conversation store: trees, kills, damage, versions."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from app.storage.conversations import ConversationStore
from app.storage.database import NewerStoreError
from app.storage.records import ErrorText, ReplyStats
from app.storage.schema import SCHEMA_VERSION
from engine.requests import SamplingSettings


def test_everything_comes_back_as_it_was_written(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path / "c.sqlite3")
    sampling = SamplingSettings(temperature=1.5, seed=2**40, stop_strings=("END",))
    made = store.create_conversation("Title", "Be kind.", sampling)
    turn = store.add_message(made.id, None, "user", "Hello 🌳")
    reply = store.add_message(made.id, turn.id, "assistant", "", "streaming", "Model")
    stats = ReplyStats(42.1, 0.3, 318, "stop_token")
    store.finish_reply(reply.id, "Hi", "failed", stats, ErrorText("It broke.", "Mend it."))
    store.close()
    again = ConversationStore(tmp_path / "c.sqlite3")
    conversation = again.conversation(made.id)
    assert conversation is not None
    assert (conversation.title, conversation.system_prompt, conversation.sampling) == ("Title", "Be kind.", sampling)
    first, second = again.branch(made.id)
    assert first == turn
    assert (second.content, second.state, second.model_name) == ("Hi", "failed", "Model")
    assert (second.stats, second.error) == (stats, ErrorText("It broke.", "Mend it."))
    again.close()


def test_messages_form_a_tree_and_the_leaf_chooses_the_branch(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path / "c.sqlite3")
    made = store.create_conversation("Tree")
    turn = store.add_message(made.id, None, "user", "question")
    store.add_message(made.id, turn.id, "assistant", "first answer")
    second = store.add_message(made.id, turn.id, "assistant", "second answer")
    store.add_message(made.id, second.id, "user", "thanks")
    assert [m.content for m in store.branch(made.id)] == ["question", "second answer", "thanks"]
    store.close()


KILLED = """
import os, sys
from pathlib import Path
from app.storage.conversations import ConversationStore
store = ConversationStore(Path(sys.argv[1]))
chat = store.create_conversation("Killed")
turn = store.add_message(chat.id, None, "user", "on disk")
reply = store.add_message(chat.id, turn.id, "assistant", "", "streaming")
store.save_reply(reply.id, "half a re")
os._exit(9)
"""


def test_a_kill_loses_nothing_that_was_saved(tmp_path: Path, project_root: Path) -> None:
    path = tmp_path / "c.sqlite3"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=project_root, check=False)
    assert done.returncode == 9
    store = ConversationStore(path)
    chat = store.conversations()[0]
    assert [(m.content, m.state) for m in store.branch(chat.id)] == [
        ("on disk", "complete"),
        ("half a re", "interrupted"),
    ]
    store.close()


@pytest.mark.parametrize("damage", ["whole", "inside"])
def test_a_damaged_store_is_set_aside_and_never_overwritten(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "c.sqlite3"
    store = ConversationStore(path)
    chat = store.create_conversation("Old")
    for number in range(400):
        store.add_message(chat.id, None, "user", f"text {number} " * 20)
    store.close()
    data = bytearray(path.read_bytes())
    if damage == "whole":
        data = bytearray(b"this is no database at all " * 500)
    else:
        data[4096:12_000] = b"\xff" * (12_000 - 4096)
    path.write_bytes(data)
    fresh = ConversationStore(path)
    assert fresh.conversations() == []
    assert fresh.damaged is not None
    assert fresh.damaged.read_bytes() == bytes(data)
    fresh.create_conversation("New")
    fresh.close()


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    ConversationStore(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(NewerStoreError, match="newer version"):
        ConversationStore(path)
    assert path.read_bytes() == before


def test_deleting_can_be_undone_until_it_is_purged(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path / "c.sqlite3")
    kept, gone = store.create_conversation("Kept"), store.create_conversation("Gone")
    message = store.add_message(gone.id, None, "user", "text")
    store.set_deleted(kept.id, True)
    store.set_deleted(gone.id, True)
    store.set_deleted(kept.id, False)
    assert [each.title for each in store.conversations()] == ["Kept"]
    store.purge_deleted()
    assert store.message(message.id) is None  # the messages go with their conversation
    store.close()


def test_sampling_of_another_version_falls_back_to_the_models_own(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path / "c.sqlite3")
    made = store.create_conversation("Title", "", SamplingSettings())
    with store._db:
        store._db.execute("UPDATE conversations SET sampling = '{\"temperature\": 99}'")
    conversation = store.conversation(made.id)
    assert conversation is not None
    assert conversation.sampling is None
    store.close()


def test_the_log_is_copied_back_from_another_thread(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    store = ConversationStore(path)
    chat = store.create_conversation("Title")
    store.add_message(chat.id, None, "user", "x" * 50_000)
    small = path.stat().st_size
    store.checkpoint()
    assert path.stat().st_size > small + 40_000
    store.close()
