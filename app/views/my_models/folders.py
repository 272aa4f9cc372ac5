"""The folders that models lie in, with their drives' free space. Knows nothing of the models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.controllers.model_library import ModelsFolder
from app.figures import file_amount
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_12, SPACE_16
from app.views.flow import FlowLayout
from app.views.widgets import ElidedLabel, clear_layout, label, push_button


class FoldersCard(QFrame):
    """Signals:
    add_wanted: look for models in another folder too.
    default_wanted, remove_wanted: with a folder.
    """

    add_wanted = Signal()
    default_wanted = Signal(object)
    remove_wanted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self._theme = theme
        self._shown: tuple[ModelsFolder, ...] = ()
        self.add_button = push_button(self.tr("Add a folder…"), self.add_wanted.emit)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(SPACE_12)
        head = QHBoxLayout()
        head.addWidget(label(theme, self.tr("Folders of models"), font="heading"), 1)
        head.addWidget(self.add_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_16, SPACE_12, SPACE_12, SPACE_12)
        column.setSpacing(SPACE_12)
        column.addLayout(head)
        column.addLayout(self._rows)

    def show_folders(self, folders: Sequence[ModelsFolder]) -> None:
        """Lists them; the first is where downloads go."""
        if tuple(folders) == self._shown:
            return
        self._shown = tuple(folders)
        clear_layout(self._rows)
        for number, folder in enumerate(folders):
            self._rows.addWidget(self._row(folder, number == 0, len(folders) > 1))

    def _row(self, folder: ModelsFolder, is_default: bool, may_go: bool) -> QWidget:
        path: Path = folder.path
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_4)
        name = ElidedLabel()
        name.set_whole_text(str(path))
        row = FlowLayout()
        column.addWidget(name)
        column.addLayout(row)
        free = self.tr("not there") if folder.free_bytes is None else self.tr("{0} free")
        row.addWidget(label(self._theme, free.format(file_amount(folder.free_bytes or 0)), kind="muted"))
        if is_default:
            row.addWidget(label(self._theme, self.tr("downloads go here"), kind="muted"))
        else:
            default = push_button(self.tr("Download to it"), lambda: self.default_wanted.emit(path))
            default.setAccessibleName(self.tr("Download to {0}").format(path))
            row.addWidget(default)
        if may_go:
            remove = push_button(self.tr("Remove"), lambda: self.remove_wanted.emit(path))
            remove.setAccessibleName(self.tr("Remove {0}").format(path))
            remove.setToolTip(self.tr("Its models leave the list; the files stay."))
            row.addWidget(remove)
        return made
