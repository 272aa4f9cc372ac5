"""The field in which a message is edited where it stands, with its pictures. Knows nothing of what becomes of it.

Ctrl+Enter takes the text; for what is sent, Enter does so too and Shift+Enter breaks the line, as in the composer.
"""

from __future__ import annotations

from math import ceil

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.pictures.desk import PictureDesk
from app.pictures.work import Source
from app.storage.turns import Attached, Turn, join_turn, split_turn
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.chat.picture_input import offers_pictures, picture_sources
from app.views.chat.picture_tray import PictureTray
from app.views.widgets import IconButton, push_button

MAX_LINES = 16


class _Field(QPlainTextEdit):
    """Signals:
    pictures_pasted: a list of `Source`.
    """

    pictures_pasted = Signal(list)

    def __init__(self, text: str, takes_pictures: bool) -> None:
        super().__init__(text)
        self._takes_pictures = takes_pictures

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return super().canInsertFromMimeData(source) or (self._takes_pictures and offers_pictures(source))

    def insertFromMimeData(self, source: QMimeData) -> None:
        pictures = picture_sources(source, self.tr("Pasted image")) if self._takes_pictures else []
        if pictures:
            self.pictures_pasted.emit(pictures)
        else:
            super().insertFromMimeData(source)


class MessageEditor(QFrame):
    """Signals:
    accepted: the message with its changes, as it is stored.
    cancelled: the message stays as it is.
    attach_requested: the user wants to choose images.
    """

    accepted = Signal(str)
    cancelled = Signal()
    attach_requested = Signal()

    def __init__(
        self, theme: Theme, content: str, verb: str, parent: QWidget | None = None, *,
        desk: PictureDesk | None = None,
    ) -> None:  # fmt: skip
        """Takes a message as it is stored; with a desk it is one of the user's, which is sent and may have pictures."""
        super().__init__(parent)
        self._is_sent = is_sent = desk is not None
        turn = split_turn(content) if is_sent else Turn((), content)
        self.setProperty("kind", "card")
        self._busy = False
        self.tray: PictureTray | None = None
        if desk is not None:
            self.tray = PictureTray(theme, desk)
            self.tray.show_pictures(turn.pictures)
            self.tray.changed.connect(self._fit)
        self.field = _Field(turn.text, is_sent)
        self.field.pictures_pasted.connect(self.add_pictures)
        self.field.setProperty("kind", "bare")
        self.field.setFont(theme.font("message"))
        self.field.setTabChangesFocus(True)
        self.field.setAccessibleName(self.tr("Edit the message"))
        self.field.setFrameShape(QFrame.Shape.NoFrame)
        self.field.textChanged.connect(self._fit)
        self.field.verticalScrollBar().rangeChanged.connect(self._fit)  # lines break when the width is known
        self.save_button: QPushButton = push_button(verb, self._accept, "primary")
        self.save_button.setToolTip(self.tr("Enter") if is_sent else self.tr("Ctrl+Enter"))
        self.cancel_button: QPushButton = push_button(self.tr("Cancel"), self.cancelled.emit)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_8)
        if is_sent:
            self.attach_button = IconButton(theme, "image", self.tr("Add images"))
            self.attach_button.clicked.connect(self.attach_requested)
            buttons.addWidget(self.attach_button)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_12, SPACE_8, SPACE_12, SPACE_8)
        layout.setSpacing(SPACE_8)
        if self.tray is not None:
            layout.addWidget(self.tray)
        layout.addWidget(self.field)
        layout.addLayout(buttons)
        self.field.installEventFilter(self)
        self.field.moveCursor(QTextCursor.MoveOperation.End)
        self._fit()

    @property
    def content(self) -> str:
        """The message with its changes, as it is stored."""
        text = self.field.toPlainText()
        return join_turn(self._pictures(), text.strip("\n")) if self._is_sent else text

    def set_content(self, content: str) -> None:
        """Takes a message that was being changed elsewhere."""
        turn = split_turn(content) if self._is_sent else Turn((), content)
        if self.tray is not None:
            self.tray.show_pictures(turn.pictures)
        self.field.setPlainText(turn.text)
        self.field.moveCursor(QTextCursor.MoveOperation.End)

    @Slot(list)
    def add_pictures(self, sources: list[Source]) -> None:
        """Adds images behind those that are there."""
        if self.tray is not None:
            self.tray.add(sources)

    def set_busy(self, busy: bool) -> None:
        """While a reply runs the text waits here."""
        self._busy = busy
        self._fit()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            enter, held = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter), event.modifiers()
            plain = self._is_sent and not held & ~Qt.KeyboardModifier.KeypadModifier
            takes = enter and (plain or bool(held & Qt.KeyboardModifier.ControlModifier))
            ours = event.key() == Qt.Key.Key_Escape or takes
            if ours:
                event.accept()
                if event.type() == QEvent.Type.KeyPress:
                    self._accept() if enter else self.cancelled.emit()
                return True
        return False

    @Slot()
    def _accept(self) -> None:
        if self.save_button.isEnabled():
            self.accepted.emit(self.content)

    def _pictures(self) -> tuple[Attached, ...]:
        return self.tray.pictures if self.tray is not None else ()

    @Slot()
    def _fit(self) -> None:
        lines = min(MAX_LINES, max(2, round(self.field.document().size().height())))
        line_px = ceil(QFontMetricsF(self.field.font()).lineSpacing())  # Qt lays lines out at whole pixels
        margins_px = 2 * ceil(self.field.document().documentMargin()) + SPACE_12
        self.field.setFixedHeight(lines * line_px + margins_px)
        can_go = self.tray is None or not (self.tray.is_reading or self.tray.has_trouble)
        has_something = bool(self.field.toPlainText().strip() or self._pictures())
        self.save_button.setEnabled(not self._busy and can_go and has_something)
