"""The line over the first message that the last reply was written with. Knows nothing of why others were left out."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.widgets import label, thin_line


class CutLine(QWidget):
    """A line with words in its middle."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        text = self.tr("The last reply was written without the messages above this line")
        self.setAccessibleName(text)
        words = label(theme, text, font="small", kind="muted", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, SPACE_8, 0, SPACE_12)
        layout.setSpacing(SPACE_12)
        layout.addWidget(thin_line(), 1, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(words, 8)
        layout.addWidget(thin_line(), 1, Qt.AlignmentFlag.AlignVCenter)
