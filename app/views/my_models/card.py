"""One model on this computer as a card: what it is, what can be done with it, what happens to it now.

Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QProgressBar, QVBoxLayout, QWidget

from app.controllers.model_library import LibraryModel, Task
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12, SPACE_16
from app.views.flow import FlowLayout
from app.views.my_models.load_editor import LoadEditor
from app.views.my_models.words import facts_text, task_text
from app.views.widgets import ElidedLabel, label, push_button

BAR_STEPS = 1000


class ModelCard(QFrame):
    """Signals:
    load_wanted, convert_wanted, verify_wanted, delete_wanted, forget_wanted, cancel_wanted: the user pressed the button
        of that name.
    move_wanted: a models' folder, or None for one that is still to be chosen.
    unfolded: the load settings were opened.
    """

    load_wanted = Signal()
    convert_wanted = Signal()
    verify_wanted = Signal()
    delete_wanted = Signal()
    forget_wanted = Signal()
    cancel_wanted = Signal()
    move_wanted = Signal(object)
    unfolded = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self._theme = theme
        self._editor: LoadEditor | None = None
        self.found: LibraryModel | None = None
        self._is_loaded = self._has_changed = False
        self.name = ElidedLabel()
        self.name.setFont(theme.font("heading"))
        self.facts = label(theme, kind="muted", wrap=True)
        self.place = ElidedLabel()
        self.place.setFont(theme.font("small"))
        self.place.setProperty("kind", "muted")
        self.load_button = push_button(self.tr("Load"), self.load_wanted.emit, "primary")
        self.settings_button = push_button(self.tr("Load settings"), self._fold, "choice")
        self.settings_button.setCheckable(True)
        self.convert_button = push_button(self.tr("Convert…"), self.convert_wanted.emit)
        self.convert_button.setToolTip(self.tr("Make a smaller EXL3 model out of it."))
        self.verify_button = push_button(self.tr("Verify"), self.verify_wanted.emit)
        self.move_button = push_button(self.tr("Move…"), self._show_places)
        self.delete_button = push_button(self.tr("Delete…"), self.delete_wanted.emit)
        self.forget_button = push_button(self.tr("Remove from the list"), self.forget_wanted.emit)
        self.places = QMenu(self)
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        self.bar.setTextVisible(False)
        self.task = label(theme, kind="muted")
        self.cancel_button = push_button(self.tr("Cancel"), self.cancel_wanted.emit)
        self.task_row = self._task_row()
        self._lay_out()

    @property
    def editor(self) -> LoadEditor:
        """The load settings, made when they are first wanted: there may be many cards."""
        if self._editor is None:
            self._editor = LoadEditor(self._theme)
            self._editor.hide()
            self._column.addWidget(self._editor)
        return self._editor

    def show_model(self, found: LibraryModel, is_opened: bool) -> None:
        """Shows what is known of it."""
        self.found = found
        origin = found.model.origin
        self.name.set_whole_text(found.model.name)
        self.facts.setText(facts_text(found, is_opened))
        self.place.set_whole_text(str(found.path))
        self.convert_button.setVisible(found.facts.bits is None and not found.facts.quant_method)
        self.convert_button.setAccessibleName(self.tr("Convert {0}").format(found.model.name))
        self.verify_button.setVisible(origin == "downloaded")
        self.move_button.setVisible(origin != "hub cache")
        self.delete_button.setVisible(origin != "hub cache")
        self.forget_button.setVisible(is_opened)
        self.bar.setAccessibleName(self.tr("Progress for {0}").format(found.model.name))
        for button in (self.settings_button, self.verify_button, self.move_button, self.delete_button):
            button.setAccessibleName(f"{button.text().rstrip('…')} {found.model.name}")
        self.forget_button.setAccessibleName(self.tr("Remove {0} from the list").format(found.model.name))
        self.cancel_button.setAccessibleName(self.tr("Cancel what happens to {0}").format(found.model.name))
        self.show_loaded(self._is_loaded, self._has_changed)

    def show_loaded(self, is_loaded: bool, has_changed: bool = False) -> None:
        """Says whether it is the model that is loaded, and whether its settings are others since."""
        self._is_loaded, self._has_changed = is_loaded, has_changed
        loaded = self.tr("Load again") if has_changed else self.tr("Chat with it")
        self.load_button.setText(loaded if is_loaded else self.tr("Load"))
        if self.found is not None:
            self.load_button.setAccessibleName(f"{self.load_button.text()}: {self.found.model.name}")

    def show_places(self, folders: Sequence[Path]) -> None:
        """Lists where it can be moved to."""
        self.places.clear()
        for folder in folders:
            self.places.addAction(str(folder), partial(self.move_wanted.emit, folder))
        self.places.addAction(self.tr("Another folder…"), partial(self.move_wanted.emit, None))

    def show_task(self, task: Task | None) -> None:
        """Shows what happens to it now; meanwhile nothing else can be begun."""
        is_busy = task is not None and not task.is_over
        self.task_row.setVisible(is_busy)
        for button in (self.load_button, self.verify_button, self.move_button, self.delete_button, self.forget_button):
            button.setEnabled(not is_busy)
        if task is None or task.is_over:
            return
        self.bar.setRange(0, BAR_STEPS if task.total_bytes else 0)
        self.bar.setValue(round(BAR_STEPS * task.done_bytes / task.total_bytes) if task.total_bytes else 0)
        self.task.setText(task_text(task))
        self.cancel_button.setVisible(task.kind != "deleting")

    @Slot()
    def _fold(self) -> None:
        is_open = self.settings_button.isChecked()
        if is_open:
            self.unfolded.emit()
        self.editor.setVisible(is_open)

    @Slot()
    def _show_places(self) -> None:
        self.places.popup(self.move_button.mapToGlobal(self.move_button.rect().bottomLeft()))

    def _task_row(self) -> QWidget:
        made = QWidget()
        words = QHBoxLayout()
        words.setSpacing(SPACE_8)
        words.addWidget(self.task, 1)
        words.addWidget(self.cancel_button)
        column = QVBoxLayout(made)
        column.setContentsMargins(0, SPACE_4, 0, 0)
        column.setSpacing(SPACE_8)
        column.addWidget(self.bar)
        column.addLayout(words)
        made.hide()
        return made

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(SPACE_4)
        words.addWidget(self.name)
        words.addWidget(self.facts)
        head = QHBoxLayout()
        head.setSpacing(SPACE_12)
        head.addLayout(words, 1)
        head.addWidget(self.load_button)
        buttons = FlowLayout()
        for button in (
            self.settings_button, self.convert_button, self.verify_button, self.move_button, self.delete_button,
            self.forget_button,
        ):  # fmt: skip
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_16, SPACE_12, SPACE_12, SPACE_12)
        column.setSpacing(SPACE_8)
        column.addLayout(head)
        column.addWidget(self.place)
        column.addLayout(buttons)
        column.addWidget(self.task_row)
        self._column = column
