"""What a model thought before its reply, as one folded line. Knows nothing of how thinking is marked in a reply."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QToolButton, QVBoxLayout, QWidget

from app.figures import count
from app.markdown.view import MarkdownView
from app.markdown.workshop import Workshop
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_12


class ThinkingFold(QFrame):
    """A line that opens; the text behind it is laid out only when it is open."""

    def __init__(self, theme: Theme, workshop: Workshop, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._workshop = workshop
        self._pieces: list[str] = []
        self._body: MarkdownView | None = None
        self._started_s: float | None = None
        self._took_s: float | None = None
        self._running = False
        self.button = QToolButton()
        self.button.setCheckable(True)
        self.button.setFont(theme.font("small"))
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.toggled.connect(self._toggle)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, SPACE_4)
        self._layout.setSpacing(SPACE_4)
        self._layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        self._show_words()

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def took_s(self) -> float | None:
        """How long the thinking took, or has taken by now; None when that is not known."""
        if self._running and self._started_s is not None:
            return time.monotonic() - self._started_s
        return self._took_s

    def set_text(self, text: str, took_s: float | None) -> None:
        """Shows thinking that is over."""
        self._pieces, self._took_s, self._running = [text], took_s, False
        self._show_words()

    def set_time(self, took_s: float) -> None:
        """Takes the time from who has measured it: of thinking that is over, or that goes on from there."""
        self._took_s, self._started_s = took_s, time.monotonic() - took_s
        self._show_words()

    def append(self, text: str) -> None:
        """Takes more thinking."""
        if not self._running:
            self._running, self._started_s = True, time.monotonic()
        self._pieces.append(text)
        if self._body is not None:
            self._body.append(text)
        self._show_words()

    def finish(self) -> None:
        """The thinking is over."""
        if not self._running:
            return
        self._running = False
        if self._started_s is not None:
            self._took_s = time.monotonic() - self._started_s
        if self._body is not None:
            self._body.finish()
        self._show_words()

    @Slot(bool)
    def _toggle(self, is_open: bool) -> None:
        if is_open and self._body is None:
            self._body = MarkdownView(self._theme, self, self._workshop)
            self._body.setContentsMargins(SPACE_12, 0, 0, 0)
            if self._running:
                self._body.append(self.text)
            else:
                self._body.set_source(self.text)
            self._layout.addWidget(self._body)
        if self._body is not None:
            self._body.setVisible(is_open)
        self._show_words()

    def _show_words(self) -> None:
        if self._running:
            words = self.tr("Thinking…")
        elif self._took_s is None:
            words = self.tr("Thought, {0} words").format(count(len(self.text.split())))
        elif self._took_s < 1:
            words = self.tr("Thought for less than a second")
        elif self._took_s < 59.5:
            words = self.tr("Thought for {0} s").format(f"{self._took_s:.0f}")
        else:
            minutes, seconds = divmod(round(self._took_s), 60)
            words = self.tr("Thought for {0} min {1} s").format(count(minutes), seconds)
        if words != self.button.text():
            self.button.setText(words)
        state = self.tr("unfolded") if self.button.isChecked() else self.tr("folded")
        self.button.setAccessibleName(f"{words}, {state}")
        self.button.setIcon(self._theme.icon("fold" if self.button.isChecked() else "unfold", "muted"))
