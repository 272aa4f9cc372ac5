"""Pictures of the user's own messages: how they are stored, found, exported, kept in drafts and swept away."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.storage.chat_file import as_json, import_chat, parse_chat, stored_chat, take_in_pictures
from app.storage.conversations import ConversationStore
from app.storage.export import as_html, as_markdown
from app.storage.pictures import PictureFolder, kind_of, stored_names, sweep_unused
from app.storage.search import SearchReader, search_branch
from app.storage.turns import Attached, Turn, join_turn, split_turn

A, B = f"{'a' * 64}.png", f"{'0' * 64}.jpeg"
PNG, TIFF = b"\x89PNG\r\n\x1a\n" + b"p" * 30, b"II*\0" + b"t" * 30


@pytest.mark.parametrize("text", ["", "What is this?", "\n\nafter two lines", "![a](b.png)", "one\n\ntwo\n"])
@pytest.mark.parametrize("pictures", [(), (Attached(A, "cat.png"),), (Attached(A, ""), Attached(B, "Кот 🌳"))])
def test_a_turn_comes_back_as_it_was(pictures: tuple[Attached, ...], text: str) -> None:
    assert split_turn(join_turn(pictures, text)) == Turn(pictures, text)


def test_words_that_would_break_the_line_are_mended() -> None:
    stored = join_turn([Attached(A, "a]b[\nc" + "d" * 200)], "x")
    (picture,) = split_turn(stored).pictures
    assert picture.words.startswith("a b c")
    assert len(picture.words) == 120


@pytest.mark.parametrize(
    "content", [f"See ![a](attachment:{A})", "![a](attachment:short.png)", f"![a](attachment:{A}) b"]
)
def test_what_is_no_line_of_a_picture_is_text(content: str) -> None:
    assert split_turn(content) == Turn((), content)


def test_search_finds_words_and_not_the_lines_of_pictures(store: ConversationStore) -> None:
    chat = store.create_conversation("Chat")
    content = join_turn([Attached(A, "holiday.png")], "Where is this castle?")
    turn = store.add_message(chat.id, None, "user", content)
    reader = SearchReader(store.path)
    assert [hit.snippet.text for hit in reader.search("castle")] == ["Where is this castle?"]
    assert reader.search("attachment") == reader.search("holiday") == []
    reader.close()
    assert search_branch("castle", [turn]) == {turn.id: ((14, 6),)}
    store.set_deleted(chat.id, True)
    store.purge_deleted()  # the index must take out what it once took in
    assert store.tree(chat.id) == []


def test_own_pictures_travel_with_every_export(store: ConversationStore, folder: PictureFolder, tmp_path: Path) -> None:
    chat = store.create_conversation("Chat", image_pixels=200_704)
    name = folder.keep(PNG)
    turn = store.add_message(chat.id, None, "user", join_turn([Attached(name, "<cat>.png")], "*What* is <this>?"))
    page = as_html(chat, [turn], pictures=folder)
    assert 'alt="&lt;cat&gt;.png"' in page
    assert "data:image/png;base64," in page
    assert '<div class="plain">*What* is &lt;this&gt;?</div>' in page
    assert "attachment:" not in page + as_markdown(chat, [turn], pictures=folder)
    other = PictureFolder(tmp_path / "elsewhere")
    text = as_json(stored_chat(store, chat.id), folder)
    copy = import_chat(store, take_in_pictures(parse_chat(text, "x"), other, tmp_path))
    assert split_turn(store.branch(copy)[0].content) == split_turn(turn.content)
    assert other.read(name) == PNG
    copied = store.conversation(copy)
    assert copied is not None
    assert copied.image_pixels == 200_704
    branch = store.branch_here(turn.id, "Branch")
    assert branch.image_pixels == 200_704


def test_a_picture_that_is_missing_is_told_in_the_page(store: ConversationStore, folder: PictureFolder) -> None:
    chat = store.create_conversation("Chat")
    turn = store.add_message(chat.id, None, "user", join_turn([Attached(A, "cat.png")], ""))
    assert "cat.png attachment:" in as_html(chat, [turn], pictures=folder)


def test_drafts_of_every_chat_outlive_the_window(store: ConversationStore, tmp_path: Path) -> None:
    chat = store.create_conversation("Chat")
    store.set_draft(None, "for a new one")
    store.set_draft(chat.id, join_turn([Attached(A)], "half a"))
    other = ConversationStore(store.path)
    assert (other.draft(None), other.draft(chat.id)) == ("for a new one", join_turn([Attached(A)], "half a"))
    other.set_draft(None, "")
    assert other.draft(None) == ""
    other.set_deleted(chat.id, True)
    assert other.draft(chat.id)  # it can still come back
    other.purge_deleted()
    assert other.draft(chat.id) == ""
    other.close()


def test_only_what_nothing_uses_is_swept_away(store: ConversationStore, folder: PictureFolder) -> None:
    names = [folder.keep(PNG + bytes([number])) for number in range(5)]
    for name in names:
        folder.thumbnail_path(name).parent.mkdir(exist_ok=True)
        folder.thumbnail_path(name).write_bytes(b"small")
    chat = store.create_conversation("Chat")
    first = store.add_message(chat.id, None, "user", join_turn([Attached(names[0])], ""))
    second = store.add_message(chat.id, first.id, "assistant", f"Here: ![x](attachment:{names[1]})")
    store.delete_message(second.id)  # its undo still needs it
    store.set_draft(None, join_turn([Attached(names[2])], ""))
    for name in names[:4]:
        os.utime(folder.path(name), (1, 1))
    assert stored_names(store.path) == set(names[:3])
    sweep_unused(store.path, folder, time.time() - 60)
    assert [folder.path(name).exists() for name in names] == [True, True, True, False, True]
    assert not folder.thumbnail_path(names[3]).exists()
    os.utime(folder.path(names[4]), (1, 1))
    folder.keep(PNG + bytes([4]))  # wanted again
    sweep_unused(store.path, folder, time.time() - 60)
    assert folder.path(names[4]).exists()


def test_nothing_is_swept_when_the_store_cannot_be_read(folder: PictureFolder, tmp_path: Path) -> None:
    name = folder.keep(TIFF)
    (tmp_path / "broken.sqlite3").write_bytes(b"no database" * 100)
    sweep_unused(tmp_path / "broken.sqlite3", folder, time.time() + 60)
    assert folder.path(name).exists()
    assert kind_of(TIFF) == "tiff"
