"""Replies that are being generated: request -> engine -> the store, while whatever conversation is open.

What has arrived is saved twice a second, so that a kill loses less than a second of text. Knows nothing of widgets or
of which conversation is shown.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.thinking_clock import ThinkingClock
from app.engine_bridge import EngineBridge
from app.storage.conversations import ConversationStore
from app.storage.records import ErrorKind, ErrorText, MessageState, ReplyStats, StoredMessage
from engine.errors import Cancelled, ContextTooLongError, EngineError, InvalidRequestError
from engine.events import EncodingImages, GenerationFinished, GenerationStarted, PrefillProgress, RequestFailed
from engine.requests import GenerateRequest

SAVE_PERIOD_MS = 500


@dataclass
class _Reply:
    """A reply that is being generated; `pieces` begin with what stood there before."""

    message: StoredMessage
    pieces: list[str] = field(default_factory=list)
    unsaved: bool = False
    started: GenerationStarted | None = None
    clock: ThinkingClock = field(default_factory=ThinkingClock)
    picture_words: Mapping[str, str] = field(default_factory=dict)
    num_images: int = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class ReplyRunner(QObject):
    """Signals:
    text: the `StoredMessage` as it was at its start, and more of its text.
    looking: the same message, how many pictures the model has looked at, and of how many.
    started: the same message and its `GenerationStarted`.
    progress: the same message, prompt tokens read, prompt tokens in all.
    ended: the `StoredMessage` as it is now, saved if the disk allows.
    save_failed: why a reply could not be written; said once, it is tried again and again.
    saved_again: what could not be written is.
    """

    text = Signal(object, str)
    looking = Signal(object, int, int)
    started = Signal(object, object)
    progress = Signal(object, int, int)
    ended = Signal(object)
    save_failed = Signal(str)
    saved_again = Signal()

    def __init__(self, store: ConversationStore, engine: EngineBridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._engine = engine
        self._replies: dict[int, _Reply] = {}  # by request id
        self._unwritten: list[StoredMessage] = []  # over, but the disk refused them
        self._next_request_id = 1
        self._failing = False
        self._timer = QTimer(self, interval=SAVE_PERIOD_MS)
        self._timer.timeout.connect(self.save)
        engine.text.connect(self._on_text)
        engine.encoding.connect(self._on_encoding)
        engine.started.connect(self._on_started)
        engine.prefill_progress.connect(self._on_prefill)
        engine.finished.connect(self._on_finished)
        engine.failed.connect(self._on_failed)

    def start(
        self, message: StoredMessage, request: GenerateRequest, picture_words: Mapping[str, str] | None = None
    ) -> None:
        """Asks for a reply whose message is in the store already; text it has by now is kept before the new.

        The request gets an id here, whatever it has.

        Args:
            picture_words: what people call the files of its pictures.
        """
        request_id, self._next_request_id = self._next_request_id, self._next_request_id + 1
        clock = ThinkingClock(message.content, message.thought_s)
        pieces = [message.content] if message.content else []
        words, num_images = picture_words or {}, request.num_images
        self._replies[request_id] = _Reply(
            message, pieces, clock=clock, picture_words=words, num_images=num_images
        )  # fmt: skip
        self._timer.start()
        self._engine.submit(replace(request, request_id=request_id))

    def running_in(self, conversation_id: int | None) -> StoredMessage | None:
        """The reply that runs in a conversation."""
        here = (each.message for each in self._replies.values() if each.message.conversation_id == conversation_id)
        return next(here, None)

    def stop_in(self, conversation_id: int | None) -> None:
        """Stops what runs in a conversation; what has arrived stays."""
        for request_id, reply in self._replies.items():
            if reply.message.conversation_id == conversation_id:
                self._engine.cancel(request_id)

    def with_running_text(self, branch: list[StoredMessage]) -> list[StoredMessage]:
        """The same messages with what has arrived of them by now."""
        here = {reply.message.id: reply for reply in self._replies.values()}
        return [
            replace(each, content=here[each.id].text, thought_s=here[each.id].clock.thought_s) if each.id in here
            else each
            for each in branch
        ]  # fmt: skip

    @Slot()
    def save(self) -> None:
        """Writes what has arrived of every running reply."""
        try:
            while self._unwritten:
                self._write_end(self._unwritten[0])
                self._unwritten.pop(0)
            for reply in self._replies.values():
                if reply.unsaved:
                    self._store.save_reply(reply.message.id, reply.text, reply.clock.thought_s)
                    reply.unsaved = False
        except sqlite3.Error as error:
            self._report(error)
            return
        if self._failing:
            self._failing = False
            self.saved_again.emit()
        if not self._replies:
            self._timer.stop()

    @Slot(int, str)
    def _on_text(self, request_id: int, text: str) -> None:
        reply = self._replies.get(request_id)
        if reply is not None:
            reply.pieces.append(text)
            reply.clock.feed(text)
            reply.unsaved = True
            self.text.emit(reply.message, text)

    @Slot(object)
    def _on_encoding(self, event: EncodingImages) -> None:
        reply = self._replies.get(event.request_id)
        if reply is not None:
            self.looking.emit(reply.message, event.done, event.total)

    @Slot(object)
    def _on_started(self, event: GenerationStarted) -> None:
        reply = self._replies.get(event.request_id)
        if reply is not None:
            reply.started = event
            self.started.emit(reply.message, event)

    @Slot(object)
    def _on_prefill(self, event: PrefillProgress) -> None:
        reply = self._replies.get(event.request_id)
        if reply is not None:
            self.progress.emit(reply.message, event.done_tokens, event.total_tokens)

    @Slot(object)
    def _on_finished(self, event: GenerationFinished) -> None:
        reply = self._replies.get(event.request_id)
        started = reply.started if reply is not None else None
        stats = ReplyStats(event.tokens_per_s, event.first_token_s, event.new_tokens, event.reason)
        if started is not None:
            left_out = started.left_out_images
            stats = replace(
                stats, seed=started.seed, dropped_messages=started.dropped_messages, left_out_images=left_out
            )  # fmt: skip
        self._end(event.request_id, stats, None)

    @Slot(object)
    def _on_failed(self, event: RequestFailed) -> None:
        self._end(event.request_id, None, event.error)

    def _end(self, request_id: int, stats: ReplyStats | None, error: EngineError | None) -> None:
        reply = self._replies.pop(request_id, None)
        if reply is None:
            return
        cancelled = isinstance(error, Cancelled)
        card = None
        if error is not None and not cancelled:
            card = error_text(error, reply.picture_words, has_images=reply.num_images > 0)
        state: MessageState = "failed" if card else "interrupted" if cancelled else "complete"
        reply.clock.finish()
        ended = replace(
            reply.message, content=reply.text, state=state, stats=stats, error=card, thought_s=reply.clock.thought_s
        )  # fmt: skip
        self._unwritten.append(ended)
        self.save()
        threading.Thread(target=self._store.checkpoint, name="checkpoint", daemon=True).start()
        self.ended.emit(ended)

    def _write_end(self, message: StoredMessage) -> None:
        self._store.finish_reply(
            message.id, message.content, message.state, message.stats, message.error, message.thought_s
        )  # fmt: skip

    def _report(self, error: sqlite3.Error) -> None:
        if not self._failing:
            self._failing = True
            self._timer.start()
            self.save_failed.emit(str(error))


def error_text(
    error: EngineError, picture_words: Mapping[str, str] | None = None, *, has_images: bool = False
) -> ErrorText:
    """An error as it is stored with the reply that it ended; files of pictures get the names that people know.

    Args:
        has_images: the request had some, so that a refusal can be about them.
    """
    kind: ErrorKind = ""
    if isinstance(error, ContextTooLongError):
        kind = "full_context" if error.can_be_cut else "small_context"
    elif has_images and _is_about_a_picture(error):
        kind = "picture"
    message = error.message
    for name, words in (picture_words or {}).items():
        message = message.replace(name, words)
    return ErrorText(message, error.way_out, kind)


def _is_about_a_picture(error: EngineError) -> bool:
    from engine.vision.image_file import ImageFileError  # here: it brings Pillow, which no start waits for

    return isinstance(error, ImageFileError | InvalidRequestError)
