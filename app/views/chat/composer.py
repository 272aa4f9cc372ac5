"""The card in which a message is written. Enter sends, Shift+Enter breaks; Send becomes Stop while a reply runs.

Knows nothing of conversations.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QFocusEvent, QFontMetricsF, QKeyEvent, QResizeEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.pictures.desk import PictureDesk
from app.pictures.work import Source
from app.storage.turns import join_turn, split_turn
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8
from app.views.chat.picture_input import offers_pictures, picture_sources, sources_of_files
from app.views.chat.picture_tray import PictureTray
from app.views.widgets import IconButton, set_state

MAX_LINES = 8


class _Input(QPlainTextEdit):
    """Plain text that grows with its lines.

    Signals:
        submitted: Enter was pressed.
        last_wanted: Up was pressed with nothing written.
        focus_changed: whether the keyboard is here.
        pictures_pasted: a list of `Source`.
    """

    submitted = Signal()
    last_wanted = Signal()
    focus_changed = Signal(bool)
    pictures_pasted = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "bare")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)  # a space at a line's end asks for one
        self.document().documentLayout().documentSizeChanged.connect(self.fit)

    @Slot()
    def fit(self) -> None:
        """Takes the height of its lines, at most `MAX_LINES`."""
        lines = max(1, int(self.document().size().height()))
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if lines > MAX_LINES else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
        line_px = QFontMetricsF(self.font()).lineSpacing()
        self.setFixedHeight(int(line_px * min(lines, MAX_LINES) + 0.999) + 2)
        self.ensureCursorVisible()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.fit()  # lines break elsewhere, and the document does not tell

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.submitted.emit()
        elif event.key() == Qt.Key.Key_Up and self._is_plain(event) and self.document().isEmpty():
            self.last_wanted.emit()
        else:
            super().keyPressEvent(event)

    def _is_plain(self, event: QKeyEvent) -> bool:
        """Whether no other key is held; those of the keypad count as themselves."""
        return event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_changed.emit(False)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return _is_text(source) or offers_pictures(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        pictures = picture_sources(source, self.tr("Pasted image"))
        if pictures:
            self.pictures_pasted.emit(pictures)
        elif _is_text(source):
            super().insertFromMimeData(source)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _is_text(event.mimeData()) and not event.mimeData().hasImage():
            super().dragEnterEvent(event)
        else:
            event.ignore()


def _is_text(source: QMimeData) -> bool:
    return source.hasText() and not source.hasUrls()  # files and folders belong to the window


class Composer(QFrame):
    """Attributes:
        input: the words.
        tray: the pictures over them.

    Signals:
        sent: a message as it is stored: its pictures and its words.
        changed: other words or pictures are in it.
        stop_requested: the running reply shall stop.
        edit_last_requested: the last message that was sent shall be changed.
        attach_requested: the user wants to choose images.
    """

    sent = Signal(str)
    changed = Signal()
    attach_requested = Signal()
    stop_requested = Signal()
    edit_last_requested = Signal()

    def __init__(self, theme: Theme, desk: PictureDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self._theme = theme
        self._waits_for_pictures = False  # Enter was pressed while one was being read
        self._ready = False
        self._busy = False
        self.input = _Input()
        self.input.setAccessibleName(self.tr("Message"))
        self.input.submitted.connect(self.submit)
        self.input.last_wanted.connect(self.edit_last_requested)
        self.input.textChanged.connect(self._on_change)
        self.input.pictures_pasted.connect(self.add_pictures)
        self.tray = PictureTray(theme, desk)
        self.tray.changed.connect(self._on_change)
        self.tray.changed.connect(self._send_if_waiting)
        self.attach_button = IconButton(theme, "image", self.tr("Add images"))
        self.attach_button.setFixedSize(32, 32)
        self.attach_button.clicked.connect(self.attach_requested)
        self.input.focus_changed.connect(self._on_focus)
        self.button = IconButton(theme, "send", self.tr("Send"), role="on_accent")
        self.button.setProperty("kind", "send")
        self.button.setFixedSize(32, 32)
        self.button.clicked.connect(self._on_button)
        row = QHBoxLayout()
        row.setSpacing(SPACE_8)
        row.addWidget(self.attach_button, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.input, 1, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_8, SPACE_8, SPACE_8, SPACE_8)
        layout.setSpacing(SPACE_8)
        layout.addWidget(self.tray)
        layout.addLayout(row)
        theme.changed.connect(self._on_theme)
        self._on_theme()
        self._update_button()

    def set_ready(self, ready: bool, hint: str) -> None:
        """Whether a message can be sent now, and what the empty field says."""
        self._ready = ready
        self.input.setPlaceholderText(hint)
        self.input.viewport().update()  # Qt paints again only when the words come or go, not for others
        self._update_button()

    def set_busy(self, busy: bool) -> None:
        """Turns Send into Stop and back."""
        self._busy = busy
        self._update_button()

    @property
    def content(self) -> str:
        """What is in it, as it would be stored; '' when there is nothing."""
        turn = join_turn(self.tray.pictures, self.input.toPlainText().strip("\n"))
        return "" if split_turn(turn).is_empty else turn

    @property
    def is_empty(self) -> bool:
        return not self.input.toPlainText().strip() and not self.tray.num_pictures

    def set_content(self, content: str) -> None:
        """Puts a message in, ready to be changed."""
        turn = split_turn(content)
        self.show_draft(content, self.tray.key)
        self.set_text(turn.text)

    def show_draft(self, content: str, key: object) -> None:
        """Shows what was begun elsewhere; `key` tells it from others. The keyboard stays where it is."""
        turn = split_turn(content)
        self._waits_for_pictures = False
        self.tray.show_pictures(turn.pictures, key)
        if turn.text != self.input.toPlainText():
            self.input.setPlainText(turn.text)
            self.input.moveCursor(QTextCursor.MoveOperation.End)

    @Slot(list)
    def add_pictures(self, sources: list[Source]) -> None:
        """Adds images behind those that are there."""
        self.tray.add(sources)

    def add_files(self, paths: Sequence[Path]) -> None:
        """Adds image files."""
        self.tray.add(sources_of_files(paths))

    def set_sight(self, sees: bool, words: str) -> None:
        """Whether the model sees images, and what is said about it."""
        self.attach_button.set_icon("image" if sees else "image_off")
        self.attach_button.setToolTip(words)
        self.attach_button.setAccessibleDescription("" if sees else words)

    def set_text(self, text: str) -> None:
        """Puts words in, ready to be changed; the images stay."""
        self.input.setPlainText(text)
        self.input.moveCursor(QTextCursor.MoveOperation.End)
        self.input.setFocus()

    @Slot()
    def submit(self) -> None:
        """Sends what is written, when that is possible now."""
        if not self._ready or self._busy or self.is_empty or self.tray.has_trouble:
            return
        self._waits_for_pictures = self.tray.is_reading
        content = self.content
        if content and not self._waits_for_pictures:
            self.tray.take()
            self.input.clear()
            self.sent.emit(content)

    @Slot()
    def _send_if_waiting(self) -> None:
        if self._waits_for_pictures and not self.tray.is_reading:
            self._waits_for_pictures = False
            self.submit()

    @Slot()
    def _on_change(self) -> None:
        if self.sender() is self.input:
            self._waits_for_pictures = False
        self._update_button()
        self.changed.emit()

    @Slot()
    def _on_button(self) -> None:
        if self._busy:
            self.stop_requested.emit()
        else:
            self.submit()

    @Slot()
    def _update_button(self) -> None:
        self.button.set_icon("stop" if self._busy else "send")
        self.button.set_name(self.tr("Stop") if self._busy else self.tr("Send"))
        can_send = self._ready and not self.is_empty and not self.tray.has_trouble
        self.button.setEnabled(self._busy or can_send)

    @Slot(bool)
    def _on_focus(self, focused: bool) -> None:
        set_state(self, "focused", "true" if focused else "false")

    @Slot()
    def _on_theme(self) -> None:
        self.input.setFont(self._theme.font("message"))
        self.input.viewport().setFont(self._theme.font("message"))  # the placeholder is written with this one
        self.input.fit()
