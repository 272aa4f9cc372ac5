"""The transcript: the messages of a conversation as it goes on, with their names, actions and search.

Knows nothing of the store or of the engine. The column under it follows the newest text only while the reader is at
the bottom.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QToolButton, QWidget

from app.markdown.workshop import Workshop
from app.pictures.desk import PictureDesk
from app.storage.pictures import PictureFolder
from app.storage.records import StoredMessage, Versions
from app.theme.theme import Theme
from app.theme.tokens import ICON_PX, SPACE_8, SPACE_16
from app.views.chat.column import Place
from app.views.chat.find_bar import FindBar
from app.views.chat.message_scroll import BOTTOM_SLACK_PX, FIRST_PAINT_S, MessageScroll
from app.views.chat.message_widget import MessageWidget
from app.views.chat.messages import ReplyMessage, UserMessage
from app.views.chat.transcript_search import TranscriptSearch


class Transcript(MessageScroll):
    """Signals:
    retry_requested: ask for the last reply again.
    cut_requested: ask for it again without the oldest messages.
    larger_context_requested: the model is wanted with a larger context.
    regenerate_requested, branch_requested, delete_requested: id of the message.
    continue_requested: go on with the last reply.
    edit_submitted: id of the message and what is to be stored in its place.
    attach_requested: images are to be chosen for the message that is being edited.
    pictures_opened: a list of `Attached` and the number of the one to be shown whole.
    start_over_requested: id of a reply and the words that another version of it starts with.
    version_step_requested: id of the message and -1 or 1.
    """

    retry_requested = Signal()
    cut_requested = Signal()
    larger_context_requested = Signal()
    regenerate_requested = Signal(int)
    continue_requested = Signal()
    branch_requested = Signal(int)
    delete_requested = Signal(int)
    edit_submitted = Signal(int, str)
    start_over_requested = Signal(int, str)
    version_step_requested = Signal(int, int)
    attach_requested = Signal()
    pictures_opened = Signal(object, int)

    def __init__(
        self, theme: Theme, parent: QWidget | None = None, attachments: Path | None = None,
        desk: PictureDesk | None = None,
    ) -> None:  # fmt: skip
        super().__init__(theme, parent)
        self._workshop = Workshop(attachments, self)
        self._desk = desk or PictureDesk(PictureFolder(attachments or Path("attachments")), self)
        self._versions: dict[int, Versions] = {}
        self._cut_id = 0
        self._busy = False
        self.setAccessibleName(self.tr("Conversation"))
        self.jump_button = self._make_jump_button()
        self.find_bar = FindBar(theme, self)
        self.find_bar.closed.connect(self._make_room)
        self._search = TranscriptSearch(self, theme)
        theme.changed.connect(self._on_theme)
        self._tint()

    @property
    def messages(self) -> list[StoredMessage]:
        """All messages, oldest first, whether they have a widget or not."""
        return [place.message for place in self._column.places]

    @Slot(list)
    def show_messages(self, messages: list[StoredMessage]) -> None:
        """Shows another conversation from its end."""
        self.find_bar.finish()
        self._versions = {}
        self._fill(messages)

    @Slot(list)
    def update_branch(self, messages: list[StoredMessage]) -> None:
        """Shows another branch of the same conversation; messages at its beginning that are on view stay."""
        kept = 0
        for place, message in zip(self._column.places, messages, strict=False):
            if place.message.id != message.id or message.state == "streaming" or place.message.state == "streaming":
                break
            kept += 1
        for number in range(len(self._column.places) - 1, kept - 1, -1):
            self._take_off(number)
        for message in messages[kept:]:
            self._column.append(message, self._width, self._theme.text_scale)
        self.settle()
        self._name_all()
        self._follow(True)
        self._to_bottom()
        self._build(FIRST_PAINT_S)

    @Slot(dict)
    def set_versions(self, versions: dict[int, Versions]) -> None:
        """Takes the place of messages among their versions, by message id."""
        self._versions = versions
        for message_id, widget in self._widgets.items():
            widget.set_versions(versions.get(message_id))

    @Slot(int)
    def set_cut(self, message_id: int) -> None:
        """Draws the line over the first message that the last reply was written with; 0 takes it away."""
        self._cut_id = message_id
        for number, widget in self._widgets.items():
            widget.set_cut(number == message_id)
        self.settle()

    @Slot(object)
    def add_message(self, message: StoredMessage) -> None:
        """Adds a message at the end and goes there: the user has just sent it."""
        self._column.append(message, self._width, self._theme.text_scale)
        self._realise(len(self._column.places) - 1)
        self._name_all()
        self._follow(True)
        self.settle()

    @Slot(int)
    def remove_message(self, message_id: int) -> None:
        """Takes a message off the view."""
        number = self._column.find(message_id)
        if number >= 0:
            self._take_off(number)
            self._name_all()
            self.settle()

    @Slot(bool)
    def set_busy(self, busy: bool) -> None:
        """While a reply runs, nothing is offered that would need the model or change the branch."""
        self._busy = busy
        for widget in self._widgets.values():
            widget.set_busy(busy)

    @Slot(int, str)
    def append_text(self, message_id: int, text: str) -> None:
        """Shows more of a running reply."""
        widget = self._widgets.get(message_id)
        if isinstance(widget, ReplyMessage):
            widget.append(text)
            self.settle()  # at once: one paint for the text and the scrolling
            return
        number = self._column.find(message_id)
        if number >= 0:
            self._column.places[number].late.append(text)

    @Slot(int, int, int)
    def set_progress(self, message_id: int, done_tokens: int, total_tokens: int) -> None:
        """Shows how much of a prompt has been read."""
        widget = self._widgets.get(message_id)
        if isinstance(widget, ReplyMessage):
            widget.set_progress(done_tokens, total_tokens)

    @Slot(int, int, int)
    def set_looking(self, message_id: int, done: int, total: int) -> None:
        """Shows which image the model looks at."""
        widget = self._widgets.get(message_id)
        if isinstance(widget, ReplyMessage):
            widget.set_looking(done, total)

    @Slot(object)
    def end_reply(self, message: StoredMessage) -> None:
        """A reply is over; screen readers hear of it once."""
        number = self._column.find(message.id)
        if number < 0:
            return
        self._column.places[number].message = message
        self._column.places[number].late = []
        widget = self._widgets.get(message.id)
        if isinstance(widget, ReplyMessage):
            widget.end(message)
        self._name_all()
        said = self.tr("Reply failed") if message.error else self.tr("Reply finished")
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, said))

    @Slot(int)
    def go_to(self, message_id: int) -> None:
        """Scrolls to a message and gives it the focus."""
        number = self._column.find(message_id)
        if number >= 0:
            self.reveal(number, focus=True)

    @Slot()
    def edit_last_turn(self) -> None:
        """Lets the user change the last message of theirs; not while a reply is written to it."""
        turns = [number for number, place in enumerate(self._column.places) if place.message.role == "user"]
        if turns and not self._busy:
            self.reveal(turns[-1]).start_editing()

    @Slot()
    def open_find(self) -> None:
        """Opens the search in this chat."""
        self.find_bar.open()
        self._make_room()
        self._place_floating()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_width()
        self._place_floating()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        jumps = {Qt.Key.Key_Home: bar.minimum(), Qt.Key.Key_End: bar.maximum()}
        if event.key() in jumps:
            bar.setValue(jumps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def _make(self, place: Place) -> MessageWidget:
        if place.late:
            place.message, place.late = replace(place.message, content=place.text()), []
        message = place.message
        if message.role == "user":
            widget: MessageWidget = UserMessage(self._theme, message, self._desk, self._body)
        else:
            widget = ReplyMessage(self._theme, message, self._workshop, self._body)
        widget.move_requested.connect(self._move_focus)
        widget.retry_requested.connect(self.retry_requested)
        widget.cut_requested.connect(self.cut_requested)
        widget.larger_context_requested.connect(self.larger_context_requested)
        widget.action_requested.connect(self._on_action)
        widget.edit_submitted.connect(self.edit_submitted)
        widget.start_over_requested.connect(self.start_over_requested)
        widget.version_step_requested.connect(self.version_step_requested)
        widget.attach_requested.connect(self.attach_requested)
        widget.edit_last_requested.connect(self.edit_last_turn)
        widget.pictures_opened.connect(self.pictures_opened)
        widget.set_versions(self._versions.get(message.id))
        widget.set_cut(message.id == self._cut_id)
        widget.set_busy(self._busy)
        return widget

    def _after_build(self) -> None:
        self._search.mark_new()

    def text_of(self, number: int) -> str:
        """The text of a message with what has arrived of it."""
        place = self._column.places[number]
        widget = self._widgets.get(place.message.id)
        return widget.text() if widget is not None else place.text()

    def _name_all(self) -> None:
        for number, place in enumerate(self._column.places):
            widget = self._widgets.get(place.message.id)
            if widget is not None:
                self._name(number, widget)

    def _name(self, number: int, widget: MessageWidget) -> None:
        total = len(self._column.places)
        widget.set_place(number + 1, total)
        widget.set_last(number + 1 == total)

    @Slot(int)
    def _move_focus(self, step: int) -> None:
        sender = self.sender()
        if isinstance(sender, MessageWidget):
            target = self._column.find(sender.message.id) + step
            if 0 <= target < len(self._column.places):
                self.reveal(target, focus=True)

    @Slot(int, str)
    def _on_action(self, message_id: int, action: str) -> None:
        if action == "continue":
            self.continue_requested.emit()
            return
        signals = {
            "regenerate": self.regenerate_requested,
            "reply": self.regenerate_requested,
            "branch": self.branch_requested,
            "delete": self.delete_requested,
        }
        signals[action].emit(message_id)

    def _make_jump_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("kind", "floating")
        button.setText(self.tr("Jump to latest"))
        button.setAccessibleName(self.tr("Jump to latest"))
        button.setFont(self._theme.font("small"))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.clicked.connect(self.jump_to_latest)
        button.hide()
        return button

    def _show_floating(self) -> None:
        bar = self.verticalScrollBar()
        away = bar.maximum() - bar.value() > BOTTOM_SLACK_PX
        shown = away and not self._following
        if shown != self.jump_button.isVisible():
            # among the messages: over the viewport it would have all be painted again for each step
            self.jump_button.setParent(self._body if shown else self)
            self.jump_button.adjustSize()
            self.jump_button.setVisible(shown)
        if shown:
            self._place_jump_button()

    def _place_jump_button(self) -> None:
        """The button goes with the messages and is put back."""
        x = (self.viewport().width() - self.jump_button.width()) // 2
        bottom = self.verticalScrollBar().value() + self.viewport().height()
        self.jump_button.move(x, bottom - self.jump_button.height() - SPACE_8)
        self.jump_button.raise_()

    @Slot()
    def _make_room(self) -> None:
        """The find bar stands above the messages: over them, all would be painted again for each step of scrolling."""
        before = self.viewportMargins().top()
        room = 0 if self.find_bar.isHidden() else self.find_bar.sizeHint().height() + 2 * SPACE_8
        value = self.verticalScrollBar().value()
        if room != before:
            self.setViewportMargins(0, room, 0, 0)
            if not self._following:  # what is being read stays where it is
                self._set_value(value + room - before)

    def _place_floating(self) -> None:
        area = self.viewport().geometry()
        self._place_jump_button()
        self.find_bar.adjustSize()
        self.find_bar.move(area.right() - self.find_bar.width() - SPACE_16, SPACE_8)
        self.find_bar.raise_()

    @Slot()
    def _on_theme(self) -> None:
        """Writes all messages again in the new colours or size."""
        self._tint()
        widgets = self.message_widgets
        edited = {each.message.id: each.edited for each in widgets if each.edited is not None}
        focused = next((each.message.id for each in widgets if each.hasFocus()), None)
        messages = [replace(p.message, content=self.text_of(i)) for i, p in enumerate(self._column.places)]
        for number, message in enumerate(messages):
            widget = self._widgets.get(message.id)
            if message.state == "streaming" and isinstance(widget, ReplyMessage):
                messages[number] = replace(message, thought_s=widget.thought_s)
        if messages:
            following, anchor = self._following, self._anchor()
            self._fill(messages)
            if not following:
                self._follow(False)
                self._set_value(self._offset() + self._column.top(anchor[0]))
                self._after_move()
        for message_id, content in edited.items():
            widget = self._realise(self._column.find(message_id))
            widget.start_editing()
            if widget.editor is not None:
                widget.editor.set_content(content)
        self.settle()
        if focused is not None and focused in self._widgets:
            self._widgets[focused].setFocus()

    def _tint(self) -> None:
        self.jump_button.setIcon(self._theme.icon("down", "text"))
        self.jump_button.setIconSize(QSize(ICON_PX - 4, ICON_PX - 4))
