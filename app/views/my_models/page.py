"""The models on this computer: a card for each, and the folders they lie in. Knows nothing of how they are read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.controllers.model_library import Library, LibraryModel, Task
from app.figures import file_amount
from app.theme.theme import Theme
from app.theme.tokens import SPACE_12
from app.views.confirm import ConfirmDialog
from app.views.flow import FlowLayout
from app.views.my_models.card import ModelCard
from app.views.my_models.folders import FoldersCard
from app.views.page_column import ColumnPage
from app.views.slices import Slices
from app.views.widgets import empty_state, label, push_button

MOST_NEW = 4  # cards that are added to a list in view


class MyModelsPage(ColumnPage):
    """Signals:
    load_wanted, convert_wanted, verify_wanted, delete_wanted, forget_wanted, cancel_wanted: with a model's folder.
    move_wanted: a model's folder, and the models' folder or None for one that is still to be chosen.
    settings_opened: a model's folder, whose load settings are to be shown.
    open_wanted: open a model's folder from elsewhere.
    find_wanted: go to where models are found.
    shown: the page has come into view.
    """

    load_wanted = Signal(object)
    convert_wanted = Signal(object)
    verify_wanted = Signal(object)
    delete_wanted = Signal(object)
    forget_wanted = Signal(object)
    cancel_wanted = Signal(object)
    move_wanted = Signal(object, object)
    settings_opened = Signal(object)
    open_wanted = Signal()
    find_wanted = Signal()
    shown = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.cards: dict[Path, ModelCard] = {}
        self._tasks: dict[Path, Task] = {}  # the latest of each model
        self._loaded: Path | None = None
        self._has_changed = False
        self._slices = Slices(self)
        self.open_button = push_button(self.tr("Open a folder…"), self.open_wanted.emit)
        self.find_button = push_button(self.tr("Find a model"), self.find_wanted.emit, "primary")
        self.summary = label(theme, kind="muted")
        self.folders = FoldersCard(theme)
        self.empty = empty_state(
            theme, self.tr("There is no model here yet. Find one, or open a folder that has one."), self.find_button
        )
        self._list = QWidget()
        self._cards = QVBoxLayout(self._list)
        self._cards.setContentsMargins(0, 0, 0, 0)
        self._cards.setSpacing(SPACE_12)
        head = FlowLayout(gap=SPACE_12)
        head.addWidget(label(theme, self.tr("On this computer"), font="title"))
        head.addWidget(self.summary)
        head.addWidget(self.open_button)
        self.column.addLayout(head)
        self.column.addWidget(self.empty)
        self.column.addWidget(self._list)
        self.column.addWidget(self.folders)
        self.column.addStretch(1)

    def show_library(self, library: Library, is_opened: Callable[[Path], bool]) -> None:
        """Shows the models and folders; cards that were there stay as they are."""
        for path in self.cards.keys() - {found.path for found in library.models}:
            card = self.cards.pop(path)
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        num_new = sum(found.path not in self.cards for found in library.models)
        if num_new > MOST_NEW:  # shown together, or each slice would place all of them again
            self._list.hide()
        places = [
            partial(self._place, number, found, library, is_opened(found.path))
            for number, found in enumerate(library.models)
        ]
        self._slices.start([*places, self._list.show])
        self.folders.show_folders(library.folders)
        self.empty.setVisible(not library.models)
        words = self.tr("{0} models, {1}") if len(library.models) > 1 else self.tr("{0} model, {1}")
        size = file_amount(library.size_bytes)
        self.summary.setText(words.format(len(library.models), size) if library.models else "")

    def _place(self, number: int, found: LibraryModel, library: Library, is_opened: bool) -> None:
        """Shows one model at its place in the list."""
        is_new = found.path not in self.cards
        card = self._card(found.path) if is_new else self.cards[found.path]
        self.cards[found.path] = card
        if self._cards.indexOf(card) != number:
            self._cards.removeWidget(card)
            self._cards.insertWidget(number, card)
        card.show_model(found, is_opened)
        card.show_places([folder.path for folder in library.folders if folder.path not in found.path.parents])
        card.show_loaded(found.path == self._loaded, self._has_changed)
        if is_new and found.path in self._tasks:
            card.show_task(self._tasks[found.path])

    def show_task(self, task: Task) -> None:
        """Shows what happens to a model."""
        self._tasks[task.path] = task
        if task.path in self.cards:
            self.cards[task.path].show_task(task)

    def show_loaded(self, path: Path | None, has_changed: bool) -> None:
        """Marks the model that is loaded; `has_changed` when its settings are others since."""
        self._loaded, self._has_changed = path, has_changed
        for each, card in self.cards.items():
            card.show_loaded(each == path, has_changed)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.shown.emit()

    def ask_delete(self, found: LibraryModel, delete: Callable[[], object]) -> None:
        """Says what goes and how much that frees, and asks."""
        size = file_amount(found.model.size_bytes)
        words = self.tr("This frees {0}. Its files are deleted from {1}.").format(size, found.path)
        if found.model.origin == "folder":
            words = self.tr("This frees {0}. Everything in {1} is deleted.").format(size, found.path)
        title = self.tr("Delete {0}?").format(found.model.name)
        ConfirmDialog(self._theme, title, words, self.tr("Delete"), delete, self).open()

    def _card(self, path: Path) -> ModelCard:
        card = ModelCard(self._theme)
        card.load_wanted.connect(lambda: self.load_wanted.emit(path))
        card.convert_wanted.connect(lambda: self.convert_wanted.emit(path))
        card.verify_wanted.connect(lambda: self.verify_wanted.emit(path))
        card.delete_wanted.connect(lambda: self.delete_wanted.emit(path))
        card.forget_wanted.connect(lambda: self.forget_wanted.emit(path))
        card.cancel_wanted.connect(lambda: self.cancel_wanted.emit(path))
        card.move_wanted.connect(lambda folder: self.move_wanted.emit(path, folder))
        card.unfolded.connect(lambda: self.settings_opened.emit(path))
        return card
