"""The downloads page: every download as a row, or what to do when there is none. Knows nothing of the queue."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_12
from app.views.page_column import ColumnPage
from app.views.widgets import label, push_button


class DownloadsPage(ColumnPage):
    """Signals:
    find_requested: go to where models are found.
    """

    find_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.column.addWidget(label(theme, self.tr("Downloads"), font="title"))
        self.empty = self._empty_state()
        self.column.addWidget(self.empty)
        self.column.addStretch(1)

    def _empty_state(self) -> QWidget:
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_12)
        words = self.tr(
            "Nothing is being downloaded. Models that you choose come here, go on after a lost connection or a "
            "restart, and are checked before they can be used."
        )
        self.find_button = push_button(self.tr("Find a model"), self.find_requested.emit, "primary")
        column.addWidget(label(self._theme, words, kind="muted", wrap=True))
        column.addWidget(self.find_button)
        column.setAlignment(self.find_button, column.alignment())
        return made
