"""An image of a chat, large, over the whole window: to be looked at, saved or copied.

Its pixels are read and made smaller beside the window; here they are only laid on the screen. Knows nothing of
messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, QRectF, QSize, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.error_words import error_line
from app.figures import count
from app.pictures.desk import PictureDesk
from app.storage.turns import Attached
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_16, SPACE_24
from app.views.widgets import ElidedLabel, IconButton, label, push_button
from engine.errors import EngineError

FIT_DELAY_MS = 80
STEP_PX = 80
_OURS = (
    Qt.Key.Key_Escape, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home,
    Qt.Key.Key_End, Qt.Key.Key_1, Qt.Key.Key_0,
)  # fmt: skip


class _Canvas(QWidget):
    """Where the image lies: whole, or one pixel of it on one of the screen.

    Signals:
        size_changed: there is another size to fit it into.
        turned: it was clicked: whole and full size change places.
    """

    size_changed = Signal()
    turned = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.whole: QImage | None = None
        self.small: QImage | None = None
        self.is_full = False
        self.words = ""
        self._middle = QPointF()  # of what is seen of the whole, in its pixels
        self._grabbed: QPoint | None = None
        self._has_moved = False
        self.setMinimumSize(80, 80)

    def show_words(self, words: str) -> None:
        """Says something in the place of an image."""
        self.whole = self.small = None
        self.words = words
        self.update()

    def show_image(self, whole: QImage) -> None:
        """Takes another image; what of it fits comes with `small`."""
        self.whole, self.small, self.words = whole, None, ""
        self._middle = QPointF(whole.width() / 2, whole.height() / 2)
        self.update()

    def set_full(self, is_full: bool) -> None:
        self.is_full = is_full
        self._move(QPointF())

    def pan(self, dx: float, dy: float) -> None:
        """Moves what is seen by so many pixels."""
        if self.is_full:
            self._move(QPointF(dx, dy) * self.devicePixelRatioF())

    def fitted_size(self) -> QSize:
        """The pixels of the screen that the image takes when all of it is seen; never more than it has."""
        assert self.whole is not None
        room = self.size() * self.devicePixelRatioF()
        if self.whole.width() <= room.width() and self.whole.height() <= room.height():
            return self.whole.size()
        return self.whole.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._move(QPointF())
        self.size_changed.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._grabbed, self._has_moved = event.position().toPoint(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is None:
            return
        step = self._grabbed - event.position().toPoint()
        if self._has_moved or step.manhattanLength() > QGuiApplication.styleHints().startDragDistance():
            self._has_moved = True
            self._grabbed = event.position().toPoint()
            self.pan(step.x(), step.y())

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        if self._grabbed is not None and not self._has_moved:
            self.turned.emit()
        self._grabbed = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.pan(-event.angleDelta().x(), -event.angleDelta().y())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.whole is not None and self.is_full:
            self._paint_full(painter, self.whole)
        elif self.whole is not None and self.small is not None:
            ratio = self.devicePixelRatioF()
            size = self.fitted_size()  # for which it was made, but for a moment after the window has changed
            width, height = size.width() / ratio, size.height() / ratio
            place = QRectF((self.width() - width) // 2, (self.height() - height) // 2, width, height)
            painter.drawImage(place, self.small)
        elif self.words:
            painter.setPen(self._theme.colour("text"))
            painter.setFont(self._theme.font("body"))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(SPACE_24, 0, -SPACE_24, 0), flags, self.words)
        painter.end()

    def _paint_full(self, painter: QPainter, whole: QImage) -> None:
        """Only what is seen is touched, so the size of the image does not matter."""
        ratio = self.devicePixelRatioF()
        seen = QRectF(0, 0, min(self.width() * ratio, whole.width()), min(self.height() * ratio, whole.height()))
        seen.moveCenter(self._middle)
        seen.moveTo(round(seen.x()), round(seen.y()))
        place = QRectF(0, 0, seen.width() / ratio, seen.height() / ratio)
        place.moveTo(round((self.width() - place.width()) / 2), round((self.height() - place.height()) / 2))
        painter.drawImage(place, whole, seen)

    def _move(self, step: QPointF) -> None:
        if self.whole is not None:
            ratio = self.devicePixelRatioF()
            half_x = min(self.width() * ratio, self.whole.width()) / 2
            half_y = min(self.height() * ratio, self.whole.height()) / 2
            x = min(max(self._middle.x() + step.x(), half_x), self.whole.width() - half_x)
            y = min(max(self._middle.y() + step.y(), half_y), self.whole.height() - half_y)
            self._middle = QPointF(x, y)
        shape = Qt.CursorShape.OpenHandCursor if self.is_full else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        self.update()


class PictureViewer(QFrame):
    """Covers its parent while it is open; the keyboard stays inside.

    Signals:
        save_requested: the `Attached` that is shown, to be written elsewhere.
    """

    save_requested = Signal(object)

    def __init__(self, theme: Theme, desk: PictureDesk, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._desk = theme, desk
        self._pictures: Sequence[Attached] = ()
        self._place = 0
        self._number = 0  # of what was asked for last
        self._before: QWidget | None = None  # what had the keyboard
        self._is_open = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Image"))
        self.canvas = _Canvas(theme)
        self.canvas.size_changed.connect(self._fit_soon)
        self.canvas.turned.connect(self._turn)
        self._timer = QTimer(self, interval=FIT_DELAY_MS, singleShot=True)
        self._timer.timeout.connect(self._fit)
        self.title = ElidedLabel()
        self.title.setFont(theme.font("heading"))
        self.facts = label(theme, font="small", kind="muted")
        self.back = IconButton(theme, "left", self.tr("Image before"))
        self.forth = IconButton(theme, "right", self.tr("Image after"))
        self.size_button = push_button(self.tr("Full size"), self._turn)
        self.save_button = push_button(self.tr("Save as…"), self._save)
        self.copy_button = push_button(self.tr("Copy"), self._copy)
        self.close_button = IconButton(theme, "close", self.tr("Close the image"))
        self.back.clicked.connect(self._step_back)
        self.forth.clicked.connect(self._step_forth)
        self.close_button.clicked.connect(self.close_viewer)
        self._stops: tuple[QAbstractButton, ...] = (
            self.back, self.forth, self.size_button, self.save_button, self.copy_button, self.close_button,
        )  # fmt: skip
        for each in self._stops:
            each.installEventFilter(self)
        self._lay_out()
        parent.installEventFilter(self)
        self.hide()

    @property
    def shown(self) -> Attached | None:
        """The image on view."""
        return self._pictures[self._place] if self._pictures else None

    def open(self, pictures: Sequence[Attached], place: int) -> None:
        """Shows one of several images."""
        if not self.isVisible():
            self._before = QGuiApplication.focusObject()  # type: ignore[assignment]
        self._is_open = True
        self._pictures = tuple(pictures)
        parent = self.parentWidget()
        assert parent is not None
        self.setGeometry(parent.rect())
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)
        self._show(place)

    @Slot()
    def close_viewer(self) -> None:
        """Shows the window again, with the keyboard where it was."""
        self._is_open = False  # the keyboard may leave now
        self.hide()
        self._number += 1
        self._pictures = ()
        self.canvas.show_words("")  # its pixels are many
        if isinstance(self._before, QWidget):
            self._before.setFocus(Qt.FocusReason.OtherFocusReason)
        self._before = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        parent = self.parentWidget()
        if event.type() == QEvent.Type.Resize and self._is_open and watched is parent and parent is not None:
            self.setGeometry(parent.rect())
        is_key = event.type() == QEvent.Type.KeyPress and watched in self._stops
        if is_key and isinstance(event, QKeyEvent) and event.key() in _OURS:  # buttons would take the arrows
            self.keyPressEvent(event)
            return True
        return False

    def event(self, event: QEvent) -> bool:
        """The window's shortcuts, such as Esc, mean something else here."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _OURS:
            event.accept()
            return True
        return super().event(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        stops = [each for each in self._stops if each.isVisible() and each.isEnabled()]
        if not self._is_open or not stops:
            return super().focusNextPrevChild(forward)
        now = next((place for place, each in enumerate(stops) if each.hasFocus()), -1 if forward else len(stops))
        stops[(now + (1 if forward else -1)) % len(stops)].setFocus(Qt.FocusReason.TabFocusReason)
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, full = Qt.Key(event.key()), self.canvas.is_full
        pans = {Qt.Key.Key_Up: (0, -STEP_PX), Qt.Key.Key_Down: (0, STEP_PX)}
        if key == Qt.Key.Key_Escape:
            self.close_viewer()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._show(self._place + (1 if key == Qt.Key.Key_Right else -1))
        elif key in pans:
            self.canvas.pan(*pans[key])
        elif key in (Qt.Key.Key_1, Qt.Key.Key_0):
            if full != (key == Qt.Key.Key_1):
                self._turn()
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._show(0 if key == Qt.Key.Key_Home else len(self._pictures) - 1)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()  # not for what lies under it

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.accept()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        ground = QColor(self._theme.colours.background)
        painter.fillRect(self.rect(), ground)
        painter.end()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(SPACE_8)
        head.addWidget(self.title, 1)
        head.addWidget(self.facts)
        head.addWidget(self.close_button)
        foot = QHBoxLayout()
        foot.setSpacing(SPACE_8)
        foot.addWidget(self.back)
        foot.addWidget(self.forth)
        foot.addStretch(1)
        for button in (self.size_button, self.save_button, self.copy_button):
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_16, SPACE_8, SPACE_16, SPACE_8)
        column.setSpacing(SPACE_8)
        column.addLayout(head)
        column.addWidget(self.canvas, 1)
        column.addLayout(foot)

    def _show(self, place: int) -> None:
        if not 0 <= place < len(self._pictures):
            return
        self._place = place
        self._number += 1
        picture, total = self._pictures[place], len(self._pictures)
        name = picture.words or self.tr("Image")
        self.title.set_whole_text(name if total == 1 else self.tr("{0} ({1} of {2})").format(name, place + 1, total))
        known = self._desk.thumbnail(picture.name)
        size = self.tr("{0} × {1} pixels").format(count(known.width), count(known.height)) if known else ""
        self.facts.setText(size)
        self.setAccessibleName(f"{self.title.accessibleName()}. {size}")
        self.back.setVisible(total > 1)
        self.forth.setVisible(total > 1)
        self.back.setEnabled(place > 0)
        self.forth.setEnabled(place + 1 < total)
        self.canvas.set_full(False)
        self.canvas.show_words(self.tr("Reading the image…"))
        self._show_size()
        self._desk.whole(picture.name, partial(self._take, self._number), partial(self._fail, self._number))
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, self.accessibleName()))

    def _take(self, number: int, image: QImage) -> None:
        if number == self._number:
            self.canvas.show_image(image)
            self._fit()
            self._show_size()

    def _fail(self, number: int, error: EngineError) -> None:
        if number == self._number:
            self.canvas.show_words(error_line(error))

    @Slot()
    def _fit_soon(self) -> None:
        if self.canvas.whole is not None:
            self._show_size()
            self._timer.start()

    @Slot()
    def _fit(self) -> None:
        whole = self.canvas.whole
        if whole is not None:
            self._desk.fit(whole, self.canvas.fitted_size(), partial(self._take_small, self._number))

    def _take_small(self, number: int, image: QImage) -> None:
        if number == self._number and self.canvas.whole is not None:
            self.canvas.small = image
            self.canvas.update()
            self._show_size()

    def _show_size(self) -> None:
        whole = self.canvas.whole
        self.size_button.setText(self.tr("Fit the window") if self.canvas.is_full else self.tr("Full size"))
        self.size_button.setEnabled(
            whole is not None and (self.canvas.is_full or self.canvas.fitted_size() != whole.size())
        )
        self.copy_button.setEnabled(whole is not None)

    @Slot()
    def _turn(self) -> None:
        whole = self.canvas.whole
        if whole is not None and (self.canvas.is_full or self.canvas.fitted_size() != whole.size()):
            self.canvas.set_full(not self.canvas.is_full)
            self._show_size()

    @Slot()
    def _step_back(self) -> None:
        self._show(self._place - 1)

    @Slot()
    def _step_forth(self) -> None:
        self._show(self._place + 1)

    @Slot()
    def _save(self) -> None:
        if self.shown is not None:
            self.save_requested.emit(self.shown)

    @Slot()
    def _copy(self) -> None:
        """The pixels for other programs, the file for file managers; neither is written before it is asked for."""
        if self.shown is None or self.canvas.whole is None:
            return
        data = QMimeData()
        data.setImageData(self.canvas.whole)
        data.setUrls([QUrl.fromLocalFile(str(self._desk.folder.path(self.shown.name)))])
        QGuiApplication.clipboard().setMimeData(data)
        self.copy_button.setText(self.tr("Copied"))
        QTimer.singleShot(1500, self.copy_button, self._name_copy)

    @Slot()
    def _name_copy(self) -> None:
        self.copy_button.setText(self.tr("Copy"))
