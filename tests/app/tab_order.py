"""What the Tab key comes to, as somebody without a mouse goes through a window."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QWidget

from tests.app.driver import Window


def tab_stops(inside: QWidget) -> set[QWidget]:
    """What Tab should come to inside a widget."""
    return {
        each
        for each in inside.findChildren(QWidget)
        if each.isVisible() and each.isEnabled() and each.focusPolicy() & Qt.FocusPolicy.TabFocus
        and each.focusProxy() is None and not _is_of_a_group(each)
    }  # fmt: skip


def unreached(window: Window, stops: set[QWidget], more_steps: int = 20) -> set[tuple[str, str, str]]:
    """Classes, names and texts of stops that Tab does not come to.

    Args:
        more_steps: beside three for each stop; the way may lead through the rest of the window.
    """
    main = window.app.window
    seen: set[QWidget] = set()
    main.rail.menu_button.setFocus()
    for _ in range(3 * len(stops) + more_steps):
        widget = main.focusWidget() or main
        seen.add(widget)
        window.qtbot.keyClick(widget, Qt.Key.Key_Tab)
        if stops <= seen:
            break
    return {(type(each).__name__, each.accessibleName(), getattr(each, "text", str)()) for each in stops - seen}


def _is_of_a_group(widget: QWidget) -> bool:
    """Tab enters a group of choices once; the arrows walk in it."""
    if not isinstance(widget, QAbstractButton) or not widget.isCheckable() or widget.isChecked():
        return False
    return widget.autoExclusive() or widget.group() is not None
