"""The settings page: the rows of the table of settings by group, the cards about the hub, and where the data lies.

Knows nothing of the files or of what a setting does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QWidget,
)

from app.storage.setting_spec import Control, Group
from app.storage.settings import TABLE, Settings
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12, SPACE_16, column_side
from app.views.hub_settings import HubSettingsCards
from app.views.page_column import ColumnPage
from app.views.settings.row import SettingRow
from app.views.settings.words import matches, shown
from app.views.widgets import ElidedLabel, IconButton, label, push_button, titled_card


def build_rows(theme: Theme) -> Iterator[tuple[str, SettingRow]]:
    """Each row of the table with its key, one at a time."""
    for spec in TABLE:
        if spec.control is not Control.OWN:
            yield spec.key, SettingRow(theme, spec)


class SettingsPage(ColumnPage):
    """Attributes:
        rows: of the table, by key.

    Signals:
        chosen: key of a field of `Settings`, and the value that the user set.
        text_step_requested: 1 larger, -1 smaller.
        reset_requested: the key of one setting.
        reset_all_requested: every setting is wanted as it was at the first start.
        restart_requested: the program is to be started again.
    """

    chosen = Signal(str, object)
    text_step_requested = Signal(int)
    reset_requested = Signal(str)
    reset_all_requested = Signal()
    restart_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        data_folder: Path,
        is_portable: bool = False,
        parent: QWidget | None = None,
        rows: dict[str, SettingRow] | None = None,
        hub: HubSettingsCards | None = None,
    ) -> None:
        """Arranges the rows.

        Args:
            theme: colours and fonts.
            data_folder: shown as the place of the user's data.
            is_portable: whether that is beside the program.
            parent: the widget around it.
            rows: of `build_rows`, when they were built before.
            hub: the cards about the hub, when they were.
        """
        super().__init__(parent)
        self._theme = theme
        self._data_folder = data_folder
        self.rows = rows if rows is not None else dict(build_rows(theme))
        for key, row in self.rows.items():
            self._connect(key, row)
        self.hub = hub or HubSettingsCards(theme)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search the settings"))
        self.search.setAccessibleName(self.tr("Search the settings"))
        self.search.setClearButtonEnabled(False)
        self.search.textChanged.connect(self._filter)
        self.reset_all = push_button(self.tr("Reset all"), self.reset_all_requested.emit)
        self._none = self._nothing_found()
        self._groups = {group: self._group_card(group) for group in Group if self._rows_of(group)}
        self._data = self._data_card(is_portable)
        self.column.addLayout(self._head())
        for card in (*self._groups.values(), self.hub, self._data, self._none):
            self.column.addWidget(card)
        self.column.addStretch(1)
        self._filter("")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() - 2 * column_side(self.width()) - 2 * SPACE_16
        for row in self.rows.values():
            row.fit(room)

    def show_settings(self, settings: Settings) -> None:
        """Shows what is set, without reporting it."""
        for key, row in self.rows.items():
            row.show_value(getattr(settings, key))

    def offer_restart(self, is_needed: bool) -> None:
        """Offers to start again beside the language, which only a new window has."""
        words = self.tr("This window keeps its language until the program is started again.") if is_needed else ""
        self.rows["language"].show_note(words, self.tr("Restart now"))

    @Slot()
    def focus_search(self) -> None:
        """Takes the keyboard to the search."""
        self.search.setFocus()
        self.search.selectAll()

    def show_matching(self, text: str) -> None:
        """Shows only what a text names."""
        self.search.setText(text)

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setSpacing(SPACE_8)
        head.addWidget(label(self._theme, self.tr("Settings"), font="title"))
        head.addSpacing(SPACE_16)
        head.addWidget(self.search, 1)
        head.addWidget(self.reset_all)
        return head

    def _connect(self, key: str, row: SettingRow) -> None:
        row.chosen.connect(lambda value: self.chosen.emit(key, value))
        row.stepped.connect(self.text_step_requested)
        row.reset_requested.connect(lambda: self.reset_requested.emit(key))
        row.note_accepted.connect(self.restart_requested)

    def _rows_of(self, group: Group) -> list[SettingRow]:
        return [row for row in self.rows.values() if row.spec.about is not None and row.spec.about.group is group]

    def _group_card(self, group: Group) -> QWidget:
        card, column = titled_card(self._theme, shown(group.value), gap=SPACE_16, right=SPACE_12)
        for row in self._rows_of(group):
            column.addWidget(row)
        return card

    def _data_card(self, is_portable: bool) -> QWidget:
        card, column = titled_card(self._theme, self.tr("Your data"), gap=SPACE_16, right=SPACE_12)
        column.setSpacing(SPACE_12)
        words = self.tr("Conversations and settings stay in this folder on this computer. None of it is sent anywhere.")
        column.addWidget(label(self._theme, words, kind="muted", wrap=True))
        mode = (
            self.tr("Portable: a file named “portable” lies beside the program, so everything stays in its folder.")
            if is_portable
            else self.tr("For a portable copy, put an empty file named “portable” beside main.py and start again.")
        )
        path = ElidedLabel()
        path.set_whole_text(str(self._data_folder))
        row = QHBoxLayout()
        row.setSpacing(SPACE_4)
        row.addWidget(path, 1)
        row.addWidget(push_button(self.tr("Open folder"), self._open_folder))
        column.addLayout(row)
        column.addWidget(label(self._theme, mode, font="small", kind="muted", wrap=True))
        return card

    def _nothing_found(self) -> QWidget:
        card, column = titled_card(self._theme, self.tr("No setting has these words"), gap=SPACE_16, right=SPACE_12)
        clear = IconButton(self._theme, "close", self.tr("Show all settings"), word=self.tr("Show all settings"))
        clear.clicked.connect(self.search.clear)
        row = QHBoxLayout()
        row.addWidget(clear)
        row.addStretch(1)
        column.addLayout(row)
        return card

    @Slot(str)
    def _filter(self, wanted: str) -> None:
        found = False
        for group, card in self._groups.items():
            visible = [row for row in self._rows_of(group) if matches(wanted, row.search_text)]
            for row in self._rows_of(group):
                row.setVisible(row in visible)
            card.setVisible(bool(visible))
            found = found or bool(visible)
        others = (*self.hub.cards, self._data)
        for card in others:
            card.setVisible(matches(wanted, _words_on(card)))
        self.hub.setVisible(any(not card.isHidden() for card in self.hub.cards))
        self._none.setVisible(not found and all(card.isHidden() for card in others))

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._data_folder)))


def _words_on(card: QWidget) -> str:
    """Every word that is written on a card."""
    words = [part.text() for part in card.findChildren(QLabel)]
    words += [part.text() for part in card.findChildren(QAbstractButton)]
    words += [field.accessibleName() for field in card.findChildren(QLineEdit)]
    return " ".join(words)
