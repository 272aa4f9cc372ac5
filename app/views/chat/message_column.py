"""The ground that the message widgets of a transcript stand on. It knows only whom to tell of a change."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.theme.theme import Theme

_STYLED = (QEvent.Type.Polish, QEvent.Type.StyleChange, QEvent.Type.ParentChange, QEvent.Type.Show)


class Settler(Protocol):
    """Who gives the messages their places."""

    def settle(self) -> None:
        """Measures the messages and moves them."""


class MessageColumn(QWidget):
    """Holds the message widgets; tells the transcript when one of them wants another height.

    It fills its ground itself: what is opaque is moved on the screen when it scrolls, not painted again.
    """

    def __init__(self, transcript: Settler, theme: Theme) -> None:
        super().__init__()
        self._transcript = transcript
        self._theme = theme
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), self._theme.colour("background"))
        painter.end()

    def event(self, event: QEvent) -> bool:
        if event.type() in _STYLED:  # the style sheet may have taken it for transparent
            result = super().event(event)
            self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
            return result
        if event.type() == QEvent.Type.LayoutRequest:
            self._transcript.settle()
        return super().event(event)
