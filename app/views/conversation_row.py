"""How a row of the conversation list is painted: headings, folders, titles, and what a search found.

Knows the roles of the list's model and the theme; knows nothing of clicks.
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.item_models.conversations import FOLDER_ROLE, HEADING_ROLE, HIT_ROLE, INSIDE_ROLE, OPEN_ROLE
from app.storage.records import SearchHit, Snippet
from app.theme.theme import FontKind, Theme
from app.theme.tokens import ICON_PX, RADIUS_FIELD, SPACE_4, SPACE_8, SPACE_16, mix

Index = QModelIndex | QPersistentModelIndex
ROW_PX, HEADING_PX, SNIPPET_LINES = 34, 30, 2
_SMALL_ICON_PX = 16


class ConversationRow(QStyledItemDelegate):
    """Paints the rows, with a "more" sign on the one under the mouse and on the selected one."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        if index.data(HEADING_ROLE):
            return QSize(100, HEADING_PX)
        hit: SearchHit | None = index.data(HIT_ROLE)
        if hit is None or not hit.snippet.text:
            return QSize(100, ROW_PX)
        return QSize(100, ROW_PX + SNIPPET_LINES * self._line_px() + SPACE_4)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRect(option.rect)
        if index.data(HEADING_ROLE):
            painter.setFont(self._theme.font("small"))
            painter.setPen(self._theme.colour("muted"))
            painter.drawText(area.adjusted(SPACE_8, 0, 0, -4), int(Qt.AlignmentFlag.AlignBottom), str(index.data()))
        else:
            self._paint_row(painter, option, index, area.adjusted(0, 1, 0, -1))
        painter.restore()

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, _index: Index) -> None:
        editor.setGeometry(QRect(option.rect).adjusted(0, 1, 0, -1))

    def _paint_row(self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRect) -> None:
        active = self._paint_ground(painter, option, area)
        room = area.adjusted(SPACE_8, 0, -SPACE_8, 0)
        if active:
            spot = more_spot(area)
            self._theme.icon("more", "muted").paint(painter, spot)
            room.setRight(spot.left() - SPACE_4)
        hit: SearchHit | None = index.data(HIT_ROLE)
        if hit is not None:
            self._paint_hit(painter, hit, room, area.right() - SPACE_8)
            return
        if index.data(FOLDER_ROLE) is not None:
            sign = QRect(room.left() - 2, room.center().y() - _SMALL_ICON_PX // 2 + 1, _SMALL_ICON_PX, _SMALL_ICON_PX)
            self._theme.icon("unfold" if index.data(OPEN_ROLE) else "closed", "muted").paint(painter, sign)
            self._theme.icon("folder", "muted").paint(painter, sign.translated(_SMALL_ICON_PX + SPACE_4, 0))
            room.setLeft(sign.right() + _SMALL_ICON_PX + SPACE_8 + SPACE_4)
        elif index.data(INSIDE_ROLE):
            room.setLeft(room.left() + SPACE_16)
        self._paint_line(painter, Snippet(str(index.data())), room)

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, area: QRect) -> bool:
        state, colours = option.state, self._theme.colours
        selected = bool(state & QStyle.StateFlag.State_Selected)
        active = selected or bool(state & QStyle.StateFlag.State_MouseOver)
        if active:
            tint, share = (colours.accent, 0.16) if selected else (colours.text, 0.06)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(mix(colours.surface, tint, share)))
            painter.drawRoundedRect(area, RADIUS_FIELD, RADIUS_FIELD)
        if bool(state & QStyle.StateFlag.State_HasFocus) and bool(state & QStyle.StateFlag.State_KeyboardFocusChange):
            painter.setPen(self._theme.colour("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area.adjusted(0, 0, -1, -1), RADIUS_FIELD, RADIUS_FIELD)
        return active

    def _paint_hit(self, painter: QPainter, hit: SearchHit, room: QRect, right: int) -> None:
        line = QRect(room.left(), room.top(), room.width(), ROW_PX - 2)
        self._paint_line(painter, hit.title, line)
        if not hit.snippet.text:
            return
        painter.setPen(self._theme.colour("muted"))
        place = QPointF(room.left(), line.bottom() - SPACE_4 + 1)
        layout = self._laid_out(hit.snippet, right - room.left())
        layout.draw(painter, place)

    def _paint_line(self, painter: QPainter, text: Snippet, room: QRect) -> None:
        font = self._theme.font("body")
        painter.setPen(self._theme.colour("text"))
        shown = QFontMetrics(font).elidedText(text.text, Qt.TextElideMode.ElideRight, room.width())
        layout = QTextLayout(shown, font)
        layout.setFormats(self._formats(text, len(shown)))
        layout.setTextOption(_one_line())
        layout.beginLayout()
        layout.createLine().setLineWidth(10_000)
        layout.endLayout()
        painter.setClipRect(room)
        layout.draw(painter, QPointF(room.left(), room.center().y() - layout.boundingRect().height() / 2 + 1))
        painter.setClipping(False)

    def _laid_out(self, text: Snippet, width: int) -> QTextLayout:
        """The snippet on at most `SNIPPET_LINES` lines, with … where it goes on."""
        shown = text.text
        while True:
            layout = QTextLayout(shown, self._theme.font("small"))
            layout.setFormats(self._formats(text, len(shown)))  # bold words are wider
            ends = _break_lines(layout, width)
            if len(ends) <= SNIPPET_LINES:
                return layout
            shown = shown[: min(ends[SNIPPET_LINES - 1], len(shown) - 1)].rstrip("… ")[:-1].rstrip() + "…"

    def _formats(self, text: Snippet, length: int) -> list[QTextLayout.FormatRange]:
        formats = []
        for start, size in text.marks:
            if start + size <= length:
                mark = QTextLayout.FormatRange()
                mark.start, mark.length = start, size
                how = QTextCharFormat()
                how.setForeground(self._theme.colour("accent"))
                how.setFontWeight(QFont.Weight.DemiBold)
                mark.format = how
                formats.append(mark)
        return formats

    def _line_px(self, kind: FontKind = "small") -> int:
        return QFontMetrics(self._theme.font(kind)).lineSpacing()


def more_spot(row: QRect) -> QRect:
    """Where the "more" sign of a row is."""
    middle = row.top() + (ROW_PX - 2) // 2 if row.height() > ROW_PX else row.center().y()
    return QRect(row.right() - ICON_PX - SPACE_4, middle - ICON_PX // 2, ICON_PX, ICON_PX)


def _one_line() -> QTextOption:
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.NoWrap)
    return option


def _break_lines(layout: QTextLayout, width: int) -> list[int]:
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    ends = []
    height = 0.0
    layout.beginLayout()
    while (line := layout.createLine()).isValid():
        line.setLineWidth(max(width, 40))
        line.setPosition(QPointF(0, height))
        height += line.height()
        ends.append(line.textStart() + line.textLength())
    layout.endLayout()
    return ends
