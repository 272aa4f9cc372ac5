"""Where the result goes, what the conversion takes, and the button that starts it. Writes nothing itself."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.convert.trouble import Trouble
from app.views.widgets import ElidedLabel, label, push_button, titled_card

BAD_IN_NAMES = '\\/:*?"<>|'


class StartCard(QWidget):
    """Signals:
    changed: another target.
    folder_wanted: let the user pick the folder that the result's folder is made in.
    again_wanted: measure once more.
    start_wanted: start the conversion.
    unload_wanted: unload the model that is loaded.
    """

    changed = Signal()
    folder_wanted = Signal()
    again_wanted = Signal()
    start_wanted = Signal()
    unload_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._folder = Path()
        self._is_named = False  # by the user
        self.folder_name = ElidedLabel()
        self.folder_button = push_button(self.tr("Another folder…"), self.folder_wanted.emit)
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name of the result"))
        self.name.setMaxLength(200)
        self.needs = label(theme, wrap=True)
        self.warning = label(theme, wrap=True)
        self.loaded = label(theme, kind="muted", wrap=True)
        self.unload_button = push_button(self.tr("Unload it"), self.unload_wanted.emit)
        self.loaded_row = self._loaded_row()
        self.trouble = Trouble(theme)
        self.trouble.add_button(self.tr("Another folder…"), self.folder_wanted.emit)
        self.trouble.add_button(self.tr("Try again"), self.again_wanted.emit)
        self.start_button = push_button(self.tr("Start"), self.start_wanted.emit, "primary")
        self.start_button.setAccessibleName(self.tr("Start the conversion"))
        self.name.textEdited.connect(self._on_edited)
        theme.changed.connect(self._tint)
        self._lay_out()
        self._tint()

    @property
    def target(self) -> Path | None:
        """The folder to be made; None while its name cannot be one."""
        name = self.name.text().strip()
        is_usable = bool(name.strip(". ")) and not any(letter in BAD_IN_NAMES for letter in name)
        return self._folder / name if is_usable else None

    def show_folder(self, folder: Path) -> None:
        """Shows where the result's folder is made."""
        self._folder = folder
        self.folder_name.set_whole_text(str(folder))
        self.changed.emit()

    def suggest(self, name: str) -> None:
        """Proposes a name that is still free; one that the user typed stays."""
        if self._is_named:
            return
        free, number = name, 2
        while self._is_taken(free):
            free, number = f"{name}-{number}", number + 1
        if free != self.name.text():
            self.name.setText(free)
            self.changed.emit()

    def forget_name(self) -> None:
        """Proposes names again, as for another model."""
        self._is_named = False

    def show_needs(self, words: str, warning: str = "") -> None:
        """Shows what it takes."""
        self.needs.setText(words)
        self.warning.setText(warning)
        self.warning.setVisible(bool(warning))

    def show_loaded(self, words: str, can_unload: bool) -> None:
        """Says what a loaded model means for the conversion; '' when there is none."""
        self.loaded.setText(words)
        self.loaded_row.setVisible(bool(words))
        self.unload_button.setVisible(can_unload)

    def _is_taken(self, name: str) -> bool:
        return any((self._folder / each).exists() for each in (name, f"{name}.work"))

    @Slot()
    def _on_edited(self) -> None:
        self._is_named = bool(self.name.text().strip())
        self.changed.emit()

    @Slot()
    def _tint(self) -> None:
        self.warning.setStyleSheet(f"color: {self._theme.colour('warning').name()};")

    def _loaded_row(self) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_12)
        row.addWidget(self.loaded, 1)
        row.addWidget(self.unload_button)
        made.hide()
        return made

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_12)
        grid.setVerticalSpacing(SPACE_8)
        grid.setColumnStretch(1, 1)
        name = label(self._theme, self.tr("Name"))
        name.setBuddy(self.name)
        grid.addWidget(label(self._theme, self.tr("Folder")), 0, 0)
        grid.addWidget(self.folder_name, 0, 1)
        grid.addWidget(self.folder_button, 0, 2)
        grid.addWidget(name, 1, 0)
        grid.addWidget(self.name, 1, 1, 1, 2)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.start_button)
        card, column = titled_card(self._theme, self.tr("Result"), SPACE_12)
        column.addLayout(grid)
        column.addWidget(self.needs)
        column.addWidget(self.warning)
        column.addWidget(self.loaded_row)
        column.addWidget(self.trouble)
        column.addLayout(foot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(card)
        self.show_needs("")
