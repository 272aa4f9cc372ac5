"""A chat as a JSON file of our own: the whole tree with all versions, out and in again.

A file is hostile until checked: its numbers only say what belongs together, every value is looked at, and nothing is
written before all of it is. Knows nothing of Qt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

from app.storage.conversations import ConversationStore
from app.storage.pictures import PictureFolder
from app.storage.records import Conversation, ErrorText, MessageState, ReplyStats, StoredMessage
from app.storage.rows import sampling_from, storable
from engine.errors import EngineError
from engine.events import FinishReason
from engine.requests import Role, SamplingSettings

FORMAT, VERSION = "espalier-chat", 1
MAX_FILE_BYTES = 256 * 1024**2
MAX_TITLE = 500
_MAX_TIME_S = 1e11
_MAX_PIXELS = 2**40
_WAY_OUT = "Choose a file that Espalier exported as JSON; nothing was imported."
_T = TypeVar("_T")


class ChatFileError(EngineError):
    """The file is not a chat of ours, or is damaged."""


@dataclass(frozen=True)
class ChatFile:
    """A checked chat; its ids are those of the file.

    Attributes:
        conversation: title, times, prompt, sampling, pin and leaf.
        messages: parents before their children.
        chosen: message -> which child of it was last shown.
        pictures: those that messages show, name -> base64, not looked at yet.
    """

    conversation: Conversation
    messages: list[StoredMessage]
    chosen: dict[int, int]
    pictures: dict[str, str] = field(default_factory=dict)


def chat_as_json(store: ConversationStore, conversation_id: int) -> str:
    """The whole chat as text. The same chat gives the same text, wherever it is stored."""
    return as_json(stored_chat(store, conversation_id))


def stored_chat(store: ConversationStore, conversation_id: int) -> ChatFile:
    """Reads all that a file holds of a chat."""
    conversation = store.conversation(conversation_id)
    assert conversation is not None, conversation_id
    return ChatFile(conversation, store.tree(conversation_id), store.chosen_children(conversation_id))


def as_json(chat: ChatFile, folder: PictureFolder | None = None) -> str:
    """The text of a chat's file, with its pictures out of the folder; may run in any thread."""
    conversation, tree, chosen = chat.conversation, chat.messages, chat.chosen
    number = {each.id: place for place, each in enumerate(tree, start=1)}
    messages = []
    for each in tree:
        entry: dict[str, Any] = {"id": number[each.id], "parent": number.get(each.parent_id or 0), "role": each.role}
        entry |= {"content": each.content, "created_s": each.created_s, "state": each.state}
        entry |= {"model": each.model_name} if each.model_name else {}
        entry |= {"stats": asdict(each.stats)} if each.stats else {}
        entry |= {"error": asdict(each.error)} if each.error else {}
        entry |= {"thought_s": each.thought_s} if each.thought_s is not None else {}
        entry |= {"shown_child": number[chosen[each.id]]} if each.id in chosen else {}
        messages.append(entry)
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "title": conversation.title,
        "created_s": conversation.created_s,
        "updated_s": conversation.updated_s,
        "pinned": conversation.pinned,
        "system_prompt": conversation.system_prompt,
        "sampling": asdict(conversation.sampling) if conversation.sampling else None,
        "image_pixels": conversation.image_pixels,
        "shown_leaf": number.get(conversation.leaf_id or 0),
        "messages": messages,
    }
    pictures = folder.texts(each.content for each in tree) if folder is not None else {}
    whole |= {"pictures": pictures} if pictures else {}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def load_chat_file(path: Path) -> ChatFile:
    """Reads and checks a file; may run in any thread.

    Raises:
        ChatFileError: it cannot be read or is not a whole chat of ours.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ChatFileError(f"{path.name} is larger than {MAX_FILE_BYTES // 1024**2} MB.", _WAY_OUT)
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ChatFileError(f"{path.name} is not a text file.", _WAY_OUT) from error
    except OSError as error:
        raise ChatFileError(
            f"{path.name} cannot be read: {error.strerror}.", "Check the file and try again."
        ) from error
    return parse_chat(text, path.name)


def parse_chat(text: str, name: str) -> ChatFile:
    """Checks the text of a file called `name`.

    Raises:
        ChatFileError: it is not a whole chat of ours.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ChatFileError(f"{name} is not JSON.", _WAY_OUT) from error
    reader = _Fields(raw if isinstance(raw, dict) else {}, name)
    if reader.raw.get("format") != FORMAT:
        raise ChatFileError(f"{name} is not a chat of Espalier.", _WAY_OUT)
    version = reader.integer("version")
    if version > VERSION:
        newer = f"{name} was exported by a newer version of Espalier (format {version})."
        raise ChatFileError(newer, "Import it with the newer version; nothing was imported.")
    return _chat(reader, name)


def take_in_pictures(chat: ChatFile, folder: PictureFolder, beside: Path) -> ChatFile:
    """Stores the pictures of a checked chat, those in the file and those beside it; may run in any thread.

    Args:
        folder: gets the pictures.
        beside: the folder of the file.

    Raises:
        ChatFileError: the pictures cannot be written.
    """
    try:
        return replace(chat, messages=folder.adopt(chat.messages, beside, chat.pictures), pictures={})
    except OSError as error:
        raise ChatFileError(
            f"The pictures of the chat cannot be written: {error.strerror}.", "Make room on the disk and try again."
        ) from error


def import_chat(store: ConversationStore, chat: ChatFile) -> int:
    """Adds a checked chat to the store; its new id."""
    return store.insert_tree(chat.conversation, chat.messages, chat.chosen)


def _chat(reader: _Fields, name: str) -> ChatFile:
    entries = reader.raw.get("messages")
    if not isinstance(entries, list):
        reader.refuse("messages")
    messages: dict[int, StoredMessage] = {}
    shown: dict[int, int] = {}
    for place, entry in enumerate(entries, start=1):
        fields = _Fields(entry if isinstance(entry, dict) else {}, f"{name}, message {place}")
        message = _message(fields, messages)
        messages[message.id] = message
        child = fields.optional("shown_child", int)
        if child is not None:
            shown[message.id] = child
    for parent, child in shown.items():
        if child not in messages or messages[child].parent_id != parent:
            raise ChatFileError(f"{name}: message {parent} shows a child that it does not have.", _WAY_OUT)
    leaf = reader.optional("shown_leaf", int)
    if leaf is not None and leaf not in messages:
        reader.refuse("shown_leaf")
    conversation = Conversation(
        id=0,
        title=" ".join(reader.text("title").split())[:MAX_TITLE] or name,
        created_s=reader.time("created_s"),
        updated_s=reader.time("updated_s"),
        leaf_id=leaf,
        system_prompt=reader.text("system_prompt"),
        sampling=_sampling(reader),
        pinned=reader.optional("pinned", bool) or False,
        image_pixels=_positive(reader, "image_pixels"),
    )
    return ChatFile(conversation, list(messages.values()), shown, _pictures(reader))


def _positive(fields: _Fields, key: str) -> int | None:
    value = fields.optional(key, int)
    if value is not None and not 0 < value < _MAX_PIXELS:
        fields.refuse(key)
    return value


def _pictures(reader: _Fields) -> dict[str, str]:
    raw = reader.optional("pictures", dict) or {}
    if not all(isinstance(text, str) for text in raw.values()):
        reader.refuse("pictures")
    return raw


def _message(fields: _Fields, earlier: Mapping[int, StoredMessage]) -> StoredMessage:
    number = fields.integer("id")
    parent = fields.optional("parent", int)
    if number in earlier:
        fields.refuse("id")
    if parent is not None and parent not in earlier:  # so there can be no ring
        fields.refuse("parent")
    state: MessageState = fields.one_of("state", get_args(MessageState))
    role: Role = fields.one_of("role", get_args(Role))
    return StoredMessage(
        number,
        0,
        parent,
        role,
        fields.text("content"),
        fields.time("created_s"),
        "interrupted" if state == "streaming" else state,
        fields.text("model") if "model" in fields.raw else "",
        _stats(fields),
        _error(fields),
        fields.time("thought_s") if fields.raw.get("thought_s") is not None else None,
    )


def _stats(fields: _Fields) -> ReplyStats | None:
    raw = fields.optional("stats", dict)
    if raw is None:
        return None
    inner = _Fields(raw, f"{fields.place}, stats")
    reason: FinishReason = inner.one_of("reason", get_args(FinishReason))
    return ReplyStats(
        inner.time("tokens_per_s"),
        inner.time("first_token_s"),
        inner.integer("new_tokens"),
        reason,
        _seed(inner),
        inner.optional("dropped_messages", int) or 0,
        inner.optional("left_out_images", int) or 0,
    )


def _seed(fields: _Fields) -> int | None:
    """Seeds take all that a setting of one may, which is more than other whole numbers of a file."""
    seed = fields.optional("seed", int)
    if seed is not None and not 0 <= seed < 2**63:
        fields.refuse("seed")
    return seed


def _error(fields: _Fields) -> ErrorText | None:
    raw = fields.optional("error", dict)
    if raw is None:
        return None
    inner = _Fields(raw, f"{fields.place}, error")
    return ErrorText(inner.text("message"), inner.text("way_out"))


def _sampling(reader: _Fields) -> SamplingSettings | None:
    raw = reader.optional("sampling", dict)
    if raw is None:
        return None
    try:
        settings = sampling_from(raw)
    except (TypeError, ValueError, EngineError):
        reader.refuse("sampling")
    defaults = asdict(SamplingSettings())
    if not all(_fits(value, defaults[name]) for name, value in asdict(settings).items()):
        reader.refuse("sampling")
    if not all(isinstance(each, str) for each in settings.stop_strings):
        reader.refuse("sampling")
    if not all(type(each) is int for each in settings.stop_token_ids):
        reader.refuse("sampling")
    return settings


def _fits(value: object, default: object) -> bool:
    """Whether a value is of its field's type; the range is checked where the field is declared."""
    if default is None:  # the seed
        return value is None or type(value) is int
    return type(value) is type(default) or (type(default) is float and type(value) is int)


@dataclass(frozen=True)
class _Fields:
    """One object of the file, asked for typed values."""

    raw: dict[str, Any]
    place: str

    def refuse(self, key: str) -> NoReturn:
        shown = repr(self.raw.get(key))
        shown = shown if len(shown) <= 40 else shown[:39] + "…"
        words = f"“{key}” is {shown}" if key in self.raw else f"“{key}” is missing"
        raise ChatFileError(f"{self.place}: {words}.", _WAY_OUT)

    def text(self, key: str) -> str:
        value = self.raw.get(key)
        if not isinstance(value, str):
            self.refuse(key)
        return storable(value)

    def integer(self, key: str) -> int:
        value = self.raw.get(key)
        if type(value) is not int or not 0 <= value < 2**62:
            self.refuse(key)
        return value

    def time(self, key: str) -> float:
        value = self.raw.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MAX_TIME_S:
            self.refuse(key)  # NaN is not inside either
        return float(value)

    def one_of(self, key: str, choices: tuple[Any, ...]) -> Any:
        value = self.raw.get(key)
        if not isinstance(value, str) or value not in choices:
            self.refuse(key)
        return value

    def optional(self, key: str, kind: type[_T]) -> _T | None:
        value = self.raw.get(key)
        if value is None:
            return None
        if type(value) is not kind:
            self.refuse(key)
        return value
