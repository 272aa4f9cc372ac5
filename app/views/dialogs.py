"""Small dialogs: the list of shortcuts and the crash report. They know only the texts they show."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, SPACE_24, SPACE_32
from app.views.widgets import label, push_button


class HelpDialog(QDialog):
    """All keys in two columns."""

    def __init__(self, theme: Theme, rows: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_32)
        grid.setVerticalSpacing(SPACE_8)
        for number, (keys, text) in enumerate(rows):
            grid.addWidget(label(theme, text), number, 0)
            grid.addWidget(label(theme, keys, kind="muted"), number, 1, Qt.AlignmentFlag.AlignRight)
        close = push_button(self.tr("Close"), self.accept, "primary")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_24, SPACE_24, SPACE_24, SPACE_24)
        layout.setSpacing(SPACE_12)
        layout.addWidget(label(theme, self.tr("Keyboard"), font="title"))
        layout.addLayout(grid)
        layout.addSpacing(SPACE_8)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)


class CrashDialog(QDialog):
    """What went wrong inside the program, as text that can be copied."""

    def __init__(self, theme: Theme, report: str, kept_in: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Something went wrong"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._report = report
        text = QPlainTextEdit(report)
        text.setProperty("kind", "field")
        text.setReadOnly(True)
        text.setFont(theme.font("code"))
        text.setMinimumSize(560, 240)
        text.setAccessibleName(self.tr("Crash report"))
        words = self.tr("This is a fault of the program. Your conversations are saved. The report stays here:")
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_8)
        buttons.addStretch(1)
        buttons.addWidget(push_button(self.tr("Copy report"), self._copy))
        buttons.addWidget(push_button(self.tr("Close"), self.accept, "primary"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_24, SPACE_24, SPACE_24, SPACE_24)
        layout.setSpacing(SPACE_12)
        layout.addWidget(label(theme, self.tr("Something went wrong"), font="title"))
        layout.addWidget(label(theme, words, wrap=True))
        layout.addWidget(label(theme, kept_in, font="small", kind="muted", wrap=True))
        layout.addWidget(text, 1)
        layout.addLayout(buttons)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._report)
