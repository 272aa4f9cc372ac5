"""Pictures come along with a chat, and a hostile file gets hold of nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.storage.chat_file import (
    ChatFileError,
    as_json,
    import_chat,
    load_chat_file,
    parse_chat,
    stored_chat,
    take_in_pictures,
)
from app.storage.conversations import ConversationStore
from app.storage.pictures import MAX_PICTURE_BYTES, PictureFolder, kind_of, used_names

PNG, JPEG = b"\x89PNG\r\n\x1a\n" + b"p" * 30, b"\xff\xd8\xff" + b"j" * 30


def chat_file(path: Path, store: ConversationStore, content: str) -> None:
    chat = store.create_conversation("With pictures")
    first = store.add_message(chat.id, None, "user", "Show me")
    store.add_message(chat.id, first.id, "assistant", content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_json(stored_chat(store, chat.id)), encoding="utf-8")


def reply_of(path: Path, store: ConversationStore, folder: PictureFolder) -> str:
    chat = import_chat(store, take_in_pictures(load_chat_file(path), folder, path.parent))
    return store.branch(chat)[-1].content


def test_pictures_beside_a_file_are_taken_in_once(
    store: ConversationStore, folder: PictureFolder, tmp_path: Path
) -> None:
    path = tmp_path / "Чат 🌳" / "chat.json"
    (path.parent / "мои pics").mkdir(parents=True)
    (path.parent / "мои pics" / "a b.png").write_bytes(PNG)
    (path.parent / "c.jpg").write_bytes(JPEG)
    chat_file(path, store, '![a](мои%20pics/a%20b.png) ![b](<мои pics/a b.png> "t") ![c](c.jpg) [no](c.jpg)')
    png, jpeg = folder.keep(PNG), folder.keep(JPEG)
    wanted = f'![a](attachment:{png}) ![b](attachment:{png} "t") ![c](attachment:{jpeg}) [no](c.jpg)'
    assert reply_of(path, store, folder) == wanted
    assert sorted(each.name for each in (tmp_path / "attachments").iterdir()) == sorted((png, jpeg))
    assert folder.read(png) == PNG


def test_only_pictures_in_or_below_the_file_s_folder_are_taken(
    store: ConversationStore, folder: PictureFolder, tmp_path: Path
) -> None:
    path = tmp_path / "in" / "chat.json"
    path.parent.mkdir()
    (tmp_path / "out.png").write_bytes(PNG)
    (path.parent / "link.png").symlink_to(tmp_path / "out.png")
    (path.parent / "text.png").write_text("a secret")
    (path.parent / "large.png").write_bytes(PNG + bytes(MAX_PICTURE_BYTES))
    content = (
        f"![a](../out.png) ![b]({tmp_path}/out.png) ![c](link.png) ![d](text.png) ![e](large.png) ![f](none.png) "
        "![g](https://example.org/x.png) ![h](file:///out.png) ![i](%00) ![j](.)"
    )
    chat_file(path, store, content)
    assert reply_of(path, store, folder) == content
    assert not (tmp_path / "attachments").exists()


def test_a_file_carries_its_pictures_to_another_computer(
    store: ConversationStore, folder: PictureFolder, tmp_path: Path
) -> None:
    chat = store.create_conversation("With pictures")
    name = folder.keep(PNG)
    store.add_message(chat.id, None, "user", f"![a](attachment:{name}) and ![gone](attachment:none.png)")
    text = as_json(stored_chat(store, chat.id), folder)
    assert list(json.loads(text)["pictures"]) == [name]
    other = PictureFolder(tmp_path / "other")
    copy = take_in_pictures(parse_chat(text, "x"), other, tmp_path)
    assert other.read(name) == PNG
    again = import_chat(store, copy)
    assert as_json(stored_chat(store, again), other) == text


@pytest.mark.parametrize(
    ("pictures", "refused"),
    [
        ([], True),
        ({"a.png": 1}, True),
        ({"../../evil.png": "iVBORw0KGgo="}, False),  # stored under a name of its own
        ({"a.png": "no base64"}, False),
        ({"a.png": "c2VjcmV0"}, False),
    ],
)
def test_hostile_pictures_in_a_file(
    store: ConversationStore, folder: PictureFolder, tmp_path: Path, pictures: object, refused: bool
) -> None:
    path = tmp_path / "in" / "chat.json"
    chat_file(path, store, "![a](attachment:a.png) ![b](attachment:../../evil.png)")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pictures": pictures}))
    if refused:
        with pytest.raises(ChatFileError, match="pictures"):
            load_chat_file(path)
        return
    take_in_pictures(load_chat_file(path), folder, path.parent)
    stored = [each.name for each in (tmp_path / "attachments").glob("*")]
    assert all(used_names(f"![x](attachment:{name})") == [name] for name in stored)
    assert not [*tmp_path.glob("evil*"), *tmp_path.parent.glob("evil*")]


def test_names_that_are_no_file_of_the_folder_give_nothing(folder: PictureFolder, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(PNG)
    for name in ("../x.png", "", ".", "..", "a/b.png", "none.png", "x.png\0"):
        assert folder.read(name) is None
        assert folder.address(name) is None


def test_kinds_by_their_first_bytes() -> None:
    assert [kind_of(each) for each in (PNG, JPEG, b"GIF89a", b"RIFF....WEBPVP8", b"BM1", b"<svg>", b"")] == [
        "png", "jpeg", "gif", "webp", "bmp", "", "",
    ]  # fmt: skip
