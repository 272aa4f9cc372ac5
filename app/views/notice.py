"""A short note over the page with one way on, gone after a while. Knows nothing of what it says."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QEnterEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, SPACE_16
from app.views.widgets import IconButton, label, push_button

SHOWN_MS = 8000
MAX_WIDTH_PX = 520


class Notice(QFrame):
    """One note at a time, at the lower edge of its parent."""

    def __init__(self, theme: Theme, parent: QWidget, over: QWidget | None = None) -> None:
        """Stands in the middle of `over`, a part of the parent, while that is on view; else of the parent."""
        super().__init__(parent)
        self._over = over
        self.setProperty("kind", "notice")
        self._action: Callable[[], object] | None = None
        self._text = label(theme, wrap=True)
        self._text.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Preferred)
        self.button = push_button("", self._act)
        self.button.setAccessibleName(self.tr("Act on this note"))
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keyboard where it is
        close = IconButton(theme, "close", self.tr("Close this note"))
        close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_16, SPACE_8, SPACE_8, SPACE_8)
        layout.setSpacing(SPACE_12)
        layout.addWidget(self._text, 1)
        layout.addWidget(self.button)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignVCenter)
        self._timer = QTimer(self, interval=SHOWN_MS, singleShot=True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def say(self, text: str, button: str = "", action: Callable[[], object] | None = None, stay: bool = False) -> None:
        """Shows a note, with a button when there is something to do; `stay` keeps it until it is closed."""
        self._text.setText(text)
        self._action = action
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self.button.setAccessibleName(button)
        self._timer.stop()
        if not stay:
            self._timer.start()
        self.place()
        self.show()
        self.raise_()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def enterEvent(self, event: QEnterEvent) -> None:
        """Who points at the note is reading it, and has its whole time from then on."""
        if self._timer.isActive():
            self._timer.start()
        super().enterEvent(event)

    def place(self) -> None:
        """Puts the note at the lower edge of the parent, over the composer."""
        parent = self.parentWidget()
        assert parent is not None
        over = self._over if self._over is not None and self._over.isVisible() else parent
        width = min(MAX_WIDTH_PX, over.width() - 2 * SPACE_16)
        layout = self.layout()
        assert layout is not None
        self.setFixedWidth(width)
        height = layout.heightForWidth(width) if layout.hasHeightForWidth() else self.sizeHint().height()
        self.setFixedHeight(max(height, self.sizeHint().height()))
        left = 0 if over is parent else over.mapTo(parent, QPoint(0, 0)).x()
        self.move(left + (over.width() - width) // 2, parent.height() - self.height() - 120)

    @Slot()
    def _act(self) -> None:
        action = self._action
        self.hide()
        if action is not None:
            action()
