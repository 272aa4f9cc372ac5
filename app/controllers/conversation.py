"""The open conversation: what the user wants of its tree of messages -> the store -> a request.

The user's turn is in the store before the request leaves. Knows nothing of widgets. Replies go on when another
conversation is opened.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.chat_defaults import ChatDefaults
from app.controllers.models import ModelController
from app.controllers.prompt import ReplySetup, picture_words, reply_request
from app.controllers.replies import ReplyRunner
from app.engine_bridge import EngineBridge
from app.storage.conversations import ConversationStore
from app.storage.pictures import PictureFolder
from app.storage.records import Conversation, StoredMessage
from app.storage.rows import storable
from app.storage.search import search_branch
from app.storage.titles import suggest_title
from app.storage.turns import split_turn
from engine.events import GenerationStarted
from engine.requests import SamplingSettings, WhenFull

_FEW = 8  # messages that are taken off a view one by one


class ConversationController(QObject):
    """One open conversation at a time; none is open while a new chat has no message yet.

    The conversation is a tree: every message may have versions (siblings under one parent), the branch shown runs from
    the first message to the stored leaf. Nothing here overwrites a message, except that `continue_reply` adds to one.
    `edit`, `regenerate`, `regenerate_reply` and `continue_reply` do nothing while a reply runs in this conversation.

    Attributes:
        when_full: what becomes of a prompt that does not fit.

    Signals:
        opened: list of `StoredMessage` of the branch of a conversation that is now shown.
        branch_changed: list of `StoredMessage`: the same conversation shows another branch. Messages at the beginning
            whose ids a view has already are the same; a streaming one carries what has arrived of it.
        versions_changed: dict of message id -> `Versions` for every message of the conversation that has more than one
            version; comes after `opened`, `branch_changed`, `message_added` and `message_removed`.
        message_added: a `StoredMessage` at the end of the branch.
        message_removed: id of a message that is no longer on the branch.
        message_wanted: id of a message on the branch to scroll to, out of a search.
        messages_deleted: a `Deletion`, for a note with an undo that calls `undo_delete(deletion.id)`.
        reply_text: message id and more of its text.
        reply_looking: message id, pictures that the model has looked at, pictures in all.
        reply_started: id of the reply and its `GenerationStarted`.
        reply_progress: message id, prompt tokens read, prompt tokens in all.
        reply_ended: the `StoredMessage` as it was saved.
        busy_changed: whether the open conversation has a running reply.
        setup_changed: system prompt, sampling or image pixels of the open conversation are different.
        list_changed: titles, order or number of conversations are different.
        save_failed: why something could not be written; the text is not lost as long as the window is open.
        saved_again: what could not be written is.
        not_sent: a turn that could not be stored, to be put back where it was written.
    """

    opened = Signal(list)
    branch_changed = Signal(list)
    versions_changed = Signal(object)
    message_added = Signal(object)
    message_removed = Signal(int)
    message_wanted = Signal(int)
    messages_deleted = Signal(object)
    reply_text = Signal(int, str)
    reply_looking = Signal(int, int, int)
    reply_started = Signal(int, object)
    reply_progress = Signal(int, int, int)
    reply_ended = Signal(object)
    busy_changed = Signal(bool)
    setup_changed = Signal()
    list_changed = Signal()
    save_failed = Signal(str)
    saved_again = Signal()
    not_sent = Signal(str)

    def __init__(
        self, store: ConversationStore, engine: EngineBridge, models: ModelController, defaults: ChatDefaults,
        pictures: PictureFolder, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.when_full: WhenFull = "refuse"
        self._defaults = defaults
        self._store = store
        self._models = models
        self._pictures = pictures
        self._replies = ReplyRunner(store, engine, self)
        self._current_id: int | None = None
        self._system_prompt: str | None = None  # None: the default of the loaded model, until something is stored
        self._sampling: SamplingSettings | None = None
        self._image_pixels: int | None = None
        self._replies.text.connect(self._on_text)
        self._replies.looking.connect(self._on_looking)
        self._replies.started.connect(self._on_started)
        self._replies.progress.connect(self._on_progress)
        self._replies.ended.connect(self._on_ended)
        self._replies.save_failed.connect(self.save_failed)
        self._replies.saved_again.connect(self.saved_again)

    @property
    def current_id(self) -> int | None:
        return self._current_id

    @property
    def busy(self) -> bool:
        """Whether the open conversation has a running reply."""
        return self._replies.running_in(self._current_id) is not None

    @property
    def system_prompt(self) -> str:
        """The conversation's own; in a new chat that of the model's defaults."""
        return self._defaults.system_prompt if self._system_prompt is None else self._system_prompt

    @property
    def sampling(self) -> SamplingSettings:
        """The settings of the next reply: the conversation's own, else the model's defaults."""
        return self._sampling if self._sampling is not None else self._defaults.sampling

    @property
    def image_pixels(self) -> int | None:
        """The chat's choice of the most pixels of a picture that the model is shown; None: nothing was chosen."""
        return self._image_pixels

    @property
    def shown_pixels(self) -> int | None:
        """The most pixels of a picture that the loaded model is shown; None where it leaves no choice."""
        info = self._models.info
        if self._image_pixels is not None or info is None or info.image_budget is None:
            return self._image_pixels
        return info.image_budget.automatic(info.context_tokens)

    @property
    def has_own_sampling(self) -> bool:
        return self._sampling is not None

    def branch(self) -> list[StoredMessage]:
        """The messages shown, with what has arrived of a running reply."""
        if self._current_id is None:
            return []
        return self._replies.with_running_text(self._store.branch(self._current_id))

    # -- which conversation -------------------------------------------------------------------------------------------

    @Slot()
    def new_chat(self) -> None:
        """Shows an empty chat; it enters the store with its first message."""
        self._show(None)

    def open(self, conversation_id: int) -> None:
        """Shows a stored conversation."""
        conversation = self._store.conversation(conversation_id)
        if conversation is not None and conversation_id != self._current_id:
            self._show(conversation)

    def open_at(self, conversation_id: int, message_id: int) -> None:
        """Shows a conversation with the branch through a message and asks the view to go there."""
        self.open(conversation_id)
        message = self._store.message(message_id)
        if message is None or message.conversation_id != self._current_id:
            return
        if message_id not in {each.id for each in self._store.branch(conversation_id)}:
            self.show_version(message_id)
        self.message_wanted.emit(message_id)

    def rename(self, conversation_id: int, title: str) -> None:
        """Gives a conversation another title; an empty one is ignored."""
        if title.strip():
            self._store.rename(conversation_id, " ".join(title.split()))
            self.list_changed.emit()

    def delete(self, conversation_id: int) -> None:
        """Hides a conversation; `undelete` brings it back until the next start."""
        self._replies.stop_in(conversation_id)
        self._store.set_deleted(conversation_id, True)
        if conversation_id == self._current_id:
            self.new_chat()
        self.list_changed.emit()

    def undelete(self, conversation_id: int) -> None:
        """Brings a deleted conversation back and shows it."""
        self._store.set_deleted(conversation_id, False)
        self.list_changed.emit()
        self.open(conversation_id)

    # -- setup --------------------------------------------------------------------------------------------------------

    def set_system_prompt(self, text: str) -> None:
        """Sets what precedes every later request of this conversation."""
        self._system_prompt = text
        if self._current_id is not None:
            self._store.set_system_prompt(self._current_id, text)
        self.setup_changed.emit()

    def set_sampling(self, sampling: SamplingSettings | None) -> None:
        """Sets the sampling of this conversation; None goes back to the model's defaults."""
        self._sampling = sampling
        if self._current_id is not None:
            self._store.set_sampling(self._current_id, sampling)
        self.setup_changed.emit()

    def set_image_pixels(self, pixels: int | None) -> None:
        """Sets how many pixels of a picture the model is shown; None leaves it to the model."""
        self._image_pixels = pixels
        if self._current_id is not None:
            self._store.set_image_pixels(self._current_id, pixels)
        self.setup_changed.emit()

    # -- replies ------------------------------------------------------------------------------------------------------

    def send(self, text: str, start_with: str = "") -> None:
        """Stores the user's turn and asks for the reply to it, which begins with `start_with`."""
        if self.busy or not text.strip() or not self._models.is_ready:
            return
        try:
            turn = self._store_turn(text)
        except sqlite3.Error as error:
            self.save_failed.emit(str(error))
            self.not_sent.emit(text)
            return
        self.message_added.emit(turn)
        self._start_reply(turn, start_with)
        self.list_changed.emit()

    @Slot()
    def regenerate(self) -> None:
        """Asks again for the last reply; the old one stays as a version."""
        branch = self._store.branch(self._current_id) if self._current_id is not None else []
        if branch:
            self.regenerate_reply(branch[-1].id)

    def regenerate_reply(self, message_id: int, start_with: str = "") -> None:
        """Makes another version of a reply anywhere on the branch, or replies to a user's turn.

        Args:
            message_id: a reply, or a user's turn that is to be answered (again).
            start_with: the first words of the new version, which the model goes on from.
        """
        if self.busy or self._current_id is None or not self._models.is_ready:
            return
        branch = self._store.branch(self._current_id)
        end = next((place for place, each in enumerate(branch) if each.id == message_id), -1)
        while end >= 0 and branch[end].role == "assistant":
            end -= 1
        if end >= 0:
            self._take_off(branch, end + 1)
            self._start_reply(branch[end], start_with)

    @Slot()
    def continue_reply(self) -> None:
        """Lets the model go on where the last reply ended; the text is added to the same message."""
        if self.busy or self._current_id is None or not self._models.is_ready:
            return
        branch = self._store.branch(self._current_id)
        if not branch or branch[-1].role != "assistant" or not branch[-1].content:
            return
        message = replace(branch[-1], state="streaming", stats=None, error=None)
        self._store.resume_reply(message.id)
        self._run(message, branch[:-1])
        self._show_branch()
        self.busy_changed.emit(True)

    @Slot()
    def stop(self) -> None:
        """Stops the reply of the open conversation; what has arrived stays."""
        self._replies.stop_in(self._current_id)

    @Slot()
    def save_running(self) -> None:
        """Writes what has arrived of every running reply."""
        self._replies.save()

    # -- the tree -----------------------------------------------------------------------------------------------------

    def edit(self, message_id: int, text: str) -> None:
        """Makes another version of a message of either side with other words; the old one and its branch stay.

        After a user's turn the model replies to the new words, when one is loaded.
        """
        message = self._store.message(message_id)
        if self.busy or message is None or message.conversation_id != self._current_id or not text.strip():
            return
        if text != message.content:
            message = self._store.edit_message(message_id, storable(text))
            self._show_branch()
            self.list_changed.emit()
        if message.role == "user":
            self.regenerate_reply(message.id)

    def show_version(self, message_id: int) -> None:
        """Shows the branch through a message of this conversation, as it was last read."""
        message = self._store.message(message_id)
        if message is not None and message.conversation_id == self._current_id:
            self._store.show_version(message_id)
            self._show_branch()

    def step_version(self, message_id: int, step: int) -> None:
        """Shows the version before (-1) or after (1) a message; nothing at the ends."""
        place = self._store.versions(self._current_id).get(message_id) if self._current_id is not None else None
        wanted = (place.previous_id if step < 0 else place.next_id) if place else None
        if wanted is not None:
            self.show_version(wanted)

    def step_last_version(self, step: int) -> None:
        """The same for the last message of the branch that has versions."""
        if self._current_id is None:
            return
        places = self._store.versions(self._current_id)
        last = next((each.id for each in reversed(self._store.branch(self._current_id)) if each.id in places), None)
        if last is not None:
            self.step_version(last, step)

    def branch_here(self, message_id: int) -> None:
        """Makes a new conversation of the messages up to one and opens it."""
        message = self._store.message(message_id)
        source = self._store.conversation(message.conversation_id) if message else None
        if source is not None:
            self._replies.save()
            made = self._store.branch_here(message_id, self.tr("{0} (branch)").format(source.title))
            self._show(made)
            self.list_changed.emit()

    def delete_message(self, message_id: int) -> None:
        """Takes a message and everything after it, in all versions, out of the conversation; can be undone."""
        message = self._store.message(message_id)
        if message is None or message.conversation_id != self._current_id:
            return
        running = self._replies.running_in(self._current_id)
        ids = [each.id for each in self._store.branch(message.conversation_id)]
        if running is not None and message_id in ids and running.id in ids[ids.index(message_id) :]:
            self.stop()
        deletion = self._store.delete_message(message_id)
        self._show_branch()
        self.messages_deleted.emit(deletion)

    def undo_delete(self, deletion_id: int) -> None:
        """Puts deleted messages back and shows the branch of then, in its conversation."""
        conversation_id = self._store.restore_messages(deletion_id)
        if conversation_id is None:
            return
        if conversation_id == self._current_id:
            self._show_branch()
        else:
            self.open(conversation_id)

    def find(self, query: str) -> dict[int, tuple[tuple[int, int], ...]]:
        """Search in this chat: message id -> start and length of each place in its source, in the branch's order."""
        return search_branch(query, self.branch())

    # -- inside -------------------------------------------------------------------------------------------------------

    def _show(self, conversation: Conversation | None) -> None:
        self._current_id = conversation.id if conversation else None
        self._system_prompt = conversation.system_prompt if conversation else None
        self._sampling = conversation.sampling if conversation else None
        self._image_pixels = conversation.image_pixels if conversation else None
        self.opened.emit(self.branch())
        self._tell_versions()
        self.setup_changed.emit()
        self.busy_changed.emit(self.busy)

    def _show_branch(self) -> None:
        self.branch_changed.emit(self.branch())
        self._tell_versions()

    def _tell_versions(self) -> None:
        self.versions_changed.emit(self._store.versions(self._current_id) if self._current_id is not None else {})

    def _store_turn(self, text: str) -> StoredMessage:
        words = storable(text)
        if self._current_id is None:
            self._system_prompt = self.system_prompt
            plain = (self._title_of(words), self._system_prompt, self._sampling)
            self._current_id = self._store.create_conversation(*plain, image_pixels=self._image_pixels).id
        conversation = self._store.conversation(self._current_id)
        assert conversation is not None
        turn = self._store.add_message(self._current_id, conversation.leaf_id, "user", words)
        threading.Thread(target=self._store.checkpoint, name="checkpoint", daemon=True).start()
        return turn

    def _title_of(self, words: str) -> str:
        turn = split_turn(words)
        shown = self.tr("Image: {0}").format(turn.pictures[0].words) if turn.pictures and turn.pictures[0].words else ""
        return suggest_title(turn.text) or shown or self.tr("New chat")

    def _take_off(self, branch: list[StoredMessage], start: int) -> None:
        """Takes the messages from `start` on off the view."""
        if len(branch) - start > _FEW:
            self.branch_changed.emit(branch[:start])
            return
        for each in reversed(branch[start:]):
            self.message_removed.emit(each.id)

    def _start_reply(self, turn: StoredMessage, start_with: str) -> None:
        branch = self._store.branch(turn.conversation_id)
        history = branch[: 1 + next(place for place, each in enumerate(branch) if each.id == turn.id)]
        name = self._models.info.name if self._models.info else ""
        words = storable(start_with)
        message = self._store.add_message(turn.conversation_id, turn.id, "assistant", words, "streaming", name)
        self.message_added.emit(message)
        self._tell_versions()
        self._run(message, history)
        self.busy_changed.emit(True)

    def _run(self, message: StoredMessage, history: list[StoredMessage]) -> None:
        plain = (self.system_prompt, self.sampling, self._defaults.thinking, self.when_full)
        setup = ReplySetup(*plain, self._pictures, self.shown_pixels)
        self._replies.start(message, reply_request(setup, history, message.content), picture_words(history))

    @Slot(object, str)
    def _on_text(self, message: StoredMessage, text: str) -> None:
        if message.conversation_id == self._current_id:
            self.reply_text.emit(message.id, text)

    @Slot(object, int, int)
    def _on_looking(self, message: StoredMessage, done: int, total: int) -> None:
        if message.conversation_id == self._current_id:
            self.reply_looking.emit(message.id, done, total)

    @Slot(object, object)
    def _on_started(self, message: StoredMessage, event: GenerationStarted) -> None:
        if message.conversation_id == self._current_id:
            self.reply_started.emit(message.id, event)

    @Slot(object, int, int)
    def _on_progress(self, message: StoredMessage, done_tokens: int, total_tokens: int) -> None:
        if message.conversation_id == self._current_id:
            self.reply_progress.emit(message.id, done_tokens, total_tokens)

    @Slot(object)
    def _on_ended(self, message: StoredMessage) -> None:
        if message.conversation_id == self._current_id:
            self.reply_ended.emit(message)
            self.busy_changed.emit(self.busy)
