"""What all messages of the transcript have in common as widgets: focus, name, versions, cut, actions and editing.

Knows nothing of what is in a message, of the store, of scrolling or of other messages.
"""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QEnterEvent, QFocusEvent, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from app.pictures.desk import PictureDesk
from app.storage.records import StoredMessage, Versions
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8
from app.views.chat.cut_line import CutLine
from app.views.chat.message_actions import COPY, EDIT, START_OVER, MessageActions, VersionSwitch
from app.views.chat.message_editor import MessageEditor
from app.views.widgets import IconButton, set_state

FRAME_PX = 1 + SPACE_4  # a message's border and the space inside it, at each side
DESCRIBED_CHARS = 300
_KEYBOARD = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.OtherFocusReason)


class MessageWidget(QFrame):
    """What both kinds have in common: focus, name, versions, actions on hover and on focus.

    Signals:
        move_requested: -1 or 1: the focus wants to go to the message before or after.
        action_requested: message id and "regenerate", "continue", "branch" or "delete".
        edit_submitted: message id and what is to be stored in its place.
        attach_requested: images are to be chosen for the message that is being edited.
        edit_last_requested: the last message that was sent is to be changed.
        start_over_requested: message id and the words that another version of the reply starts with.
        version_step_requested: message id and -1 or 1.
        pictures_opened: a list of `Attached` and the number of the one to be shown whole.
        retry_requested: ask for this reply again.
        cut_requested: ask for it again without the oldest messages.
        larger_context_requested: the model is wanted with a larger context.
    """

    move_requested = Signal(int)
    action_requested = Signal(int, str)
    edit_submitted = Signal(int, str)
    attach_requested = Signal()
    edit_last_requested = Signal()
    start_over_requested = Signal(int, str)
    version_step_requested = Signal(int, int)
    pictures_opened = Signal(object, int)
    retry_requested = Signal()
    cut_requested = Signal()
    larger_context_requested = Signal()

    def __init__(
        self, theme: Theme, message: StoredMessage, actions: tuple[str, ...], parent: QWidget | None = None,
        desk: PictureDesk | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.theme = theme
        self._desk = desk  # of messages that have pictures
        self.message = message
        self.setProperty("kind", "message")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.action_bar = MessageActions(theme, actions, self)
        self.action_bar.chosen.connect(self._on_action)
        self.versions: VersionSwitch | None = None
        self.editor: MessageEditor | None = None
        self.cut_line: CutLine | None = None
        self._below = QHBoxLayout()
        self._below.setSpacing(SPACE_8)
        self._below.addWidget(self.action_bar, 0, Qt.AlignmentFlag.AlignTop)
        self._hovered = False
        self._starts_over = False  # what is written begins another version, and changes no message
        self._busy = False
        QGuiApplication.instance().focusChanged.connect(self._on_focus_changed)  # type: ignore[union-attr]
        self.setAccessibleName(self._spoken_name())

    @property
    def copy_button(self) -> IconButton:
        return self.action_bar.button(COPY)

    def set_place(self, number: int, total: int) -> None:
        """Tells screen readers where the message stands and how it begins."""
        place = self.tr("Message {0} of {1}").format(number, total)
        self.setAccessibleDescription(f"{place}. {self._described()[:DESCRIBED_CHARS]}")

    def set_versions(self, versions: Versions | None) -> None:
        """Shows the message's place among its versions."""
        if self.versions is None and versions is not None:
            self.versions = VersionSwitch(self.theme)
            self.versions.step_requested.connect(self._on_step)
            self._below.insertWidget(self._below.indexOf(self.action_bar), self.versions, 0, Qt.AlignmentFlag.AlignTop)
        if self.versions is not None:
            self.versions.setVisible(versions is not None)
            if versions is not None:
                self.versions.show_place(versions.number, versions.total)

    def set_cut(self, is_cut: bool) -> None:
        """Draws or takes away the line that says that the model did not read what is above."""
        if is_cut == (self.cut_line is not None):
            return
        if self.cut_line is not None:
            self.cut_line.hide()
            self.cut_line.deleteLater()
            self.cut_line = None
        else:
            self.cut_line = CutLine(self.theme)
            self._main_layout().insertWidget(0, self.cut_line)
        self.setAccessibleName(self._spoken_name())

    def set_last(self, last: bool) -> None:
        """The last message of a chat has more actions."""

    def set_busy(self, busy: bool) -> None:
        """While a reply runs in the chat, the tree must not change."""
        self._busy = busy
        if self.editor is not None:
            self.editor.set_busy(busy)
        self._offer_all()

    def text(self) -> str:
        """The message as it is stored."""
        return self.message.content

    def _copied(self) -> str:
        """The message for the clipboard."""
        return self.text()

    def _described(self) -> str:
        """What a screen reader begins with."""
        return self.text()

    def build_more(self, end_s: float) -> bool:
        """Lays out more of a long message until a moment of `time.thread_time`; True when all of it is there."""
        return True

    def text_widgets(self) -> list[QTextEdit | QPlainTextEdit]:
        """The widgets with its text, from the top."""
        return []

    @property
    def is_built(self) -> bool:
        """Whether all of its text is laid out."""
        return True

    @property
    def edited(self) -> str | None:
        """What is being made of the message, None while it is not edited."""
        return self.editor.content if self.editor is not None and not self._starts_over else None

    @property
    def is_busy(self) -> bool:
        """Whether it must not be taken down: it grows or is being edited."""
        return self.editor is not None or self.message.state == "streaming"

    @Slot()
    def copy(self) -> None:
        """Puts the message on the clipboard."""
        QGuiApplication.clipboard().setText(self._copied())
        self.action_bar.flash_copied()

    @Slot()
    def start_editing(self) -> None:
        """Puts a field in place of the message."""
        if self.editor is not None:
            return
        is_sent = self.message.role == "user"
        verb = self.tr("Send") if is_sent else self.tr("Save")
        self.editor = MessageEditor(self.theme, self.text(), verb, desk=self._desk if is_sent else None)
        self.editor.attach_requested.connect(self.attach_requested)
        if self.editor.tray is not None:
            self.editor.tray.opened.connect(self.pictures_opened)
        self.editor.accepted.connect(self._on_edited)
        self.editor.cancelled.connect(self.stop_editing)
        self.editor.set_busy(self._busy)
        self._starts_over = False
        self._show_content(False)
        self._main_layout().insertWidget(0 if self.cut_line is None else 1, self.editor)
        self.editor.show()
        self.editor.field.setFocus()

    def ask_for_start(self) -> None:
        """Lets the user write the first words of another version of a reply; the message stays on view."""
        if self.editor is not None or self.message.role == "user":
            return
        self._starts_over = True
        self.editor = MessageEditor(self.theme, "", self.tr("Regenerate"))
        self.editor.field.setPlaceholderText(self.tr("The new reply starts with these words"))
        self.editor.field.setAccessibleName(self.tr("Start reply with"))
        self.editor.accepted.connect(self._on_start_written)
        self.editor.cancelled.connect(self.stop_editing)
        self.editor.set_busy(self._busy)
        self._main_layout().insertWidget(self._main_layout().count() - 1, self.editor)
        self.editor.show()
        self.editor.field.setFocus()

    @Slot()
    def stop_editing(self) -> None:
        """Shows the message again."""
        if self.editor is not None:
            had_focus = self.editor.isAncestorOf(self.focusWidget()) if self.focusWidget() else False
            self.editor.hide()
            self.editor.deleteLater()
            self.editor = None
            self._show_content(True)
            if had_focus:
                self.setFocus(Qt.FocusReason.OtherFocusReason)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._hovered = True
        self._show_actions()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = False
        self._show_actions()
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        set_state(self, "focused", "true" if event.reason() in _KEYBOARD else "")
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        set_state(self, "focused", "")
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and not event.modifiers():
            self.move_requested.emit(-1 if event.key() == Qt.Key.Key_Up else 1)
        else:
            super().keyPressEvent(event)

    def _main_layout(self) -> QVBoxLayout:
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        return layout

    def _show_content(self, shown: bool) -> None:
        raise NotImplementedError

    def _offer_all(self) -> None:
        """Brings the offered actions up to date."""
        self.action_bar.offer(EDIT, not self._busy)

    def _spoken_name(self) -> str:
        who = self.tr("You") if self.message.role == "user" else self.tr("Reply")
        name = f"{who}, {datetime.fromtimestamp(self.message.created_s):%H:%M}"
        return name if self.cut_line is None else f"{self.cut_line.accessibleName()}. {name}"

    @Slot(str)
    def _on_action(self, action: str) -> None:
        if action == COPY:
            self.copy()
        elif action == EDIT:
            self.start_editing()
        elif action == START_OVER:
            self.ask_for_start()
        else:
            self.action_requested.emit(self.message.id, action)

    @Slot(int)
    def _on_step(self, step: int) -> None:
        self.version_step_requested.emit(self.message.id, step)

    @Slot(str)
    def _on_edited(self, text: str) -> None:
        self.stop_editing()
        self.edit_submitted.emit(self.message.id, text)

    @Slot(str)
    def _on_start_written(self, words: str) -> None:
        self.stop_editing()
        self.start_over_requested.emit(self.message.id, words)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, _new: QWidget | None) -> None:
        self._show_actions()

    def _show_actions(self) -> None:
        focus = QGuiApplication.focusObject()
        has_focus = focus is self or (isinstance(focus, QWidget) and self.isAncestorOf(focus))
        shown = (self._hovered or has_focus) and self.editor is None
        if shown != self.action_bar.isVisibleTo(self):
            self._offer_all()
            self.action_bar.setVisible(shown)
