"""Versions, branches, deletes and their undo, in the store."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from app.storage.conversations import ConversationStore
from app.storage.records import Conversation, StoredMessage, Versions
from engine.requests import Role, SamplingSettings
from tests.pace import slowness

LONG = 2000


def talk(store: ConversationStore, *texts: str) -> tuple[int, list[StoredMessage]]:
    """A conversation of turns that alternate."""
    chat = store.create_conversation("Chat")
    made: list[StoredMessage] = []
    for number, text in enumerate(texts):
        role: Role = "assistant" if number % 2 else "user"
        made.append(store.add_message(chat.id, made[-1].id if made else None, role, text))
    return chat.id, made


def shown(store: ConversationStore, chat: int) -> list[str]:
    return [each.content for each in store.branch(chat)]


def test_an_edit_is_another_version_and_the_old_branch_comes_back_as_it_was_left(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b", "c", "d")
    other_d = store.add_message(chat, made[2].id, "assistant", "d2")
    store.show_version(made[3].id)  # d again, though d2 is newer
    edited = store.edit_message(made[0].id, "A")
    assert (edited.role, edited.parent_id) == ("user", None)
    assert shown(store, chat) == ["A"]
    store.show_version(made[0].id)
    assert shown(store, chat) == ["a", "b", "c", "d"]
    store.show_version(other_d.id)
    assert shown(store, chat) == ["a", "b", "c", "d2"]


def test_a_reply_can_be_edited_as_well(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b", "c")
    edited = store.edit_message(made[1].id, "better")
    assert (edited.role, edited.parent_id) == ("assistant", made[0].id)
    assert shown(store, chat) == ["a", "better"]
    assert store.message(made[1].id) == made[1]


def test_showing_what_is_shown_changes_nothing(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b", "c1")
    store.add_message(chat, made[1].id, "user", "c2")
    store.show_version(made[2].id)
    store.show_version(made[0].id)
    assert shown(store, chat) == ["a", "b", "c1"]


def test_versions_are_counted_and_linked(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b1")
    second = store.add_message(chat, made[0].id, "assistant", "b2")
    third = store.add_message(chat, made[0].id, "assistant", "b3")
    assert store.versions(chat) == {
        made[1].id: Versions(1, 3, None, second.id),
        second.id: Versions(2, 3, made[1].id, third.id),
        third.id: Versions(3, 3, second.id, None),
    }


def test_the_branch_shown_is_kept_over_a_restart(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path / "c.sqlite3")
    chat, made = talk(store, "a", "b", "c")
    store.add_message(chat, made[0].id, "assistant", "b2")
    store.show_version(made[1].id)
    store.close()
    again = ConversationStore(tmp_path / "c.sqlite3")
    assert shown(again, chat) == ["a", "b", "c"]
    again.close()


def test_branch_here_copies_the_path_and_leaves_the_source_alone(store: ConversationStore) -> None:
    sampling = SamplingSettings(seed=3)
    folder = store.create_folder("Work")
    source = store.create_conversation("Long talk", "Be brief.", sampling, folder.id)
    first = store.add_message(source.id, None, "user", "a")
    second = store.add_message(source.id, first.id, "assistant", "b", "complete", "Model")
    store.add_message(source.id, first.id, "assistant", "another")
    made = store.branch_here(second.id, "Long talk (branch)")
    assert (made.title, made.system_prompt, made.sampling, made.folder_id) == (
        "Long talk (branch)", "Be brief.", sampling, folder.id,
    )  # fmt: skip
    assert [(m.content, m.model_name) for m in store.branch(made.id)] == [("a", ""), ("b", "Model")]
    assert shown(store, source.id) == ["a", "another"]
    store.edit_message(store.branch(made.id)[0].id, "changed in the branch")
    assert shown(store, source.id) == ["a", "another"]


def test_delete_takes_the_subtree_and_undo_puts_all_of_it_back(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b", "c", "d")
    deletion = store.delete_message(made[1].id)
    assert deletion.num_messages == 3
    assert shown(store, chat) == ["a"]
    assert store.message(made[3].id) is None
    assert store.restore_messages(deletion.id) == chat
    assert shown(store, chat) == ["a", "b", "c", "d"]
    assert store.restore_messages(deletion.id) is None


def test_deleting_a_version_shows_its_neighbour(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b1", "c")
    second = store.add_message(chat, made[0].id, "assistant", "b2")
    deletion = store.delete_message(second.id)
    assert shown(store, chat) == ["a", "b1", "c"]
    store.delete_message(made[2].id)
    store.restore_messages(deletion.id)
    assert shown(store, chat) == ["a", "b2"]


def test_deleting_beside_the_branch_does_not_move_it(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b1")
    store.add_message(chat, made[0].id, "assistant", "b2")
    store.delete_message(made[1].id)
    assert shown(store, chat) == ["a", "b2"]
    assert store.versions(chat) == {}


def test_deleting_the_first_message_empties_the_chat_and_can_be_undone(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b")
    deletion = store.delete_message(made[0].id)
    assert shown(store, chat) == []
    store.restore_messages(deletion.id)
    assert shown(store, chat) == ["a", "b"]


def test_undoing_an_inner_delete_brings_back_what_it_hangs_on(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b", "c", "d")
    inner = store.delete_message(made[3].id)
    outer = store.delete_message(made[1].id)
    store.restore_messages(inner.id)
    assert shown(store, chat) == ["a", "b", "c", "d"]
    assert store.restore_messages(outer.id) is None


def test_deleted_messages_are_gone_after_a_restart(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path / "c.sqlite3")
    chat, made = talk(store, "a", "b", "c")
    store.delete_message(made[1].id)
    store.close()
    again = ConversationStore(tmp_path / "c.sqlite3")
    assert shown(again, chat) == ["a"]
    assert again._db.execute("SELECT count(*) FROM messages").fetchone() == (1,)
    again.close()


def test_a_message_under_a_deleted_one_goes_with_it(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path / "c.sqlite3")
    chat, made = talk(store, "a", "b")
    store.delete_message(made[0].id)
    store.add_message(chat, made[1].id, "user", "written at the same moment")
    store.close()
    again = ConversationStore(tmp_path / "c.sqlite3")
    assert again._db.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    again.close()


def long_chat(store: ConversationStore) -> int:
    now = time.time()
    turns = [
        StoredMessage(n + 1, 1, n or None, "assistant" if n % 2 else "user", "Some words of it. " * 40, now)
        for n in range(LONG)
    ]
    return store.insert_tree(Conversation(1, "Long", now, now, LONG), turns, {})


def test_a_long_chat_opens_at_once(store: ConversationStore) -> None:
    chat = long_chat(store)
    taken = []
    for _ in range(7):
        start_s = time.thread_time()
        branch = store.branch(chat)
        store.versions(chat)
        taken.append(time.thread_time() - start_s)
    assert len(branch) == LONG
    assert min(taken) / slowness() < 0.020, taken


def test_a_chain_deeper_than_the_limit_of_cascades_can_be_deleted(store: ConversationStore) -> None:
    chat = long_chat(store)
    store.set_deleted(chat, True)
    store.purge_deleted()
    assert store._db.execute("SELECT count(*) FROM messages").fetchone() == (0,)


def test_a_ring_in_a_damaged_tree_still_ends(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "b", "c")
    with store._db:
        store._db.execute("UPDATE messages SET parent_id = ? WHERE id = ?", (made[2].id, made[0].id))
    assert len(store.branch(chat)) == 3
    store.edit_message(made[1].id, "still works")


def test_the_store_refuses_a_parent_that_does_not_exist(store: ConversationStore) -> None:
    chat, _ = talk(store, "a")
    with pytest.raises(sqlite3.IntegrityError):
        store.add_message(chat, 4711, "user", "orphan")
    assert shown(store, chat) == ["a"]


def test_a_continued_reply_streams_again_with_its_words(store: ConversationStore) -> None:
    chat, made = talk(store, "a", "half of")
    store.resume_reply(made[1].id)
    assert store.branch(chat)[1].state == "streaming"
    store.finish_reply(made[1].id, "half of it", "complete")
    assert shown(store, chat) == ["a", "half of it"]


def test_pins_come_first_then_the_last_used(store: ConversationStore) -> None:
    chats = [store.create_conversation(name) for name in ("one", "two", "three")]
    store.set_pinned(chats[0].id, True)
    assert [each.title for each in store.conversations()] == ["one", "three", "two"]
    store.add_message(chats[1].id, None, "user", "hello")
    assert [each.title for each in store.conversations()] == ["one", "two", "three"]
    store.set_pinned(chats[0].id, False)
    assert [each.title for each in store.conversations()] == ["two", "three", "one"]


def test_a_folder_lets_its_conversations_go_when_it_is_deleted(store: ConversationStore) -> None:
    work, art = store.create_folder("work"), store.create_folder("Art")
    assert store.folders() == [art, work]
    chat = store.create_conversation("Chat")
    store.move_to_folder(chat.id, work.id)
    store.rename_folder(work.id, "Work")
    assert store.conversations()[0].folder_id == work.id
    store.delete_folder(work.id)
    assert store.conversations()[0].folder_id is None
    assert store.folders() == [art]
