"""The small buttons under a message and its place among versions. They are made when they are first shown.

Know nothing of the message but which actions it has.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QWidget

from app.markdown.code_block import COPIED_MS
from app.theme.theme import Theme
from app.theme.tokens import ICON_PX
from app.views.widgets import IconButton, label

ROW_PX = ICON_PX + 6
COPY, EDIT, REGENERATE, CONTINUE, BRANCH, DELETE = "copy", "edit", "regenerate", "continue", "branch", "delete"
REPLY = "reply"  # to a user's message that has none
START_OVER = "start_over"  # in the menu of the button that regenerates
_ICONS = {
    COPY: "copy",
    EDIT: "rename",
    REGENERATE: "retry",
    REPLY: "play",
    CONTINUE: "play",
    BRANCH: "branch",
    DELETE: "trash",
}


def _name(action: str) -> str:
    words = {
        COPY: QCoreApplication.translate("MessageActions", "Copy message"),
        EDIT: QCoreApplication.translate("MessageActions", "Edit message"),
        REGENERATE: QCoreApplication.translate("MessageActions", "Regenerate reply"),
        REPLY: QCoreApplication.translate("MessageActions", "Reply to this message"),
        CONTINUE: QCoreApplication.translate("MessageActions", "Continue this reply"),
        BRANCH: QCoreApplication.translate("MessageActions", "Branch into a new chat here"),
        DELETE: QCoreApplication.translate("MessageActions", "Delete from here on"),
        START_OVER: QCoreApplication.translate("MessageActions", "Start the reply with…"),
    }
    return words[action]


class MessageActions(QWidget):
    """A row of buttons whose space is always kept, so that nothing jumps when they appear.

    Signals:
        chosen: which action was asked for.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme, actions: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._names = actions
        self._hidden: set[str] = set()
        self._buttons: dict[str, IconButton] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        keep = self.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.setSizePolicy(keep)
        self.setFixedHeight(ROW_PX)
        self._fit()
        self.hide()

    def button(self, action: str) -> IconButton:
        """The button of an action."""
        self._make()
        return self._buttons[action]

    def offer(self, action: str, offered: bool) -> None:
        """Shows or hides one action."""
        (self._hidden.discard if offered else self._hidden.add)(action)
        if action in self._buttons:
            self._buttons[action].setVisible(offered)
        self._fit()

    def setVisible(self, visible: bool) -> None:
        if visible:
            self._make()
        super().setVisible(visible)

    @property
    def full_width(self) -> int:
        """What all its buttons take, offered or not."""
        return ROW_PX * len(self._names)

    def flash_copied(self) -> None:
        """Answers a copy."""
        self.button(COPY).flash("check", COPIED_MS)

    def _fit(self) -> None:
        self.setMinimumWidth(ROW_PX * len([each for each in self._names if each not in self._hidden]))

    def _make(self) -> None:
        if self._buttons:
            return
        before: QWidget | None = self.parentWidget()
        for name in self._names:
            button = IconButton(self._theme, _ICONS[name], _name(name), small=True, parent=self)
            button.setFixedSize(ROW_PX, ROW_PX)
            button.setProperty("action", name)
            button.clicked.connect(self._choose)
            button.setVisible(name not in self._hidden)
            if name == REGENERATE:
                hint = self.tr("{0}; right-click to start it with your own words").format(_name(name))
                button.setToolTip(hint)
                button.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
                button.customContextMenuRequested.connect(self._show_regenerate_menu)
            self._row.addWidget(button)
            self._buttons[name] = button
            if before is not None:
                QWidget.setTabOrder(before, button)
            before = button

    def regenerate_menu(self) -> QMenu:
        """Builds the menu of the button that regenerates."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name in (REGENERATE, START_OVER):
            entry = menu.addAction(self._theme.icon(_ICONS[REGENERATE if name == REGENERATE else EDIT]), _name(name))
            entry.setData(name)
        menu.triggered.connect(lambda entry: self.chosen.emit(str(entry.data())))
        return menu

    @Slot(QPoint)
    def _show_regenerate_menu(self, _place: QPoint) -> None:
        button = self._buttons[REGENERATE]
        self.regenerate_menu().popup(button.mapToGlobal(button.rect().bottomLeft()))

    @Slot()
    def _choose(self) -> None:
        self.chosen.emit(str(self.sender().property("action")))


class VersionSwitch(QWidget):
    """The place among versions, such as "2/3", between two arrows.

    Signals:
        step_requested: -1 or 1.
    """

    step_requested = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words: QLabel = label(theme, font="small", kind="muted")
        self.back = IconButton(theme, "left", self.tr("Version before"), small=True)
        self.forth = IconButton(theme, "right", self.tr("Version after"), small=True)
        self.back.clicked.connect(self._step_back)
        self.forth.clicked.connect(self._step_forth)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for each in (self.back, self._words, self.forth):
            row.addWidget(each)
        for each in (self.back, self.forth):
            each.setFixedSize(ROW_PX, ROW_PX)
        self.setFixedHeight(ROW_PX)

    def show_place(self, number: int, total: int) -> None:
        """Shows which of the versions is on view."""
        self._words.setText(f"{number}/{total}")
        self._words.setAccessibleName(self.tr("Version {0} of {1}").format(number, total))
        self.back.setEnabled(number > 1)
        self.forth.setEnabled(number < total)

    @Slot()
    def _step_back(self) -> None:
        self.step_requested.emit(-1)

    @Slot()
    def _step_forth(self) -> None:
        self.step_requested.emit(1)
