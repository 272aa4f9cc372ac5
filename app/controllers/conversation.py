"""The open conversation: what the user wants -> the store -> a request -> the store again.

The user's turn is in the store before the request leaves; a streaming reply is saved every second and at its end.
Knows nothing of widgets. Replies go on when another conversation is opened.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.models import ModelController
from app.engine_bridge import EngineBridge
from app.storage.conversations import ConversationStore
from app.storage.records import Conversation, ErrorText, MessageState, ReplyStats, StoredMessage
from engine.errors import Cancelled, EngineError
from engine.events import GenerationFinished, PrefillProgress, RequestFailed
from engine.requests import GenerateRequest, Message, SamplingSettings

SAVE_PERIOD_MS = 1000
TITLE_LENGTH = 60


@dataclass
class _Reply:
    """A reply that is being generated."""

    message: StoredMessage
    pieces: list[str] = field(default_factory=list)
    unsaved: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class ConversationController(QObject):
    """One open conversation at a time; none is open while a new chat has no message yet.

    Signals:
        opened: list of `StoredMessage` of the branch now shown.
        message_added: a `StoredMessage` at the end of the branch.
        message_removed: id of a message that is no longer on the branch.
        reply_text: message id and more of its text.
        reply_progress: message id, prompt tokens read, prompt tokens in all.
        reply_ended: the `StoredMessage` as it was saved.
        busy_changed: whether the open conversation has a running reply.
        setup_changed: system prompt or sampling of the open conversation are different.
        list_changed: titles, order or number of conversations are different.
    """

    opened = Signal(list)
    message_added = Signal(object)
    message_removed = Signal(int)
    reply_text = Signal(int, str)
    reply_progress = Signal(int, int, int)
    reply_ended = Signal(object)
    busy_changed = Signal(bool)
    setup_changed = Signal()
    list_changed = Signal()

    def __init__(
        self, store: ConversationStore, engine: EngineBridge, models: ModelController, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._engine = engine
        self._models = models
        self._current_id: int | None = None
        self._system_prompt = ""
        self._sampling: SamplingSettings | None = None
        self._replies: dict[int, _Reply] = {}  # by request id
        self._next_request_id = 1
        self._save_timer = QTimer(self, interval=SAVE_PERIOD_MS)
        self._save_timer.timeout.connect(self.save_running)
        engine.text.connect(self._on_text)
        engine.prefill_progress.connect(self._on_prefill)
        engine.finished.connect(self._on_finished)
        engine.failed.connect(self._on_failed)

    @property
    def current_id(self) -> int | None:
        return self._current_id

    @property
    def busy(self) -> bool:
        """Whether the open conversation has a running reply."""
        return self._running_here() is not None

    @property
    def system_prompt(self) -> str:
        return self._system_prompt

    @property
    def sampling(self) -> SamplingSettings:
        """The settings of the next reply: the conversation's own, else the model's."""
        if self._sampling is not None:
            return self._sampling
        return self._models.info.recommended if self._models.info else SamplingSettings()

    @property
    def has_own_sampling(self) -> bool:
        return self._sampling is not None

    @Slot()
    def new_chat(self) -> None:
        """Shows an empty chat; it enters the store with its first message."""
        self._show(None, [])

    def open(self, conversation_id: int) -> None:
        """Shows a stored conversation."""
        conversation = self._store.conversation(conversation_id)
        if conversation is None or conversation_id == self._current_id:
            return
        texts = {reply.message.id: reply.text for reply in self._replies.values()}
        branch = [
            replace(each, content=texts[each.id]) if each.id in texts else each
            for each in self._store.branch(conversation_id)
        ]
        self._show(conversation, branch)

    def send(self, text: str) -> None:
        """Stores the user's turn and asks for the reply to it."""
        if self.busy or not text.strip() or not self._models.is_ready:
            return
        if self._current_id is None:
            title = _title(text)
            self._current_id = self._store.create_conversation(title, self._system_prompt, self._sampling).id
        conversation = self._store.conversation(self._current_id)
        assert conversation is not None
        turn = self._store.add_message(self._current_id, conversation.leaf_id, "user", text)
        self.message_added.emit(turn)
        self._start_reply(turn)
        self.list_changed.emit()

    @Slot()
    def regenerate(self) -> None:
        """Asks again for the last reply; the old one stays in the tree beside the new one."""
        if self.busy or self._current_id is None or not self._models.is_ready:
            return
        branch = self._store.branch(self._current_id)
        while branch and branch[-1].role == "assistant":
            self.message_removed.emit(branch.pop().id)
        if branch:
            self._start_reply(branch[-1])

    @Slot()
    def stop(self) -> None:
        """Stops the reply of the open conversation; what has arrived stays."""
        request_id = self._running_here()
        if request_id is not None:
            self._engine.cancel(request_id)

    def set_system_prompt(self, text: str) -> None:
        """Sets what precedes every later request of this conversation."""
        self._system_prompt = text
        if self._current_id is not None:
            self._store.set_system_prompt(self._current_id, text)

    def set_sampling(self, sampling: SamplingSettings | None) -> None:
        """Sets the sampling of this conversation; None goes back to what the model recommends."""
        self._sampling = sampling
        if self._current_id is not None:
            self._store.set_sampling(self._current_id, sampling)
        if sampling is None:
            self.setup_changed.emit()

    def rename(self, conversation_id: int, title: str) -> None:
        """Gives a conversation another title; an empty one is ignored."""
        if title.strip():
            self._store.rename(conversation_id, title.strip())
            self.list_changed.emit()

    def delete(self, conversation_id: int) -> None:
        """Hides a conversation; `undelete` brings it back until the next start."""
        for request_id, reply in self._replies.items():
            if reply.message.conversation_id == conversation_id:
                self._engine.cancel(request_id)
        self._store.set_deleted(conversation_id, True)
        if conversation_id == self._current_id:
            self.new_chat()
        self.list_changed.emit()

    def undelete(self, conversation_id: int) -> None:
        """Brings a deleted conversation back and shows it."""
        self._store.set_deleted(conversation_id, False)
        self.list_changed.emit()
        self.open(conversation_id)

    @Slot()
    def save_running(self) -> None:
        """Writes what has arrived of every running reply."""
        for reply in self._replies.values():
            if reply.unsaved:
                reply.unsaved = False
                self._store.save_reply(reply.message.id, reply.text)

    def _show(self, conversation: Conversation | None, branch: list[StoredMessage]) -> None:
        self._current_id = conversation.id if conversation else None
        self._system_prompt = conversation.system_prompt if conversation else ""
        self._sampling = conversation.sampling if conversation else None
        self.opened.emit(branch)
        self.setup_changed.emit()
        self.busy_changed.emit(self.busy)

    def _start_reply(self, turn: StoredMessage) -> None:
        branch = self._store.branch(turn.conversation_id)
        history = branch[: 1 + next(i for i, each in enumerate(branch) if each.id == turn.id)]
        model_name = self._models.info.name if self._models.info else ""
        message = self._store.add_message(turn.conversation_id, turn.id, "assistant", "", "streaming", model_name)
        request_id, self._next_request_id = self._next_request_id, self._next_request_id + 1
        self._replies[request_id] = _Reply(message)
        self._save_timer.start()
        self.message_added.emit(message)
        self.busy_changed.emit(True)
        messages = prompt_messages(self._system_prompt, history)
        self._engine.submit(GenerateRequest(request_id, messages, sampling=self.sampling))

    def _running_here(self) -> int | None:
        here = (i for i, reply in self._replies.items() if reply.message.conversation_id == self._current_id)
        return next(here, None)

    @Slot(int, str)
    def _on_text(self, request_id: int, text: str) -> None:
        reply = self._replies.get(request_id)
        if reply is None:
            return
        reply.pieces.append(text)
        reply.unsaved = True
        if reply.message.conversation_id == self._current_id:
            self.reply_text.emit(reply.message.id, text)

    @Slot(object)
    def _on_prefill(self, event: PrefillProgress) -> None:
        reply = self._replies.get(event.request_id)
        if reply is not None and reply.message.conversation_id == self._current_id:
            self.reply_progress.emit(reply.message.id, event.done_tokens, event.total_tokens)

    @Slot(object)
    def _on_finished(self, event: GenerationFinished) -> None:
        stats = ReplyStats(event.tokens_per_s, event.first_token_s, event.new_tokens, event.reason)
        self._end(event.request_id, stats, None)

    @Slot(object)
    def _on_failed(self, event: RequestFailed) -> None:
        self._end(event.request_id, None, event.error)

    def _end(self, request_id: int, stats: ReplyStats | None, error: EngineError | None) -> None:
        reply = self._replies.pop(request_id, None)
        if reply is None:
            return
        if not self._replies:
            self._save_timer.stop()
        cancelled = isinstance(error, Cancelled)
        card = ErrorText(error.message, error.way_out) if error is not None and not cancelled else None
        state: MessageState = "failed" if card else "interrupted" if cancelled else "complete"
        ended = replace(reply.message, content=reply.text, state=state, stats=stats, error=card)
        self._store.finish_reply(ended.id, ended.content, ended.state, ended.stats, ended.error)
        threading.Thread(target=self._store.checkpoint, name="checkpoint", daemon=True).start()
        if ended.conversation_id == self._current_id:
            self.reply_ended.emit(ended)
            self.busy_changed.emit(self.busy)


def prompt_messages(system_prompt: str, history: Iterable[StoredMessage]) -> tuple[Message, ...]:
    """The turns that the model sees.

    Empty replies (failed or stopped at once) are left out, and user turns that follow each other because of that are
    joined, since chat templates want the roles to alternate.
    """
    messages = [Message("system", system_prompt.strip())] if system_prompt.strip() else []
    for each in history:
        if not each.content:
            continue
        if messages and messages[-1].role == each.role:
            messages[-1] = Message(each.role, f"{messages[-1].content}\n\n{each.content}")
        else:
            messages.append(Message(each.role, each.content))
    return tuple(messages)


def _title(text: str) -> str:
    line = " ".join(text.strip().splitlines()[0].split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
