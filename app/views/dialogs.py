"""Small dialogs: the list of shortcuts and the crash report. They know only the texts they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from app.actions import HelpSection
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, SPACE_24, SPACE_32
from app.views.widgets import label, push_button

MAX_HELP_PX = 640


class HelpDialog(QDialog):
    """All keys by group, in two columns that scroll where the screen is low."""

    def __init__(self, theme: Theme, sections: Sequence[HelpSection], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        inside = QWidget()
        self._grid = QGridLayout(inside)
        self._grid.setContentsMargins(0, 0, SPACE_12, 0)
        self._grid.setHorizontalSpacing(SPACE_32)
        self._grid.setVerticalSpacing(SPACE_8)
        for section in sections:
            self._add_section(theme, section)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.tr("Keyboard shortcuts"))
        scroll.setAccessibleDescription(self.tr("The arrow keys scroll the list."))
        scroll.setMinimumWidth(inside.sizeHint().width() + SPACE_24)
        close = push_button(self.tr("Close"), self.accept, "primary")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_24, SPACE_24, SPACE_24, SPACE_24)
        layout.setSpacing(SPACE_12)
        layout.addWidget(label(theme, self.tr("Keyboard"), font="title"))
        layout.addWidget(scroll, 1)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        room = self.screen().availableGeometry().height() - 120
        self.resize(self.sizeHint().width(), min(inside.sizeHint().height() + 150, room, MAX_HELP_PX))

    def _add_section(self, theme: Theme, section: HelpSection) -> None:
        row = self._grid.rowCount()
        self._grid.addWidget(label(theme, section.title, font="heading"), row, 0)
        for keys, text in section.rows:
            row += 1
            self._grid.addWidget(label(theme, text), row, 0)
            self._grid.addWidget(label(theme, keys, kind="muted"), row, 1, Qt.AlignmentFlag.AlignRight)


class CrashDialog(QDialog):
    """What went wrong inside the program, as text that can be copied."""

    def __init__(
        self, theme: Theme, report: str, kept: Path | None, *, of_last_run: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        title = self.tr("Espalier ended unexpectedly last time") if of_last_run else self.tr("Something went wrong")
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._report = report
        text = QPlainTextEdit(report)
        text.setProperty("kind", "field")
        text.setReadOnly(True)
        text.setFont(theme.font("code"))
        text.setMinimumSize(560, 240)
        text.setAccessibleName(self.tr("Crash report"))
        words = self.tr(
            "This is a fault of the program. Your conversations are saved. Nothing is sent to anyone; the report lies "
            "here:"
        )
        where = str(kept) if kept is not None else self.tr("The report could not be written to disk.")
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_8)
        if kept is not None:
            folder = QUrl.fromLocalFile(str(kept.parent))
            buttons.addWidget(push_button(self.tr("Open folder"), lambda: QDesktopServices.openUrl(folder)))
        buttons.addStretch(1)
        buttons.addWidget(push_button(self.tr("Copy report"), self._copy))
        buttons.addWidget(push_button(self.tr("Close"), self.accept, "primary"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_24, SPACE_24, SPACE_24, SPACE_24)
        layout.setSpacing(SPACE_12)
        layout.addWidget(label(theme, title, font="title"))
        layout.addWidget(label(theme, words, wrap=True))
        layout.addWidget(label(theme, where, font="small", kind="muted", wrap=True))
        layout.addWidget(text, 1)
        layout.addLayout(buttons)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._report)
