"""The card in which a message is written. Enter sends, Shift+Enter breaks; Send becomes Stop while a reply runs.

Knows nothing of conversations.
"""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QFocusEvent, QFontMetricsF, QKeyEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.widgets import IconButton, set_state

MAX_LINES = 8


class _Input(QPlainTextEdit):
    """Plain text that grows with its lines.

    Signals:
        submitted: Enter was pressed.
        last_wanted: Up was pressed with nothing written.
        focus_changed: whether the keyboard is here.
    """

    submitted = Signal()
    last_wanted = Signal()
    focus_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "bare")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)  # a space at a line's end asks for one
        self.document().documentLayout().documentSizeChanged.connect(self.fit)

    @Slot()
    def fit(self) -> None:
        """Takes the height of its lines, at most `MAX_LINES`."""
        lines = max(1, int(self.document().size().height()))
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if lines > MAX_LINES else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
        line_px = QFontMetricsF(self.font()).lineSpacing()
        self.setFixedHeight(int(line_px * min(lines, MAX_LINES) + 0.999) + 2)
        self.ensureCursorVisible()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.submitted.emit()
        elif event.key() == Qt.Key.Key_Up and self._is_plain(event) and self.document().isEmpty():
            self.last_wanted.emit()
        else:
            super().keyPressEvent(event)

    def _is_plain(self, event: QKeyEvent) -> bool:
        """Whether no other key is held; those of the keypad count as themselves."""
        return event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_changed.emit(False)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasText() and not source.hasUrls()  # files and folders belong to the window

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.canInsertFromMimeData(event.mimeData()):
            super().dragEnterEvent(event)
        else:
            event.ignore()


class Composer(QFrame):
    """Signals:
    sent: the text of a message.
    stop_requested: the running reply shall stop.
    edit_last_requested: the last message that was sent shall be changed.
    """

    sent = Signal(str)
    stop_requested = Signal()
    edit_last_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self._theme = theme
        self._ready = False
        self._busy = False
        self.input = _Input()
        self.input.setAccessibleName(self.tr("Message"))
        self.input.submitted.connect(self.submit)
        self.input.last_wanted.connect(self.edit_last_requested)
        self.input.textChanged.connect(self._update_button)
        self.input.focus_changed.connect(self._on_focus)
        self.button = IconButton(theme, "send", self.tr("Send"), role="on_accent")
        self.button.setProperty("kind", "send")
        self.button.setFixedSize(32, 32)
        self.button.clicked.connect(self._on_button)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_12, SPACE_8, SPACE_8, SPACE_8)
        layout.setSpacing(SPACE_8)
        layout.addWidget(self.input, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        theme.changed.connect(self._on_theme)
        self._on_theme()
        self._update_button()

    def set_ready(self, ready: bool, hint: str) -> None:
        """Whether a message can be sent now, and what the empty field says."""
        self._ready = ready
        self.input.setPlaceholderText(hint)
        self.input.viewport().update()  # Qt paints again only when the words come or go, not for others
        self._update_button()

    def set_busy(self, busy: bool) -> None:
        """Turns Send into Stop and back."""
        self._busy = busy
        self._update_button()

    def set_text(self, text: str) -> None:
        """Puts a text in, ready to be changed."""
        self.input.setPlainText(text)
        self.input.moveCursor(QTextCursor.MoveOperation.End)
        self.input.setFocus()

    @Slot()
    def submit(self) -> None:
        """Sends what is written, when that is possible now."""
        text = self.input.toPlainText().strip("\n")
        if self._ready and not self._busy and text.strip():
            self.input.clear()
            self.sent.emit(text)

    @Slot()
    def _on_button(self) -> None:
        if self._busy:
            self.stop_requested.emit()
        else:
            self.submit()

    @Slot()
    def _update_button(self) -> None:
        self.button.set_icon("stop" if self._busy else "send")
        self.button.set_name(self.tr("Stop") if self._busy else self.tr("Send"))
        self.button.setEnabled(self._busy or (self._ready and bool(self.input.toPlainText().strip())))

    @Slot(bool)
    def _on_focus(self, focused: bool) -> None:
        set_state(self, "focused", "true" if focused else "false")

    @Slot()
    def _on_theme(self) -> None:
        self.input.setFont(self._theme.font("message"))
        self.input.viewport().setFont(self._theme.font("message"))  # the placeholder is written with this one
        self.input.fit()
