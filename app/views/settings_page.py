"""The settings page: look, text size, what is loaded at the start, the hub, where the data lies.

Knows nothing of the files.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QResizeEvent
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.storage.settings import Settings
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12, SPACE_16, SPACE_24, ThemeChoice, column_side
from app.views.hub_settings import HubSettingsCards
from app.views.widgets import ElidedLabel, label, panel, push_button


class SettingsPage(QFrame):
    """Signals:
    theme_chosen: "system", "dark" or "light".
    text_step_requested: 1 larger, -1 smaller, 0 normal.
    load_last_chosen: whether the last model is loaded at the start.
    """

    theme_chosen = Signal(str)
    text_step_requested = Signal(int)
    load_last_chosen = Signal(bool)

    def __init__(self, theme: Theme, data_folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "page")
        self._theme = theme
        self._data_folder = data_folder
        self.theme_buttons = {choice: self._theme_button(word) for choice, word in self._theme_words()}
        self._size = label(theme)
        self.load_last = QCheckBox(self.tr("Load the last model when the window opens"))
        self.load_last.toggled.connect(self.load_last_chosen)
        self.hub = HubSettingsCards(theme)
        self._column = QVBoxLayout()
        self._column.setSpacing(SPACE_12)
        self._column.addWidget(label(theme, self.tr("Settings"), font="title"))
        self._column.addSpacing(SPACE_8)
        self._column.addWidget(self._look_card())
        self._column.addWidget(self._start_card())
        self._column.addWidget(self.hub)
        self._column.addWidget(self._data_card())
        self._column.addStretch(1)
        inside = QWidget()
        inside.setLayout(self._column)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        theme.changed.connect(self._show_size)
        self._show_size()

    def show_settings(self, settings: Settings) -> None:
        """Shows what is set, without reporting it."""
        self.theme_buttons[settings.theme].setChecked(True)
        self.load_last.blockSignals(True)
        self.load_last.setChecked(settings.load_last_model)
        self.load_last.blockSignals(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        side = column_side(self.width())
        self._column.setContentsMargins(side, SPACE_24, side, SPACE_24)

    def _theme_words(self) -> tuple[tuple[ThemeChoice, str], ...]:
        return (
            ("system", self.tr("System")),
            ("dark", self.tr("Dark")),
            ("light", self.tr("Light")),
        )

    def _theme_button(self, word: str) -> QPushButton:
        button = push_button(word, self._on_theme, "choice")
        button.setCheckable(True)
        button.setAutoExclusive(True)
        return button

    def _card(self, title: str) -> tuple[QFrame, QVBoxLayout]:
        card = panel("card")
        column = QVBoxLayout(card)
        column.setContentsMargins(SPACE_16, SPACE_12, SPACE_16, SPACE_16)
        column.setSpacing(SPACE_12)
        column.addWidget(label(self._theme, title, font="heading"))
        return card, column

    def _row(self, name: str, *parts: QWidget) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACE_8)
        row.addWidget(label(self._theme, name))
        row.addStretch(1)
        for part in parts:
            row.addWidget(part)
        return row

    def _look_card(self) -> QWidget:
        card, column = self._card(self.tr("Look"))
        smaller = push_button("−", lambda: self.text_step_requested.emit(-1))
        larger = push_button("+", lambda: self.text_step_requested.emit(1))
        smaller.setAccessibleName(self.tr("Smaller text"))
        larger.setAccessibleName(self.tr("Larger text"))
        for button in (smaller, larger):
            button.setFixedWidth(36)
        column.addLayout(self._row(self.tr("Theme"), *self.theme_buttons.values()))
        column.addLayout(self._row(self.tr("Text size of messages"), smaller, self._size, larger))
        return card

    def _start_card(self) -> QWidget:
        card, column = self._card(self.tr("Start"))
        column.addWidget(self.load_last)
        return card

    def _data_card(self) -> QWidget:
        card, column = self._card(self.tr("Your data"))
        words = self.tr("Conversations and settings stay in this folder on this computer. None of it is sent anywhere.")
        column.addWidget(label(self._theme, words, kind="muted", wrap=True))
        path = ElidedLabel()
        path.set_whole_text(str(self._data_folder))
        row = QHBoxLayout()
        row.setSpacing(SPACE_4)
        row.addWidget(path, 1)
        row.addWidget(push_button(self.tr("Open folder"), self._open_folder))
        column.addLayout(row)
        return card

    @Slot()
    def _show_size(self) -> None:
        self._size.setText(f"{round(100 * self._theme.text_scale)} %")

    @Slot()
    def _on_theme(self) -> None:
        choices = [choice for choice, button in self.theme_buttons.items() if button is self.sender()]
        self.theme_chosen.emit(choices[0])

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._data_folder)))
