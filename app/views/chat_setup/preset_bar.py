"""The preset of the open chat: a list to choose from and a menu for keeping, renaming and handing on.

Knows nothing of where presets are kept.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QVBoxLayout, QWidget

from app.controllers.presets import PresetList
from app.storage.presets import MAX_NAME
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8
from app.views.combo import Combo
from app.views.widgets import IconButton, push_button


class PresetBar(QWidget):
    """Signals:
    chosen: the name of a preset, "" for none.
    save_requested: a name to keep the chat's settings under.
    save_changes_requested: keep them in the chosen preset.
    rename_requested: another name for the chosen preset.
    delete_requested: take the chosen preset away.
    import_requested, export_requested: out of a file, into a file.
    """

    chosen = Signal(str)
    save_requested = Signal(str)
    save_changes_requested = Signal()
    rename_requested = Signal(str)
    delete_requested = Signal()
    import_requested = Signal()
    export_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = PresetList()
        self._renames = False
        help_text = self.tr("A system prompt with sampling settings, kept under a name.")
        self.list = Combo(theme, self.tr("Preset"), help_text)
        self.list.activated.connect(self._on_chosen)
        self.more_button = IconButton(theme, "more", self.tr("Keep, rename or hand on presets"))
        self.more_button.clicked.connect(self._open_menu)
        row = QHBoxLayout()
        row.setSpacing(SPACE_4)
        row.addWidget(self.list, 1)
        row.addWidget(self.more_button)
        self.name_row = QWidget()
        self.name = QLineEdit()
        self.name.setMaxLength(MAX_NAME)
        self.name.setPlaceholderText(self.tr("Name of the preset"))
        self.name.setAccessibleName(self.tr("Name of the preset"))
        self.name.returnPressed.connect(self._accept_name)
        self.name.textChanged.connect(self._on_name)
        self.accept_button = push_button(self.tr("Keep"), self._accept_name, "primary")
        self.cancel_button = push_button(self.tr("Cancel"), self._close_name)
        naming = QVBoxLayout(self.name_row)
        naming.setContentsMargins(0, 0, 0, 0)
        naming.setSpacing(SPACE_8)
        naming.addWidget(self.name)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_8)
        buttons.addWidget(self.accept_button)
        buttons.addWidget(self.cancel_button)
        buttons.addStretch(1)
        naming.addLayout(buttons)
        self.name_row.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_8)
        layout.addLayout(row)
        layout.addWidget(self.name_row)
        self.show_list(self._state)

    @Slot(object)
    def show_list(self, state: PresetList) -> None:
        """Shows what there is and what is chosen."""
        self._state = state
        self.list.clear()
        self.list.addItem(self.tr("No preset"), "")
        for name in state.names:
            is_changed = name == state.chosen and state.is_changed
            self.list.addItem(self.tr("{0} (changed)").format(name) if is_changed else name, name)
        self.list.setCurrentIndex(max(0, self.list.findData(state.chosen)))

    def menu(self) -> QMenu:
        """What can be done now."""
        menu = QMenu(self)
        state = self._state
        if state.chosen and state.is_changed:
            self._add(menu, self.tr("Keep changes in “{0}”").format(state.chosen), self.save_changes_requested.emit)
            self._add(menu, self.tr("Back to “{0}”").format(state.chosen), lambda: self.chosen.emit(state.chosen))
        self._add(menu, self.tr("Keep as a new preset…"), lambda: self._ask_name(renames=False))
        if state.chosen:
            self._add(menu, self.tr("Rename “{0}”…").format(state.chosen), lambda: self._ask_name(renames=True))
            self._add(menu, self.tr("Delete “{0}”").format(state.chosen), self.delete_requested.emit)
        menu.addSeparator()
        self._add(menu, self.tr("Import from a file…"), self.import_requested.emit)
        self._add(menu, self.tr("Export to a file…"), self.export_requested.emit)
        return menu

    def _add(self, menu: QMenu, text: str, act: Callable[[], object]) -> None:
        menu.addAction(text.replace("&", "&&")).triggered.connect(lambda: act())

    @Slot()
    def _open_menu(self) -> None:
        menu = self.menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.more_button.mapToGlobal(QPoint(0, self.more_button.height())))

    def _ask_name(self, renames: bool) -> None:
        self._renames = renames
        self.accept_button.setText(self.tr("Rename") if renames else self.tr("Keep"))
        self.name.setText(self._state.chosen if renames else "")
        self.name_row.show()
        self.name.selectAll()
        self.name.setFocus()
        self._on_name()

    @Slot()
    def _on_name(self) -> None:
        self.accept_button.setEnabled(bool(self.name.text().strip()))

    @Slot()
    def _accept_name(self) -> None:
        name = self.name.text().strip()
        if name:
            self._close_name()
            (self.rename_requested if self._renames else self.save_requested).emit(name)

    @Slot()
    def _close_name(self) -> None:
        had_focus = self.name_row.isAncestorOf(self.focusWidget()) if self.focusWidget() else False
        self.name_row.hide()
        if had_focus:
            self.list.setFocus()

    @Slot(int)
    def _on_chosen(self, row: int) -> None:
        self.chosen.emit(self.list.itemData(row))
