"""The chat page: model bar, banners, transcript or empty state, composer. Knows nothing of the store or the engine."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.figures import count
from app.pictures.desk import PictureDesk
from app.resources_paths import example_picture_path
from app.storage.records import StoredMessage
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, column_side
from app.views.chat.composer import Composer
from app.views.chat.context_row import ContextRow
from app.views.chat.empty_state import EmptyState
from app.views.chat.error_card import ErrorCard
from app.views.chat.full_notice import FullNotice
from app.views.chat.model_bar import ModelBar
from app.views.chat.sight_notice import SightNotice
from app.views.chat.transcript import Transcript
from app.views.widgets import IconButton, clear_layout, label, panel, push_button, thin_line
from engine.errors import DeviceError, EngineError, ModelFormatError, NotEnoughMemoryError, UnsupportedModelError
from engine.events import ModelInfo

COMPACT_BELOW_PX = 560


class ChatPage(QFrame):
    """Signals:
    load_retry_requested: load the model that failed again.
    context_accepted: load it with this many tokens of context instead.
    processor_accepted: load it on the processor instead.
    """

    load_retry_requested = Signal()
    context_accepted = Signal(int)
    processor_accepted = Signal()

    def __init__(
        self, theme: Theme, desk: PictureDesk, parent: QWidget | None = None, attachments: Path | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "page")
        self._theme = theme
        self._has_messages = False
        self.model_bar = ModelBar(theme)
        self.transcript = Transcript(theme, attachments=attachments, desk=desk)
        self.empty = EmptyState(theme)
        self.composer = Composer(theme, desk)
        self.sight_notice = SightNotice(theme)
        self.full_notice = FullNotice(theme)
        self.context_row = ContextRow(theme)
        self.empty.example_chosen.connect(self.composer.set_text)
        self.empty.picture_example_chosen.connect(self._show_example_picture)
        self.composer.edit_last_requested.connect(self.transcript.edit_last_turn)
        asked = self.transcript
        for each in (
            asked.edit_submitted, asked.start_over_requested, asked.regenerate_requested, asked.continue_requested,
            asked.branch_requested, asked.delete_requested, asked.version_step_requested,
        ):  # fmt: skip
            each.connect(self._go_on_writing)
        self._banners = QVBoxLayout()
        self._banners.setSpacing(SPACE_8)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.transcript)
        self._banner_margins = QHBoxLayout()
        self._banner_margins.addLayout(self._banners)
        self._composer_margins = QVBoxLayout()
        self._composer_margins.setSpacing(SPACE_8)
        self._composer_margins.addWidget(self.full_notice)
        self._composer_margins.addWidget(self.sight_notice)
        self._composer_margins.addWidget(self.composer)
        self._composer_margins.addWidget(self.context_row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.model_bar)
        layout.addWidget(thin_line())
        layout.addLayout(self._banner_margins)
        layout.addWidget(self._stack, 1)
        layout.addLayout(self._composer_margins)

    @Slot(list)
    def show_messages(self, messages: list[StoredMessage]) -> None:
        """Shows a conversation, or the empty state when it has no message."""
        self._has_messages = bool(messages)
        self._stack.setCurrentWidget(self.transcript if messages else self.empty)
        self.transcript.show_messages(messages)

    def await_messages(self) -> None:
        """A conversation is about to be shown: nothing is said about a new one."""
        self._stack.setCurrentWidget(self.transcript)

    @Slot(list)
    def update_branch(self, messages: list[StoredMessage]) -> None:
        """Shows another branch of the conversation on view."""
        if self._has_messages and messages:
            self.transcript.update_branch(messages)
        else:
            self.show_messages(messages)

    @Slot(object)
    def add_message(self, message: StoredMessage) -> None:
        """Adds a message at the end."""
        self._has_messages = True
        self._stack.setCurrentWidget(self.transcript)
        self.transcript.add_message(message)

    def show_no_model(self, has_demo: bool) -> None:
        """Nothing is loaded."""
        self.model_bar.show_none()
        self.empty.show_no_model(has_demo)
        self.composer.set_ready(False, self.tr("Load a model to start writing"))
        self.clear_banners()

    def show_loading(self, name: str, cancelling: bool) -> None:
        """A model is being loaded."""
        self.model_bar.show_loading(name, cancelling)
        self.empty.show_loading(name)
        self.composer.set_ready(False, self.tr("You can write while the model loads"))
        self.clear_banners()

    def show_model(self, info: ModelInfo, is_demo: bool) -> None:
        """A model is ready."""
        self.model_bar.show_model(info, is_demo)
        self.empty.show_new_chat(info.name, is_demo)
        self.composer.set_ready(True, self.tr("Write a message"))
        self.clear_banners()
        if is_demo:
            self._show_demo_banner(info)

    def show_load_error(self, error: EngineError, on_processor: bool = False) -> None:
        """The last load failed, on the processor or elsewhere."""
        card = ErrorCard(self._theme, error.message, error.way_out)
        card.retry_requested.connect(self.load_retry_requested)
        if isinstance(error, NotEnoughMemoryError) and error.suggested_cache_tokens is not None:
            tokens = error.suggested_cache_tokens
            words = self.tr("Load with {0} tokens").format(count(tokens))
            card.offer(words, lambda: self.context_accepted.emit(tokens))
        elif isinstance(error, ModelFormatError | UnsupportedModelError):  # again would be the same again
            card.offer(self.tr("Open another folder…"), self.model_bar.folder_requested.emit)
        elif isinstance(error, DeviceError) and not on_processor:
            card.offer(self.tr("Load on the processor"), self.processor_accepted.emit)
        self._add_banner(card)

    def clear_banners(self) -> None:
        clear_layout(self._banners)
        self._fit_margins()

    @Slot(str)
    def _show_example_picture(self, words: str) -> None:
        if not self.composer.tray.num_pictures:
            self.composer.add_files([example_picture_path()])
        self.composer.set_text(words)

    @Slot()
    def _go_on_writing(self) -> None:
        """The message that had the keyboard is about to be taken off."""
        self.composer.input.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.model_bar.set_compact(self.width() < COMPACT_BELOW_PX)
        self._fit_margins()

    def _show_demo_banner(self, info: ModelInfo) -> None:
        millions = round(info.num_parameters / 1e6)
        words = self.tr(
            "Demo model: a toy of {0} million parameters for a first look. It knows little and is often wrong."
        ).format(millions)
        banner = panel("banner")
        banner.setObjectName("demo_banner")
        row = QHBoxLayout(banner)
        row.setContentsMargins(SPACE_12, SPACE_8, SPACE_8, SPACE_8)
        row.setSpacing(SPACE_8)
        row.addWidget(label(self._theme, words, font="small", wrap=True), 1)
        row.addWidget(push_button(self.tr("Open a real model…"), self.model_bar.folder_requested.emit))
        close = IconButton(self._theme, "close", self.tr("Close this note"))
        close.clicked.connect(self.clear_banners)
        row.addWidget(close)
        self._add_banner(banner)

    def _add_banner(self, banner: QWidget) -> None:
        self._banners.addWidget(banner)
        banner.show()
        self._fit_margins()

    def _fit_margins(self) -> None:
        side = column_side(self.width())
        top = SPACE_12 if self._banners.count() else 0
        self._banner_margins.setContentsMargins(side, top, side, 0)
        self._composer_margins.setContentsMargins(side, 0, side, SPACE_8)
