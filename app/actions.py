"""One registry of actions: it feeds the shortcuts, the menu, the command palette and the help page.

Knows nothing of what an action does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget


class ActionGroup(Enum):
    """What an action is about, in the order of the menu."""

    CHAT = "chat"
    MODEL = "model"
    VIEW = "view"
    PROGRAM = "program"


@dataclass(frozen=True)
class ActionSpec:
    """One thing the user can do anywhere in the window.

    Attributes:
        id: its name in code.
        text: its name for people, a verb first.
        shortcuts: key sequences in Qt's portable form; the first one is shown.
        handler: what it does.
        group: where it stands in the menu and on the help page.
    """

    id: str
    text: str
    shortcuts: tuple[str, ...]
    handler: Callable[[], object]
    group: ActionGroup = ActionGroup.PROGRAM


@dataclass(frozen=True)
class Command:
    """One line of the command palette.

    Attributes:
        keys: as the user reads them, '' without any.
        group: the words that stand before its name.
        is_enabled: whether it can be done now.
    """

    text: str
    keys: str
    group: str
    run: Callable[[], object]
    is_enabled: bool = True


@dataclass(frozen=True)
class HelpSection:
    """One group of the help page: (keys, what they do)."""

    title: str
    rows: tuple[tuple[str, str], ...]


CommandSource = Callable[[], Iterable[Command]]


class ActionRegistry:
    """Makes a `QAction` of every spec on the window that owns the shortcuts."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._actions: dict[str, QAction] = {}
        self._groups: dict[str, ActionGroup] = {}
        self._fixed: list[tuple[ActionGroup, str, str]] = []
        self._sources: list[CommandSource] = []

    def add(self, specs: Sequence[ActionSpec]) -> None:
        """Adds actions; ids must be new."""
        for spec in specs:
            assert spec.id not in self._actions, spec.id
            action = QAction(spec.text, self._window)
            action.setShortcuts([QKeySequence(keys) for keys in spec.shortcuts])
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.triggered.connect(spec.handler)
            self._window.addAction(action)
            self._actions[spec.id] = action
            self._groups[spec.id] = spec.group

    def describe(self, keys: str, text: str, group: ActionGroup = ActionGroup.CHAT) -> None:
        """Lists keys that a widget handles itself, such as Enter in the composer."""
        self._fixed.append((group, keys, text))

    def add_source(self, source: CommandSource) -> None:
        """Adds further lines to the palette, asked for each time it opens."""
        self._sources.append(source)

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def set_enabled(self, action_id: str, enabled: bool) -> None:
        self._actions[action_id].setEnabled(enabled)

    def help_rows(self) -> list[tuple[str, str]]:
        """(keys, text) of everything that has keys."""
        return [row for section in self.help_sections() for row in section.rows]

    def help_sections(self) -> list[HelpSection]:
        """Everything that has keys, by group."""
        sections = []
        for group in ActionGroup:
            rows = [(keys, text) for each, keys, text in self._fixed if each is group]
            rows += [(_keys(action), action.text()) for action in self._of(group) if _keys(action)]
            if rows:
                sections.append(HelpSection(group_name(group), tuple(rows)))
        return sections

    def commands(self) -> list[Command]:
        """Every line of the palette."""
        own = [
            Command(action.text(), _keys(action), group_name(group), action.trigger, action.isEnabled())
            for group in ActionGroup
            for action in self._of(group)
        ]
        return [*own, *(command for source in self._sources for command in source())]

    def fill_menu(self, menu: QMenu) -> None:
        """Puts every action into a menu, one submenu for each group."""
        for group in ActionGroup:
            actions = self._of(group)
            if actions:
                menu.addMenu(group_name(group)).addActions(actions)

    def _of(self, group: ActionGroup) -> list[QAction]:
        return [action for action_id, action in self._actions.items() if self._groups[action_id] is group]


def group_name(group: ActionGroup) -> str:
    """The name of a group for people."""
    names = {
        ActionGroup.CHAT: QCoreApplication.translate("Actions", "Chat"),
        ActionGroup.MODEL: QCoreApplication.translate("Actions", "Models"),
        ActionGroup.VIEW: QCoreApplication.translate("Actions", "View"),
        ActionGroup.PROGRAM: QCoreApplication.translate("Actions", "Program"),
    }
    return names[group]


def _keys(action: QAction) -> str:
    return action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
