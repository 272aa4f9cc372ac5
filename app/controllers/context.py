"""How full the context is: counts the open chat with the draft as one types, and decides about what does not fit.

Where a chat would be cut is the engine's answer, the same for counting and for serving. Knows nothing of widgets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.chat_defaults import ChatDefaults
from app.controllers.conversation import ConversationController
from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.controllers.prompt import first_seen, last_cut, prompt_messages
from app.engine_bridge import EngineBridge
from app.storage.pictures import PictureFolder
from app.storage.records import StoredMessage
from app.storage.turns import split_turn
from engine.events import EngineStatus, GenerationStarted, PromptCounted
from engine.requests import GenerateRequest, Message

COUNT_DELAY_MS = 200


@dataclass(frozen=True)
class ContextState:
    """How the next message stands to the context.

    Attributes:
        used_tokens: the chat with the draft, or with the reply that is being written; None while nothing is known.
        context_tokens: what prompt and reply share.
        reply_tokens: of these, what a cut keeps free for the reply.
        dropped_messages: how many of the oldest would be, or will be, left out.
        kept_tokens: what there is without them.
        is_too_long: even the last message alone does not fit.
        needs_choice: the user has to say what shall happen.
        drops: the oldest are left out from here on.
        image_tokens: what images take of `used_tokens`.
    """

    used_tokens: int | None = None
    context_tokens: int = 0
    reply_tokens: int = 0
    dropped_messages: int = 0
    kept_tokens: int = 0
    is_too_long: bool = False
    needs_choice: bool = False
    drops: bool = False
    image_tokens: int = 0


class ContextController(QObject):
    """Signals:
    changed: `state` is different.
    cut_changed: id of the first message that the last reply of the open chat was given, 0 when it was given all.
    """

    changed = Signal()
    cut_changed = Signal(int)

    def __init__(
        self, chats: ConversationController, models: ModelController, engine: EngineBridge, defaults: ChatDefaults,
        preferences: Preferences, pictures: PictureFolder, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._chats, self._models, self._engine = chats, models, engine
        self._defaults, self._preferences, self._pictures = defaults, preferences, pictures
        self.state = ContextState()
        self._draft = ""
        self._history: list[StoredMessage] | None = None  # read when it is needed, not at every key
        self._accepted: set[int] = set()  # chats that the user lets be cut
        self._accepts_new = False  # the same of a chat that is not stored yet
        self._last_number = 0
        self._answer: PromptCounted | None = None
        self._engine_tokens = 0  # what the running reply had filled when the engine was last heard
        self._counted_at = 0  # the same when the last count was asked for
        self._ahead: int | None = None  # by how much a count with the draft was above that
        self._timer = QTimer(self, interval=COUNT_DELAY_MS, singleShot=True)
        self._timer.timeout.connect(self._count)
        chats.opened.connect(self._on_opened)
        chats.branch_changed.connect(self._on_branch)
        chats.message_added.connect(self._on_message)
        chats.message_removed.connect(self._on_history)
        chats.reply_started.connect(self._on_started)
        chats.reply_ended.connect(self._on_ended)
        chats.setup_changed.connect(self.recount)
        models.state_changed.connect(self._on_model)
        defaults.changed.connect(self.recount)
        preferences.changed.connect(self._on_preferences)
        engine.counted.connect(self._on_counted)
        engine.status_changed.connect(self._on_status)

    @property
    def drops(self) -> bool:
        """Whether the oldest turns of the open chat may be left out."""
        chat = self._chats.current_id
        accepted = self._accepts_new if chat is None else chat in self._accepted
        return accepted or self._preferences.settings.when_full == "drop_oldest"

    @property
    def may_send(self) -> bool:
        """Whether the next message can be sent as things are known to stand."""
        return not self.state.needs_choice and not self.state.is_too_long

    @Slot(str)
    def set_draft(self, text: str) -> None:
        """Takes the turn that is in the composer, as it would be stored; counted shortly after the last key."""
        if text != self._draft:
            self._draft = text
            self._timer.start()

    @Slot()
    def recount(self) -> None:
        """Counts again soon."""
        self._timer.start()

    @Slot()
    def accept_cut(self) -> None:
        """Lets the oldest turns of the open chat be left out; a reply that failed for them is asked for again."""
        self.allow_cut()
        branch = self._messages()
        if branch and branch[-1].role == "assistant" and branch[-1].error is not None and not self._has_draft:
            self._chats.regenerate()

    def allow_cut(self) -> None:
        """Lets the oldest turns of the open chat be left out from here on."""
        chat = self._chats.current_id
        if chat is None:
            self._accepts_new = True
        else:
            self._accepted.add(chat)
        self._settle()

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _has_draft(self) -> bool:
        return not split_turn(self._draft).is_empty

    def _messages(self) -> list[StoredMessage]:
        if self._history is None:
            self._history = self._chats.branch()
        return self._history

    @Slot()
    def _count(self) -> None:
        if not self._models.is_ready:
            return
        if self._chats.busy:  # the reply that runs is longer than when it was read
            self._history = None
        history = self._messages()
        if self._has_draft:
            history = [*history, StoredMessage(0, 0, None, "user", self._draft.strip("\n"), 0.0)]
        sees = self._models.info is not None and self._models.info.sees
        messages = prompt_messages(self._chats.system_prompt, history, self._pictures if sees else None)
        if not messages:
            self._answer = None
            self._settle()
            return
        if messages[-1].role != "user":
            messages = (*messages, Message("user", ""))
        self._counted_at = self._engine_tokens
        self._last_number += 1
        wish = GenerateRequest(
            self._last_number, messages, sampling=self._chats.sampling, thinking=self._defaults.thinking,
            image_pixels=self._chats.shown_pixels,
        )  # fmt: skip
        self._engine.count(wish)

    @Slot(object)
    def _on_counted(self, answer: PromptCounted) -> None:
        if answer.request_id == self._last_number:
            self._answer = answer
            if self._chats.busy and self._counted_at and answer.error is None:
                self._ahead = answer.prompt_tokens - self._counted_at
            self._settle()

    @Slot(object)
    def _on_status(self, status: EngineStatus) -> None:
        """While the reply of the open chat is written, the engine knows how much of the context it has filled."""
        if not self._chats.busy or status.tokens_per_s <= 0:
            return
        self._engine_tokens = status.context_used_tokens
        live = self._live_tokens()
        if live is None:
            if not self._timer.isActive():
                self._timer.start()
        elif self.state.used_tokens is not None:
            grown = replace(self.state, used_tokens=live)
            if grown != self.state:
                self.state = grown
                self.changed.emit()

    def _live_tokens(self) -> int | None:
        """What the reply that runs has filled, with the draft; None where one of both is not known.

        A count that was asked for before it, or while it was shorter, says less.
        """
        if not self._chats.busy or not self._engine_tokens:
            return None
        ahead = self._ahead if self._has_draft else 0
        return None if ahead is None else self._engine_tokens + ahead

    def _settle(self) -> None:
        """Makes the state of what is known."""
        self._chats.when_full = "drop_oldest" if self.drops else "refuse"
        answer, info = self._answer, self._models.info
        state = ContextState()
        if info is not None and self._models.is_ready:
            state = ContextState(0, info.context_tokens, drops=self.drops)
            if answer is not None and answer.error is not None:
                state = ContextState(None, info.context_tokens, drops=self.drops)
            elif answer is not None:
                live = self._live_tokens()
                needs = not answer.fits and answer.can_be_cut and not self.drops and not self._chats.busy
                state = ContextState(
                    answer.prompt_tokens if live is None else live,
                    answer.context_tokens,
                    answer.reply_tokens,
                    answer.dropped_messages,
                    answer.kept_tokens,
                    not answer.can_be_cut and answer.kept_tokens >= answer.context_tokens,
                    needs,
                    self.drops,
                    answer.image_tokens,
                )
        if state != self.state:
            self.state = state
            self.changed.emit()

    @Slot(list)
    def _on_opened(self, branch: list[StoredMessage]) -> None:
        self._accepts_new = False
        self._answer = None
        self._forget_reply()  # it may be another chat's
        self._on_branch(branch)
        self._settle()

    @Slot(list)
    def _on_branch(self, branch: list[StoredMessage]) -> None:
        self._history = list(branch)
        self.cut_changed.emit(last_cut(branch) or 0)
        self.recount()

    @Slot(object)
    def _on_message(self, _message: StoredMessage) -> None:
        if self._accepts_new and self._chats.current_id is not None:  # the new chat is stored now
            self._accepts_new = False
            self._accepted.add(self._chats.current_id)
        self._history = None

    @Slot()
    def _on_history(self) -> None:
        self._history = None
        self.recount()

    @Slot(int, object)
    def _on_started(self, message_id: int, event: GenerationStarted) -> None:
        self._forget_reply()
        branch = self._chats.branch()
        ids = [each.id for each in branch]
        above = branch[: ids.index(message_id)] if message_id in ids else []
        self.cut_changed.emit(first_seen(above, event.dropped_messages) or 0)

    @Slot(object)
    def _on_ended(self, _message: StoredMessage) -> None:
        self._forget_reply()
        self._history = None
        self.recount()

    def _forget_reply(self) -> None:
        self._engine_tokens, self._ahead = 0, None

    @Slot()
    def _on_model(self) -> None:
        self._answer = None
        self._settle()
        self.recount()

    @Slot(object)
    def _on_preferences(self, keys: frozenset[str]) -> None:
        if "when_full" in keys:
            self._settle()
