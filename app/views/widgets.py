"""Small parts that several views share: tinted icon buttons, labels, meters, lines. They know only the theme."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QFrame,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.figures import count
from app.theme.theme import FontKind, Theme
from app.theme.tokens import ICON_PX, SPACE_12, SPACE_16

_KEYPAD = Qt.KeyboardModifier.KeypadModifier


class IconButton(QToolButton):
    """A flat button with a tinted icon; its name is also its tooltip."""

    def __init__(
        self,
        theme: Theme,
        icon: str,
        name: str,
        role: str = "muted",
        word: str = "",
        small: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon = icon
        self._role = role
        size = ICON_PX - 4 if small else ICON_PX
        self.setIconSize(QSize(size, size))
        self.setFont(theme.font("small"))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_name(name)
        if word:
            self.setText(word)
            self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._flash = QTimer(self, singleShot=True)
        self._flash.timeout.connect(self._retint)
        theme.changed.connect(self._retint)
        self.toggled.connect(self._retint)
        self._retint()

    def set_name(self, name: str) -> None:
        """Sets the name that tooltip and screen reader say."""
        self.setAccessibleName(name)
        self.setToolTip(name)

    def set_icon(self, icon: str, role: str | None = None) -> None:
        """Shows another icon."""
        self._icon, self._role = icon, role or self._role
        self._retint()

    def flash(self, icon: str, duration_ms: int) -> None:
        """Shows another icon for a moment, as the answer to a click."""
        self.setIcon(self._theme.icon(icon, "accent"))
        self._flash.start(duration_ms)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not _pressed_by_enter(self, event):
            super().keyPressEvent(event)

    @Slot()
    def _retint(self) -> None:
        self.setIcon(self._theme.icon(self._icon, "accent" if self.isChecked() else self._role))


class Meter(QWidget):
    """A slim bar of used and total; its words are for the eye and for the screen reader alike."""

    def __init__(self, theme: Theme, name: str, role: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._role = role
        self._share = 0.0
        self._others_share = 0.0
        self.setFixedSize(64, 6)
        self.setAccessibleName(name)
        theme.changed.connect(self.update)

    def set_share(self, share: float, words: str, others_share: float = 0.0) -> None:
        """Fills `share` (0 to 1) of the bar, the first `others_share` of it in the grey of other programs."""
        self._share = min(max(share, 0.0), 1.0)
        self._others_share = min(max(others_share, 0.0), self._share)
        self.setAccessibleDescription(words)
        self.setToolTip(f"{self.accessibleName()}: {words}")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        area = QRectF(self.rect())
        painter.setBrush(self._theme.colour("border"))
        painter.drawRoundedRect(area, 3, 3)
        if self._share > 0:
            area.setWidth(max(area.height(), area.width() * self._share))
            painter.setBrush(self._theme.colour("danger" if self._share > 0.95 else self._role))
            painter.drawRoundedRect(area, 3, 3)
        if self._others_share > 0:
            area.setWidth(max(area.height(), self.width() * self._others_share))
            painter.setBrush(self._theme.colour("muted"))
            painter.drawRoundedRect(area, 3, 3)


class ElidedLabel(QLabel):
    """One line that ends in … when there is no room; the whole text is its tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def set_whole_text(self, text: str) -> None:
        self._whole = text
        self.setToolTip(text)
        self.setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + 4, hint.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(24, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)


def label(theme: Theme, text: str = "", font: FontKind = "body", kind: str = "", wrap: bool = False) -> QLabel:
    """A plain-text label in one of the theme's fonts."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setFont(theme.font(font))
    made.setWordWrap(wrap)
    if kind:
        made.setProperty("kind", kind)
    return made


class _PushButton(QPushButton):
    """Enter presses it as well as Space, wherever it stands; Qt knows that only of dialogs."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not _pressed_by_enter(self, event):
            super().keyPressEvent(event)


def _pressed_by_enter(button: QAbstractButton, event: QKeyEvent) -> bool:
    if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or event.modifiers() & ~_KEYPAD:
        return False
    if not event.isAutoRepeat():  # held, it was meant for what had the keyboard before
        button.click()
    return True


def push_button(text: str, handler: Callable[[], object], kind: str = "") -> QPushButton:
    """A button with a verb on it."""
    made = _PushButton(text)
    made.setAutoDefault(False)
    if kind:
        made.setProperty("kind", kind)
    made.clicked.connect(handler)
    return made


def thin_line(vertical: bool = False) -> QFrame:
    """A line between two areas."""
    made = QFrame()
    made.setProperty("kind", "line")
    if vertical:
        made.setFixedWidth(1)
    else:
        made.setFixedHeight(1)
    return made


def panel(kind: str) -> QFrame:
    """A frame whose ground the style sheet draws."""
    made = QFrame()
    made.setProperty("kind", kind)
    return made


def titled_card(theme: Theme, title: str, gap: int, right: int = SPACE_16) -> tuple[QFrame, QVBoxLayout]:
    """A card with its heading, and the column that its contents go into.

    Args:
        gap: pixels between its contents.
        right: pixels at its right side.
    """
    card = panel("card")
    column = QVBoxLayout(card)
    column.setContentsMargins(SPACE_16, SPACE_12, right, SPACE_16)
    column.setSpacing(gap)
    column.addWidget(label(theme, title, font="heading"))
    return card, column


def empty_state(theme: Theme, words: str, way_on: QPushButton) -> QWidget:
    """What a page shows in place of an empty list: why it is empty, and a button that changes that."""
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(SPACE_12)
    column.addWidget(label(theme, words, kind="muted", wrap=True))
    column.addWidget(way_on, 0, Qt.AlignmentFlag.AlignLeft)
    return made


def list_whole_rows(table: QTableView, theme: Theme, row_px: int) -> None:
    """Makes a table a list of rows of one height that are chosen whole, and that Tab leaves again."""
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(row_px)
    table.horizontalHeader().setFont(theme.font("small"))
    table.horizontalHeader().setHighlightSections(False)


def set_state(widget: QWidget, name: str, value: object) -> None:
    """Changes a property that the style sheet looks at."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def clear_layout(layout: QLayout) -> None:
    """Removes and deletes every widget of a layout."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()


def of_total_text(done_bytes: int, total_bytes: int) -> str:
    """Two file sizes in one unit, such as "120 of 500 MB"."""
    if total_bytes < 1_000_000_000:
        return _tr("{0} of {1} MB").format(count(done_bytes / 1e6), count(total_bytes / 1e6))
    return _tr("{0} of {1} GB").format(count(done_bytes / 1e9, 1), count(total_bytes / 1e9, 1))


def speed_text(tokens_per_s: float) -> str:
    """A speed without figures that nobody reads: "42.1", "1,204"."""
    return count(tokens_per_s, 1 if tokens_per_s < 100 else 0)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Figures", text)
