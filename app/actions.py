"""One registry of actions: it feeds the shortcuts and the help page. Knows nothing of what an action does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True)
class ActionSpec:
    """One thing the user can do anywhere in the window.

    Attributes:
        id: its name in code.
        text: its name for people, a verb first.
        shortcuts: key sequences in Qt's portable form; the first one is shown.
        handler: what it does.
    """

    id: str
    text: str
    shortcuts: tuple[str, ...]
    handler: Callable[[], object]


class ActionRegistry:
    """Makes a `QAction` of every spec on the window that owns the shortcuts."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._actions: dict[str, QAction] = {}
        self._fixed: list[tuple[str, str]] = []

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

    def describe(self, keys: str, text: str) -> None:
        """Lists keys that a widget handles itself, such as Enter in the composer."""
        self._fixed.append((keys, text))

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def set_enabled(self, action_id: str, enabled: bool) -> None:
        self._actions[action_id].setEnabled(enabled)

    def help_rows(self) -> list[tuple[str, str]]:
        """(keys, text) of everything that has keys."""
        native = QKeySequence.SequenceFormat.NativeText
        own = [(a.shortcut().toString(native), a.text()) for a in self._actions.values() if not a.shortcut().isEmpty()]
        return [*self._fixed, *own]
