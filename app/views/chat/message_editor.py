"""The field in which a message is edited where it stands. Knows nothing of what becomes of the text.

Ctrl+Enter takes the text; for what is sent, Enter does so too and Shift+Enter breaks the line, as in the composer.
"""

from __future__ import annotations

from math import ceil

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.widgets import push_button

MAX_LINES = 16


class MessageEditor(QFrame):
    """Signals:
    accepted: the new text.
    cancelled: the message stays as it is.
    """

    accepted = Signal(str)
    cancelled = Signal()

    def __init__(
        self, theme: Theme, text: str, verb: str, parent: QWidget | None = None, *, is_sent: bool = False
    ) -> None:
        super().__init__(parent)
        self._is_sent = is_sent
        self.setProperty("kind", "card")
        self._busy = False
        self.field = QPlainTextEdit(text)
        self.field.setProperty("kind", "bare")
        self.field.setFont(theme.font("message"))
        self.field.setTabChangesFocus(True)
        self.field.setAccessibleName(self.tr("Edit the message"))
        self.field.setFrameShape(QFrame.Shape.NoFrame)
        self.field.textChanged.connect(self._fit)
        self.field.verticalScrollBar().rangeChanged.connect(self._fit)  # lines break when the width is known
        self.save_button: QPushButton = push_button(verb, self._accept, "primary")
        self.save_button.setToolTip(self.tr("Enter") if is_sent else self.tr("Ctrl+Enter"))
        self.cancel_button: QPushButton = push_button(self.tr("Cancel"), self.cancelled.emit)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_8)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_12, SPACE_8, SPACE_12, SPACE_8)
        layout.setSpacing(SPACE_8)
        layout.addWidget(self.field)
        layout.addLayout(buttons)
        self.field.installEventFilter(self)
        self.field.moveCursor(QTextCursor.MoveOperation.End)
        self._fit()

    def set_busy(self, busy: bool) -> None:
        """While a reply runs the text waits here."""
        self._busy = busy
        self._fit()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            enter, held = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter), event.modifiers()
            plain = self._is_sent and not held & ~Qt.KeyboardModifier.KeypadModifier
            takes = enter and (plain or bool(held & Qt.KeyboardModifier.ControlModifier))
            ours = event.key() == Qt.Key.Key_Escape or takes
            if ours:
                event.accept()
                if event.type() == QEvent.Type.KeyPress:
                    self._accept() if enter else self.cancelled.emit()
                return True
        return False

    @Slot()
    def _accept(self) -> None:
        if self.save_button.isEnabled():
            text = self.field.toPlainText()
            self.accepted.emit(text.strip("\n") if self._is_sent else text)

    @Slot()
    def _fit(self) -> None:
        lines = min(MAX_LINES, max(2, round(self.field.document().size().height())))
        line_px = ceil(QFontMetricsF(self.field.font()).lineSpacing())  # Qt lays lines out at whole pixels
        margins_px = 2 * ceil(self.field.document().documentMargin()) + SPACE_12
        self.field.setFixedHeight(lines * line_px + margins_px)
        self.save_button.setEnabled(not self._busy and bool(self.field.toPlainText().strip()))
