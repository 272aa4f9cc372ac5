"""An error as a card: what happened, the way out, and buttons. Knows nothing of where the error came from."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.error_words import error_words
from app.theme.theme import Theme
from app.theme.tokens import ICON_PX, SPACE_4, SPACE_12, SPACE_16
from app.views.flow import FlowLayout
from app.views.widgets import label, push_button, set_state


class ErrorCard(QFrame):
    """Signals:
    retry_requested: the user wants to try again.
    """

    retry_requested = Signal()

    def __init__(self, theme: Theme, message: str, way_out: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        message, way_out = error_words(message), error_words(way_out)
        self.setProperty("kind", "error")
        self._theme = theme
        self._details = f"{message}\n{way_out}".strip()
        self.setAccessibleName(self.tr("Error: {0}").format(message))
        self._sign = QLabel()
        self._sign.setFixedSize(ICON_PX, ICON_PX)
        self._message = label(theme, message, wrap=True)
        self._way_out = label(theme, way_out, kind="muted", wrap=True)
        self._way_out.setVisible(bool(way_out))
        for each in (self._message, self._way_out):
            each.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            each.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.retry_button = push_button(self.tr("Retry"), self.retry_requested.emit, "primary")
        self.copy_button = push_button(self.tr("Copy details"), self._copy)
        self._offered: list[QPushButton] = []
        self._buttons = FlowLayout()
        self._buttons.addWidget(self.retry_button)
        self._buttons.addWidget(self.copy_button)
        words = QVBoxLayout()
        words.setSpacing(SPACE_4)
        words.addWidget(self._message)
        words.addWidget(self._way_out)
        words.addSpacing(SPACE_4)
        words.addLayout(self._buttons)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_16, SPACE_12, SPACE_16, SPACE_12)
        layout.setSpacing(SPACE_12)
        layout.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        theme.changed.connect(self._retint)
        self._retint()

    def offer(self, text: str, handler: Callable[[], object]) -> None:
        """Puts the way out before the other buttons, also before one that was offered earlier."""
        for each in (self.retry_button, *self._offered):
            set_state(each, "kind", "")
        self._offered.append(push_button(text, handler, "primary"))
        self._buttons.put_first(self._offered[-1])

    def set_open(self, is_open: bool) -> None:
        """Whether something can still be done about it."""
        for each in (self.retry_button, *self._offered):
            each.setVisible(is_open)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._details)

    @Slot()
    def _retint(self) -> None:
        self._sign.setPixmap(self._theme.pixmap("warning", "danger", ICON_PX, self.devicePixelRatioF()))
