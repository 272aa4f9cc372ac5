"""One download as a card: name, bar, state in words, its buttons, and its files when it is unfolded.

Knows the latest progress and nothing of the queue.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.error_words import error_words
from app.item_models.downloads import DownloadRow
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12, SPACE_16, SPACE_24
from app.views.downloads.words import file_text, reason_text, share_of, state_text
from app.views.flow import FlowLayout
from app.views.widgets import ElidedLabel, IconButton, clear_layout, label, push_button, set_state
from engine.hub.transfer.events import DownloadProgress, Phase

BAR_STEPS = 1000
RUNNING: tuple[Phase, ...] = ("queued", "checking", "downloading", "stalled", "verifying")


class DownloadCard(QFrame):
    """Signals:
    paused, resumed, cancelled, removed, loaded, page_opened, token_wanted: the user pressed the button of that name.
    moved: by -1 up or 1 down.
    """

    paused = Signal()
    resumed = Signal()
    cancelled = Signal()
    removed = Signal()
    loaded = Signal()
    page_opened = Signal()
    token_wanted = Signal()
    moved = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self._theme = theme
        self._row: DownloadRow | None = None
        self.name = ElidedLabel()
        self.name.setFont(theme.font("heading"))
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        self.bar.setTextVisible(False)
        self.state = label(theme, kind="muted", wrap=True)
        self.reason = label(theme, wrap=True)
        self.way_out = label(theme, kind="muted", wrap=True)
        for each in (self.state, self.reason, self.way_out):
            each.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
            each.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            each.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.up_button = self._icon_button("up", self.tr("Move up"))
        self.down_button = self._icon_button("down", self.tr("Move down"))
        self.files_button = self._icon_button("unfold", self.tr("Show the files"))
        self.pause_button = push_button(self.tr("Pause"), self.paused.emit)
        self.resume_button = push_button(self.tr("Resume"), self.resumed.emit)
        self.retry_button = push_button(self.tr("Try now"), self.resumed.emit)
        self.page_button = push_button(self.tr("Open its page"), self.page_opened.emit)
        self.token_button = push_button(self.tr("Enter a token"), self.token_wanted.emit)
        self.load_button = push_button(self.tr("Chat with it"), self.loaded.emit, "primary")
        self.remove_button = push_button(self.tr("Remove from the list"), self.removed.emit)
        self.cancel_button = push_button(self.tr("Cancel…"), self.cancelled.emit)
        self._files = QWidget()
        self._files.hide()
        self._file_grid = QGridLayout(self._files)
        self._file_words: list[tuple[ElidedLabel, QLabel]] = []
        self.up_button.clicked.connect(lambda: self.moved.emit(-1))
        self.down_button.clicked.connect(lambda: self.moved.emit(1))
        self.files_button.clicked.connect(self._fold)
        self._lay_out()

    def show_row(self, row: DownloadRow) -> None:
        """Shows how the download stands; a text that did not change is not set again."""
        is_new = self._row is None or self._row.plan is not row.plan
        self._row = row
        progress = row.progress
        if is_new:
            self.name.set_whole_text(row.plan.name)
            self.bar.setAccessibleName(self.tr("Progress of {0}").format(row.plan.name))
        self.bar.setValue(round(BAR_STEPS * share_of(progress)))
        set_state(self.bar, "phase", progress.phase)
        self._set_text(self.state, state_text(progress))
        self._set_text(self.reason, reason_text(progress))
        self._set_text(self.way_out, error_words(progress.way_out) if progress.phase == "failed" else "")
        set_state(self.reason, "kind", "danger" if progress.phase == "failed" else "muted")
        self._show_buttons(progress)
        if self._files.isVisibleTo(self):
            self._show_files(progress)

    def show_place(self, is_first: bool, is_last: bool) -> None:
        """Says whether it can be moved."""
        self.up_button.setEnabled(not is_first)
        self.down_button.setEnabled(not is_last)

    def _show_buttons(self, progress: DownloadProgress) -> None:
        phase = progress.phase
        shown = {
            self.pause_button: phase in RUNNING,
            self.resume_button: phase == "paused",
            self.retry_button: phase in ("stalled", "failed"),
            self.page_button: phase == "failed",
            self.token_button: phase == "failed" and progress.needs_token,
            self.load_button: phase == "done",
            self.remove_button: phase == "done",
            self.cancel_button: phase in (*RUNNING, "paused", "failed"),
        }
        assert self._row is not None
        for button, is_shown in shown.items():
            if button.isHidden() == is_shown:
                had_focus = button.hasFocus()
                button.setVisible(is_shown)
                if had_focus and not is_shown:  # keep the keyboard on this card
                    self.files_button.setFocus()
        name = self._row.plan.name
        for button in shown:
            button.setAccessibleName(f"{button.text()} {name}")

    def _show_files(self, progress: DownloadProgress) -> None:
        files = progress.files
        if len(files) != len(self._file_words) or not self._file_grid.count():
            clear_layout(self._file_grid)
            self._file_words = []
            for number in range(len(files)):
                name, words = ElidedLabel(), label(self._theme, font="small", kind="muted")
                name.setFont(self._theme.font("small"))
                self._file_grid.addWidget(name, number, 0)
                self._file_grid.addWidget(words, number, 1, Qt.AlignmentFlag.AlignRight)
                self._file_words.append((name, words))
            if not files:
                hint = self.tr("The files are listed as soon as the transfer goes on.")
                self._file_grid.addWidget(label(self._theme, hint, font="small", kind="muted"), 0, 0)
        for (name, words), file in zip(self._file_words, files):
            if name.text() != file.path:
                name.set_whole_text(file.path)
            self._set_text(words, file_text(file))
            words.setToolTip(error_words(file.message))

    @Slot()
    def _fold(self) -> None:
        is_open = self._files.isHidden()
        self._files.setVisible(is_open)
        self.files_button.set_icon("fold" if is_open else "unfold")
        self.files_button.set_name(self.tr("Hide the files") if is_open else self.tr("Show the files"))
        if is_open and self._row is not None:
            self._show_files(self._row.progress)

    def _set_text(self, words: QLabel, text: str) -> None:
        if words.text() != text:
            words.setText(text)
        is_line = words in (self.state, self.reason, self.way_out)
        if is_line and words.isHidden() == bool(text):
            words.setVisible(bool(text))

    def _icon_button(self, icon: str, name: str) -> IconButton:
        return IconButton(self._theme, icon, name, small=True)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(SPACE_4)
        head.addWidget(self.name, 1)
        for button in (self.up_button, self.down_button, self.files_button):
            head.addWidget(button)
        buttons = FlowLayout()
        for each in (
            self.load_button, self.retry_button, self.resume_button, self.pause_button,
            self.token_button, self.page_button, self.cancel_button, self.remove_button,
        ):  # fmt: skip
            buttons.addWidget(each)
            each.hide()
        self._file_grid.setContentsMargins(0, SPACE_8, 0, 0)
        self._file_grid.setHorizontalSpacing(SPACE_24)
        self._file_grid.setVerticalSpacing(SPACE_4)
        self._file_grid.setColumnStretch(0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_16, SPACE_12, SPACE_12, SPACE_12)
        column.setSpacing(SPACE_8)
        column.addLayout(head)
        column.addWidget(self.bar)
        for line in (self.state, self.reason, self.way_out):
            column.addWidget(line)
        column.addLayout(buttons)
        column.addWidget(self._files)
