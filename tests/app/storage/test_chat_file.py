"""Our own JSON: an exact round trip, and a sentence for every bad file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.storage.chat_file import ChatFileError, chat_as_json, import_chat, load_chat_file, parse_chat
from app.storage.conversations import ConversationStore
from app.storage.records import ErrorText, ReplyStats
from engine.requests import SamplingSettings


def rich_chat(store: ConversationStore) -> int:
    """Versions on both sides, figures, an error, an interrupted reply, and a branch that is not the newest."""
    store.create_conversation("so that ids differ")
    chat = store.create_conversation(
        "Chat “one” 🌳", "Be kind.\n", SamplingSettings(0.5, seed=7, stop_strings=("END",))
    )
    first = store.add_message(chat.id, None, "user", "Question\n```\ncode\n```")
    reply = store.add_message(chat.id, first.id, "assistant", "", "streaming", "Model A")
    store.finish_reply(reply.id, "Answer", "complete", ReplyStats(42.1, 0.25, 318, "stop_token"), None, 12.5)
    other = store.add_message(chat.id, first.id, "assistant", "", "streaming", "Model B")
    store.finish_reply(other.id, "", "failed", None, ErrorText("It broke.", "Mend it."))
    store.add_message(chat.id, other.id, "user", "again")
    store.show_version(reply.id)
    store.add_message(chat.id, reply.id, "user", "thanks")
    store.add_message(chat.id, store.edit_message(first.id, "Better question").id, "assistant", "cut", "interrupted")
    store.show_version(first.id)
    gone = store.add_message(chat.id, reply.id, "user", "deleted")
    store.delete_message(gone.id)
    store.set_pinned(chat.id, True)
    return chat.id


def test_a_round_trip_is_exact_with_all_versions(store: ConversationStore, tmp_path: Path) -> None:
    source = rich_chat(store)
    path = tmp_path / "Чат 🌳.json"
    path.write_text(chat_as_json(store, source), encoding="utf-8")
    copy = import_chat(store, load_chat_file(path))
    assert copy != source
    assert chat_as_json(store, copy) == path.read_text(encoding="utf-8")
    for shown in ("branch", "tree"):
        ours, theirs = getattr(store, shown)(source), getattr(store, shown)(copy)
        plain = ("role", "content", "created_s", "state", "model_name", "stats", "error", "thought_s")
        assert [[getattr(m, n) for n in plain] for m in ours] == [[getattr(m, n) for n in plain] for m in theirs]
    old, new = store.conversation(source), store.conversation(copy)
    assert old is not None
    assert new is not None
    assert (new.title, new.sampling, new.system_prompt, new.pinned) == (
        old.title, old.sampling, old.system_prompt, True,
    )  # fmt: skip
    assert "deleted" not in path.read_text(encoding="utf-8")


def test_an_import_into_an_empty_store_is_the_same(store: ConversationStore, tmp_path: Path) -> None:
    text = chat_as_json(store, rich_chat(store))
    other = ConversationStore(tmp_path / "other.sqlite3")
    assert chat_as_json(other, import_chat(other, parse_chat(text, "x"))) == text
    other.close()


def test_ids_of_the_file_are_only_names(store: ConversationStore) -> None:
    victim = rich_chat(store)
    before = chat_as_json(store, victim)
    chat = minimal()
    chat["messages"] = [message(2, None), message(1, 2)]  # ids that exist in the store
    chat["shown_leaf"] = 1
    made = import_chat(store, parse_chat(json.dumps(chat), "x"))
    assert [m.content for m in store.branch(made)] == ["text 2", "text 1"]
    assert chat_as_json(store, victim) == before


def message(number: Any, parent: Any, **more: Any) -> dict[str, Any]:
    made = {"id": number, "parent": parent, "role": "user", "content": f"text {number}", "created_s": 1.0}
    return {**made, "state": "complete", **more}


def minimal() -> dict[str, Any]:
    return {
        "format": "espalier-chat", "version": 1, "title": "T", "created_s": 1, "updated_s": 2, "pinned": False,
        "system_prompt": "", "sampling": None, "shown_leaf": None, "messages": [message(1, None)],
    }  # fmt: skip


def change(**keys: Any) -> Callable[[], str]:
    return lambda: json.dumps({**minimal(), **keys})


def first(**keys: Any) -> Callable[[], str]:
    return lambda: json.dumps({**minimal(), "messages": [message(1, None, **keys)]})


BAD: dict[str, tuple[Callable[[], str], str]] = {
    "nothing": (lambda: "", "not JSON"),
    "cut off": (lambda: json.dumps(minimal())[:-20], "not JSON"),
    "deep": (lambda: "[" * 200_000, "not JSON"),
    "a list": (lambda: "[]", "not a chat of Espalier"),
    "another program's": (lambda: '{"messages": []}', "not a chat of Espalier"),
    "newer": (change(version=2), "newer version"),
    "no messages": (change(messages=None), "“messages” is None"),
    "title": (change(title=3), "“title” is 3"),
    "time": (change(created_s="now"), "“created_s” is 'now'"),
    "endless time": (lambda: json.dumps(minimal()).replace('"created_s": 1,', '"created_s": Infinity,'), "created_s"),
    "leaf": (change(shown_leaf=9), "“shown_leaf” is 9"),
    "pin": (change(pinned="yes"), "“pinned” is 'yes'"),
    "sampling range": (change(sampling={"temperature": 99}), "“sampling”"),
    "sampling type": (change(sampling={"temperature": "hot"}), "“sampling”"),
    "sampling bool": (change(sampling={"top_k": True}), "“sampling”"),
    "sampling text": (change(sampling={"stop_strings": "END"}), "“sampling”"),
    "sampling list": (change(sampling={"stop_strings": [1]}), "“sampling”"),
    "message": (change(messages=[3]), "message 1: “id” is missing"),
    "same id": (change(messages=[message(1, None), message(1, None)]), "message 2: “id” is 1"),
    "id type": (change(messages=[message("1", None)]), "“id” is '1'"),
    "bool id": (change(messages=[message(True, None)]), "“id” is True"),
    "huge id": (change(messages=[message(2**70, None)]), "“id”"),
    "own parent": (change(messages=[message(1, 1)]), "“parent” is 1"),
    "ring": (change(messages=[message(1, 2), message(2, 1)]), "message 1: “parent” is 2"),
    "role": (first(role="robot"), "“role” is 'robot'"),
    "role list": (first(role=["user"]), "“role”"),
    "state": (first(state="odd"), "“state” is 'odd'"),
    "content": (first(content=None), "“content” is None"),
    "stats": (first(stats={"tokens_per_s": 1}), "message 1, stats: “reason” is missing"),
    "stats type": (first(stats=[]), "“stats”"),
    "error": (first(error={"message": 1, "way_out": ""}), "message 1, error: “message” is 1"),
    "thinking time": (first(thought_s=-1), "“thought_s” is -1"),
    "shown child": (first(shown_child=1), "message 1 shows a child"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_a_sentence(name: str) -> None:
    make, words = BAD[name]
    with pytest.raises(ChatFileError) as caught:
        parse_chat(make(), "chat.json")
    assert words in caught.value.message
    assert caught.value.message.startswith("chat.json")
    assert caught.value.way_out


def test_a_file_that_is_no_text_or_not_there_gets_a_sentence(tmp_path: Path) -> None:
    picture = tmp_path / "picture.json"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    for path in (picture, tmp_path / "missing.json", tmp_path):
        with pytest.raises(ChatFileError, match=path.name):
            load_chat_file(path)


def test_half_a_surrogate_pair_and_a_running_reply_do_no_harm(store: ConversationStore) -> None:
    text = json.dumps({**minimal(), "messages": [message(1, None, content="a\ud800b\0", state="streaming")]})
    made = import_chat(store, parse_chat(text, "x"))
    (only,) = store.tree(made)
    assert (only.content, only.state) == ("a?b\0", "interrupted")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


INNER = [*message(1, None), "stats", "error", "shown_child"]


@given(st.sampled_from([*minimal()]), JSON, st.sampled_from(INNER), JSON)
def test_any_value_anywhere_is_taken_or_refused_with_a_sentence(key: str, value: Any, inner: str, other: Any) -> None:
    chat = {**minimal(), key: value}
    if key != "messages":
        chat["messages"] = [{**message(1, None), inner: other}, message(2, None)]
    try:
        parse_chat(json.dumps(chat), "x")
    except ChatFileError:
        return
