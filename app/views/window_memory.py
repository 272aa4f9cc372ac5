"""What the window remembers of its place and panels between two starts. Knows nothing of where it is kept."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication

from app.storage.settings import Settings
from app.views.main_window import MainWindow

FIRST_WIDTH_PX, FIRST_HEIGHT_PX = 1200, 800


def restore_window(window: MainWindow, settings: Settings) -> None:
    """Gives the window the place it had, unless no screen shows that place any more."""
    window.resize(FIRST_WIDTH_PX, FIRST_HEIGHT_PX)
    if len(settings.window) == 4:
        place = QRect(*settings.window)
        if any(screen.availableGeometry().intersects(place) for screen in QGuiApplication.screens()):
            window.setGeometry(place)
    if len(settings.splitter) == window.splitter.count():
        window.set_panel_widths(settings.splitter)
    window.list_panel.set_open(settings.list_open)
    window.inspector_panel.set_open(settings.inspector_open)
    if settings.maximized:
        window.setWindowState(Qt.WindowState.WindowMaximized)


def window_memory(window: MainWindow) -> dict[str, Any]:
    """The fields of `Settings` that describe the window now."""
    place = window.normalGeometry() if window.isMaximized() else window.geometry()
    changes: dict[str, Any] = {
        "window": (place.x(), place.y(), place.width(), place.height()),
        "maximized": window.isMaximized(),
        "list_open": window.list_panel.wanted,
        "inspector_open": window.inspector_panel.wanted,
    }
    sizes = tuple(window.splitter.sizes())
    if len(sizes) == 3 and all(sizes):  # a folded panel has no width worth remembering
        changes["splitter"] = sizes
    return changes
