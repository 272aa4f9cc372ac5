"""The bar that searches in the open chat: a field, how many places, next and previous. Knows nothing of messages."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QLineEdit, QWidget
from shiboken6 import isValid

from app.figures import count
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8
from app.views.widgets import IconButton, label

TYPING_PAUSE_MS = 120


class FindBar(QFrame):
    """Signals:
    query_changed: search for this.
    step_requested: 1 for the next place, -1 for the one before.
    closed: the search is over.
    """

    query_changed = Signal(str)
    step_requested = Signal(int)
    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._focus_before: QWidget | None = None
        self.setProperty("kind", "notice")
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("Find in this chat"))
        self.field.setAccessibleName(self.tr("Find in this chat"))
        self.field.setFixedWidth(200)
        self.count: QLabel = label(theme, font="small", kind="muted")
        self.count.setMinimumWidth(64)
        self.previous = IconButton(theme, "up", self.tr("Previous place (Shift+Enter)"), small=True)
        self.next = IconButton(theme, "down", self.tr("Next place (Enter)"), small=True)
        self.close_button = IconButton(theme, "close", self.tr("Close the search (Esc)"), small=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE_8, SPACE_4, SPACE_4, SPACE_4)
        row.setSpacing(SPACE_4)
        for each in (self.field, self.count, self.previous, self.next, self.close_button):
            row.addWidget(each)
        self._pause = QTimer(self, singleShot=True, interval=TYPING_PAUSE_MS)
        self._pause.timeout.connect(self._tell)
        self.field.textChanged.connect(self._pause.start)
        self.field.installEventFilter(self)
        self.previous.clicked.connect(self._go_back)
        self.next.clicked.connect(self._go_on)
        self.close_button.clicked.connect(self.finish)
        self.hide()

    def open(self) -> None:
        """Shows the bar with the keyboard in it."""
        focus = QApplication.focusWidget()
        if focus is not None and not self.isAncestorOf(focus):
            self._focus_before = focus
        self.show()
        self.raise_()
        self.field.setFocus()
        self.field.selectAll()
        if self.field.text():
            self._tell()

    def show_count(self, current: int, total: int) -> None:
        """Says which of how many places is on view, counting from 1."""
        if not self.field.text().strip():
            words = ""
        elif not total:
            words = self.tr("Not found")
        else:
            words = self.tr("{0} of {1}").format(count(current), count(total))
        self.count.setText(words)
        self.count.setAccessibleName(words)
        for button in (self.previous, self.next):
            button.setEnabled(total > 0)

    @Slot()
    def finish(self) -> None:
        """Closes the bar; the keyboard goes back to where it was: Qt would scroll to whatever comes next."""
        if self.isVisible():
            focus, before = QApplication.focusWidget(), self._focus_before
            had_focus = focus is not None and self.isAncestorOf(focus)
            if had_focus and before is not None and isValid(before) and before.isVisible():
                before.setFocus(Qt.FocusReason.OtherFocusReason)
            self._focus_before = None
            self.hide()
            self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
                return False
            event.accept()
            if event.type() == QEvent.Type.ShortcutOverride:
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.finish()
                return True
            if self._pause.isActive():
                self._pause.stop()
                self._tell()
            else:
                self.step_requested.emit(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
            return True
        return False

    @Slot()
    def _tell(self) -> None:
        self.query_changed.emit(self.field.text().strip())

    @Slot()
    def _go_back(self) -> None:
        self.step_requested.emit(-1)

    @Slot()
    def _go_on(self) -> None:
        self.step_requested.emit(1)
