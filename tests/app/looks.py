"""What a careful eye would find wrong with a window: words that are cut off, parts over each other, faint words.

Looks at what stands on the screen, not at what was meant. Knows nothing of the pages.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QToolButton,
    QWidget,
)

from app.theme.tokens import contrast
from app.views.chip import Chip
from app.views.combo import Combo
from app.views.widgets import ElidedLabel

READABLE = 4.5
NEARLY = 0.3  # what smoothing takes from the contrast of thin strokes
SLACK_PX = 1
FIELD_SIDES_PX = 4
ICON_GAP_PX = 4
LEAST_SHOWN = 0.7  # of an entry that ends in …
Written = QLabel | QAbstractButton | QLineEdit | QComboBox | QPlainTextEdit | QTextEdit


def faults_of(top: QWidget) -> list[str]:
    """Everything that is wrong with a window that is shown, one line each."""
    parts = list(_written(top))
    image = top.grab().toImage()
    found = [f"{_name(each)}: {fault}" for each in parts for fault in (*_cut(each), *_hidden(each))]
    found += [f"{_name(each)}: {fault}" for each in parts for fault in _faint(each, top, image)]
    return found + list(_overlaps(parts))


def _written(top: QWidget) -> Iterator[Written]:
    for each in top.findChildren(QWidget):
        if isinstance(each, Written) and each.isVisible() and each.window() is top and _words(each):
            yield each


def _words(widget: Written) -> str:
    if isinstance(widget, QComboBox):
        return widget.currentText()
    if isinstance(widget, QPlainTextEdit):
        return widget.toPlainText() or widget.placeholderText()
    if isinstance(widget, QTextEdit):
        return widget.toPlainText()
    if isinstance(widget, QLineEdit):
        return widget.text() or widget.placeholderText()
    return widget.text()


def _name(widget: Written) -> str:
    page = type(widget.parent()).__name__
    return f"{page} > {type(widget).__name__} “{_words(widget)[:60]}”"


def _cut(widget: Written) -> Iterator[str]:
    """Words that need more room than their own widget has."""
    if isinstance(widget, ElidedLabel | QPlainTextEdit | QTextEdit):
        return  # one ends in … with the whole as its tooltip, the others scroll
    if isinstance(widget, QLabel):
        needed = _label_size(widget)
    elif isinstance(widget, Chip):
        needed = QSize(0, widget.heightForWidth(widget.width()))
    elif isinstance(widget, QToolButton):
        needed = _tool_size(widget)
    elif isinstance(widget, QAbstractButton):
        needed = widget.minimumSizeHint()
    else:
        needed = QSize(_text_width(widget), 0)
    if needed.width() > widget.width() + SLACK_PX:
        yield f"needs {needed.width()} px of width and has {widget.width()}"
    if needed.height() > widget.height() + SLACK_PX:
        yield f"needs {needed.height()} px of height and has {widget.height()}"


def _label_size(widget: QLabel) -> QSize:
    if not widget.wordWrap():
        return widget.sizeHint()
    longest = max((widget.fontMetrics().horizontalAdvance(word) for word in widget.text().split()), default=0)
    return QSize(min(longest, 400), widget.heightForWidth(widget.width()))


def _tool_size(widget: QToolButton) -> QSize:
    """Of icon and words; Qt's own hint has a border of spaces around them."""
    style, words = widget.toolButtonStyle(), widget.fontMetrics().size(0, widget.text())
    if style is Qt.ToolButtonStyle.ToolButtonIconOnly:
        return widget.iconSize()
    if style is Qt.ToolButtonStyle.ToolButtonTextBesideIcon:
        words.setWidth(words.width() + widget.iconSize().width() + ICON_GAP_PX)
    elif style is Qt.ToolButtonStyle.ToolButtonTextUnderIcon:
        words.setHeight(words.height() + widget.iconSize().height())
    return words


def _text_width(widget: QLineEdit | QComboBox) -> int:
    """Of what a field shows; what the user wrote himself may be longer, and scrolls."""
    if isinstance(widget, Combo):  # ends in …, with the whole as its tooltip
        return round(widget.fontMetrics().horizontalAdvance(_words(widget)) * LEAST_SHOWN)
    is_shown_whole = isinstance(widget, QComboBox) or not widget.text() or widget.isReadOnly()
    if not is_shown_whole and not isinstance(widget.parent(), QAbstractSpinBox):
        return 0
    return widget.fontMetrics().horizontalAdvance(_words(widget)) + FIELD_SIDES_PX


def _hidden(widget: Written) -> Iterator[str]:
    """What reaches over the edge of something that does not scroll that way."""
    area = QRect(QPoint(), widget.size())
    child: QWidget = widget
    while not child.isWindow():
        parent = child.parentWidget()
        assert parent is not None
        area.translate(child.pos())
        scroll = parent.parentWidget()
        scrolls = isinstance(scroll, QAbstractScrollArea) and scroll.viewport() is parent
        has_bar = scrolls and scroll.horizontalScrollBar().maximum() > 0  # type: ignore[union-attr]
        if not has_bar and (area.left() < -SLACK_PX or area.right() > parent.width() + SLACK_PX):
            yield f"reaches over the side of {type(parent).__name__}: {area.left()} to {area.right()}"
            return
        if scrolls:
            area = area.intersected(parent.rect())
            if area.isEmpty():
                return  # scrolled away
        elif area.top() < -SLACK_PX or area.bottom() > parent.height() + SLACK_PX:
            yield f"is cut by {type(parent).__name__}: {area.top()} to {area.bottom()} of {parent.height()}"
            return
        child = parent


def _overlaps(parts: list[Written]) -> Iterator[str]:
    """Parts of one widget that lie over each other."""
    by_parent: dict[int, list[Written]] = {}
    for each in parts:
        by_parent.setdefault(id(each.parentWidget()), []).append(each)
    for siblings in by_parent.values():
        for number, first in enumerate(siblings):
            for second in siblings[number + 1 :]:
                common = first.geometry().intersected(second.geometry())
                if common.width() > SLACK_PX and common.height() > SLACK_PX and not _floats(first, second):
                    yield f"{_name(first)} lies over {_name(second)}"


def _floats(*widgets: QWidget) -> bool:
    """One lies over its place on purpose, such as "jump to latest"."""
    return any(each.property("kind") == "floating" for each in widgets)


def _faint(widget: Written, top: QWidget, image: QImage) -> Iterator[str]:
    """Words whose darkest and lightest pixels are too close; what cannot be used is meant to be pale."""
    seen = widget.visibleRegion().boundingRect()
    if not widget.isEnabled() or seen.height() < widget.fontMetrics().height():
        return  # or a sliver at the edge of what scrolls
    area = QRect(widget.mapTo(top, seen.topLeft()), seen.size())
    if not _is_on_top(widget, top, area):
        return
    found = drawn_contrast(image, area)
    if found < READABLE - NEARLY:
        yield f"its words have a contrast of {found:.1f}"


def _is_on_top(widget: QWidget, top: QWidget, area: QRect) -> bool:
    """Whether no sheet and no note lies over a part of it."""
    inside = area.adjusted(1, 1, -1, -1)
    corners = (inside.topLeft(), inside.topRight(), inside.bottomLeft(), inside.bottomRight(), inside.center())
    seen = (top.childAt(each) for each in corners)
    return all(each is not None and (each is widget or widget.isAncestorOf(each)) for each in seen)


def drawn_contrast(image: QImage, area: QRect) -> float:
    """The contrast of the ground of an area, in logical pixels, to what differs from it most."""
    ratio = image.devicePixelRatio()
    x, y, width, height = (round(each * ratio) for each in area.getRect())
    part = image.copy(x, y, width, height).convertToFormat(QImage.Format.Format_RGB32)
    if part.isNull():
        return 21.0
    pixels = np.frombuffer(part.constBits(), np.uint32) & 0xFFFFFF
    values, counts = np.unique(pixels, return_counts=True)
    ground = f"#{values[counts.argmax()]:06X}"
    return max(contrast(ground, f"#{each:06X}") for each in values)
