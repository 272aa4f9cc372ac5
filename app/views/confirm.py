"""Asks before something is deleted: what goes, in words, and two buttons. Knows nothing of what is done then."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, SPACE_24
from app.views.widgets import label, push_button

WIDTH_PX = 420


class ConfirmDialog(QDialog):
    """Opened with `open`, so that the window goes on behind it; Esc keeps everything."""

    def __init__(
        self, theme: Theme, title: str, text: str, verb: str, act: Callable[[], object], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = text
        self.accepted.connect(act)
        self.keep_button = push_button(self.tr("Keep it"), self.reject)
        self.act_button = push_button(verb, self.accept, "danger")
        self.keep_button.setDefault(True)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_8)
        buttons.addStretch(1)
        buttons.addWidget(self.keep_button)
        buttons.addWidget(self.act_button)
        words = label(theme, text, wrap=True)
        words.setFixedWidth(WIDTH_PX)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_24, SPACE_24, SPACE_24, SPACE_24)
        layout.setSpacing(SPACE_12)
        heading = label(theme, title, font="heading", wrap=True)
        heading.setFixedWidth(WIDTH_PX)
        layout.addWidget(heading)
        layout.addWidget(words)
        layout.addSpacing(SPACE_8)
        layout.addLayout(buttons)
        self.keep_button.setFocus()
