"""The conversion in hand: how far it is, its buttons, the error of each tensor, and the table at its end.

Knows the latest progress and nothing of the process behind it.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.controllers.conversion import Phase, Progress
from app.error_words import error_words
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.convert.error_plot import ErrorPlot
from app.views.convert.tensor_view import TensorView
from app.views.convert.trouble import Trouble
from app.views.convert.words import bits_text, share_of, state_text, way_out_text
from app.views.flow import FlowLayout
from app.views.widgets import ElidedLabel, label, push_button, set_state, titled_card

BAR_STEPS = 1000
_BAR_PHASES = {Phase.PAUSED: "paused", Phase.FAILED: "failed"}


class ProgressCard(QWidget):
    """Signals:
    pause_wanted, stop_wanted, resume_wanted, cancel_wanted, load_wanted, next_wanted: the user pressed the button.
    """

    pause_wanted = Signal()
    stop_wanted = Signal()
    resume_wanted = Signal()
    cancel_wanted = Signal()
    load_wanted = Signal()
    next_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: Progress | None = None
        self.name = ElidedLabel()
        self.name.setFont(theme.font("heading"))
        self.about = ElidedLabel()
        self.about.setFont(theme.font("small"))
        self.about.setProperty("kind", "muted")
        self.bar = QProgressBar()
        self.bar.setRange(0, BAR_STEPS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the conversion"))
        self.state = label(theme, kind="muted", wrap=True)
        self.state.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.state.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.trouble = Trouble(theme)
        self.pause_button = push_button(self.tr("Pause"), self.pause_wanted.emit)
        self.pause_button.setToolTip(self.tr("Ends after the block in hand, so that nothing is done twice."))
        self.stop_button = push_button(self.tr("Pause at once"), self.stop_wanted.emit)
        self.stop_button.setToolTip(self.tr("The block in hand is done again later."))
        self.resume_button = push_button(self.tr("Resume"), self.resume_wanted.emit, "primary")
        self.cancel_button = push_button(self.tr("Cancel…"), self.cancel_wanted.emit)
        self.load_button = push_button(self.tr("Load it"), self.load_wanted.emit, "primary")
        self.next_button = push_button(self.tr("Convert another"), self.next_wanted.emit)
        self.table_button = push_button(self.tr("All tensors"), self._fold, "choice")
        self.table_button.setCheckable(True)
        self.plot = ErrorPlot(theme)
        self._view: TensorView | None = None
        self._lay_out()

    @property
    def view(self) -> TensorView:
        """The table, made when it is first wanted."""
        if self._view is None:
            self._view = TensorView(self._theme)
            self._plot_column.addWidget(self._view)
        return self._view

    def show_progress(self, progress: Progress) -> None:
        """Shows how it stands; the picture is drawn again only when a block is finished."""
        before, self._shown = self._shown, progress
        conversion = progress.conversion
        if conversion is None:
            return
        self.name.set_whole_text(conversion.target.name)
        words = self.tr("{0} bits, from {1}").format(bits_text(conversion.bits), conversion.source)
        self.about.set_whole_text(words)
        self.bar.setValue(round(BAR_STEPS * share_of(progress)))
        set_state(self.bar, "phase", _BAR_PHASES.get(progress.phase, "running"))
        state = state_text(progress)
        if self.state.text() != state:
            self.state.setText(state)
        self.bar.setAccessibleDescription(state)
        failure = progress.failure
        self.trouble.say(error_words(failure.message) if failure else "", way_out_text(failure) if failure else "")
        self._show_buttons(progress)
        is_new = before is None or before.modules != progress.modules or before.num_blocks != progress.num_blocks
        if is_new:
            self.plot.show_modules(progress.modules, progress.num_blocks)
            self._show_table()
        is_other = before is None or before.phase is not progress.phase
        if is_other and progress.phase in (Phase.PAUSED, Phase.FAILED, Phase.DONE):
            words = f"{state} {self.trouble.message.text()}".strip()
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))
        if is_other and progress.phase is Phase.DONE:
            self.table_button.setChecked(True)
            self._fold()

    def _show_buttons(self, progress: Progress) -> None:
        phase = progress.phase
        shown = {
            self.pause_button: phase is Phase.RUNNING,
            self.stop_button: phase is Phase.PAUSING,
            self.resume_button: phase in (Phase.PAUSED, Phase.FAILED),
            self.cancel_button: progress.is_active or phase in (Phase.PAUSED, Phase.FAILED),
            self.load_button: phase is Phase.DONE,
            self.next_button: phase is Phase.DONE,
        }
        loses_focus = any(button.hasFocus() and not is_shown for button, is_shown in shown.items())
        self.resume_button.setText(self.tr("Resume") if progress.can_resume else self.tr("Try again"))
        wanted = [button for button, is_shown in shown.items() if is_shown]
        for button in wanted:
            button.show()
        if loses_focus and wanted:  # keep the keyboard on the button that stands there now
            wanted[0].setFocus()
        for button in shown.keys() - set(wanted):
            button.hide()
        self.plot_card.setVisible(bool(progress.modules) or progress.is_active)
        self.table_button.setVisible(bool(progress.modules))

    def _show_table(self) -> None:
        if self._view is not None and self._shown is not None and self.table_button.isChecked():
            self._view.show_modules(self._shown.modules)

    @Slot()
    def _fold(self) -> None:
        self.view.setVisible(self.table_button.isChecked())
        self._show_table()

    def _lay_out(self) -> None:
        buttons = FlowLayout()
        for button in (
            self.pause_button, self.stop_button, self.resume_button, self.load_button, self.next_button,
            self.cancel_button,
        ):  # fmt: skip
            buttons.addWidget(button)
        head, column = titled_card(self._theme, self.tr("Conversion"), SPACE_8)
        words = QVBoxLayout()
        words.setSpacing(SPACE_4)
        words.addWidget(self.name)
        words.addWidget(self.about)
        column.addLayout(words)
        column.addWidget(self.bar)
        column.addWidget(self.state)
        column.addWidget(self.trouble)
        column.addLayout(buttons)
        self.plot_card, self._plot_column = titled_card(self._theme, self.tr("Error by block"), SPACE_8)
        self._plot_column.addWidget(self.plot)
        self._plot_column.addWidget(self.table_button, 0, Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_12)
        layout.addWidget(head)
        layout.addWidget(self.plot_card)
