"""Shows a model's card, a piece at each turn of the event loop, so that a long one holds nothing up.

Gets safe Markdown and fetches nothing. Knows nothing of where cards come from.
"""

from __future__ import annotations

import re
from collections import deque

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.controllers.browser_state import ModelCardText
from app.error_words import error_line
from app.markdown.view import MarkdownView
from app.theme.theme import Theme
from app.views.widgets import clear_layout, label

PIECE_LETTERS = 350  # of Markdown that are laid out in one turn, unless a block is longer
_CONTINUES = re.compile(r"\s|[-*+>] |\d+[.)] ")  # of a list or a quotation that goes on after a blank line


class CardView(QWidget):
    """One card."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: ModelCardText | None = None
        self._waiting: deque[str] = deque()
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._add)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        theme.changed.connect(self._show_again)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be shown."""
        return not self._waiting

    def show_card(self, card: ModelCardText | None) -> None:
        """Shows a card, or what keeps it away."""
        if card is self._shown:
            return
        self._shown = card
        self._timer.stop()
        self._waiting.clear()
        clear_layout(self._column)
        if card is None or card.is_loading:
            self._say(self.tr("Reading the card…"))
        elif card.error is not None:
            self._say(error_line(card.error))
        elif not card.text:
            self._say(self.tr("This repository has no card."))
        else:
            self._waiting.extend(pieces_of(card.text))
            self._timer.start()

    @Slot()
    def _show_again(self) -> None:
        """In the colours of another theme."""
        card, self._shown = self._shown, None
        if card is not None:
            self.show_card(card)

    @Slot()
    def _add(self) -> None:
        if not self._waiting:
            self._timer.stop()
            return
        view = MarkdownView(self._theme, self)
        view.set_source(self._waiting.popleft())
        self._column.addWidget(view)

    def _say(self, words: str) -> None:
        self._column.addWidget(label(self._theme, words, kind="muted", wrap=True))


def pieces_of(text: str, letters: int = PIECE_LETTERS) -> list[str]:
    """A Markdown text in pieces that mean the same one by one: cut at blank lines outside of code and lists."""
    pieces: list[str] = []
    fence = ""
    piece: list[str] = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        stripped = line.lstrip()
        if fence:
            fence = "" if stripped.startswith(fence) else fence
        elif stripped.startswith(("```", "~~~")):
            fence = stripped[:3]
        piece.append(line)
        follows = lines[number + 1] if number + 1 < len(lines) else ""
        is_end = not stripped and not fence and bool(follows) and not _CONTINUES.match(follows)
        if is_end and sum(len(each) + 1 for each in piece) >= letters:
            pieces.append("\n".join(piece))
            piece = []
    return [each for each in (*pieces, "\n".join(piece)) if each.strip()]
