"""The panel at the right: how models are loaded, then preset, system prompt and sampling of the open chat.

Arranges its parts and waits for the end of typing. Knows nothing of the store or of the engine.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12, SPACE_16
from app.views.chat_setup.editors import WordsEditor
from app.views.chat_setup.image_detail import ImageDetail
from app.views.chat_setup.preset_bar import PresetBar
from app.views.chat_setup.sampling_panel import ChatSetup, SamplingPanel
from app.views.load_panel import LoadPanel
from app.views.widgets import IconButton, label, thin_line

PROMPT_DELAY_MS = 400


class Inspector(QFrame):
    """Attributes:
        load_panel, presets, image_detail, sampling: its parts, with signals of their own.

    Signals:
        system_prompt_changed: the text, shortly after the last key.
        close_requested: fold the panel.
    """

    system_prompt_changed = Signal(str)
    close_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self.system_prompt = QPlainTextEdit()
        self.system_prompt.setProperty("kind", "field")
        self.system_prompt.setTabChangesFocus(True)
        self.system_prompt.setFixedHeight(112)
        self.system_prompt.setPlaceholderText(self.tr("How the model should behave in this chat"))
        self.system_prompt.setAccessibleName(self.tr("System prompt"))
        self._prompt_timer = QTimer(self, interval=PROMPT_DELAY_MS, singleShot=True)
        self._prompt_timer.timeout.connect(self.flush)
        self.system_prompt.textChanged.connect(self._prompt_timer.start)
        self.load_panel = LoadPanel(theme)
        self.presets = PresetBar(theme)
        self.image_detail = ImageDetail(theme)
        self.sampling = SamplingPanel(theme)
        self.fields = self.sampling.fields
        self.reset_button = self.sampling.reset_button
        close = IconButton(theme, "close", self.tr("Close this panel"))
        close.clicked.connect(self.close_requested)
        head = QHBoxLayout()
        head.addWidget(label(theme, self.tr("Model"), font="heading"), 1)
        head.addWidget(close)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(SPACE_16, SPACE_12, SPACE_12, SPACE_16)
        column.setSpacing(SPACE_12)
        column.addLayout(head)
        column.addWidget(self.load_panel)
        column.addSpacing(SPACE_4)
        column.addWidget(thin_line())
        column.addWidget(label(theme, self.tr("This chat"), font="heading"))
        column.addWidget(label(theme, self.tr("Preset"), font="small", kind="muted"))
        column.addWidget(self.presets)
        column.addSpacing(SPACE_4)
        column.addWidget(label(theme, self.tr("System prompt"), font="small", kind="muted"))
        column.addWidget(self.system_prompt)
        column.addWidget(self.image_detail)
        column.addSpacing(SPACE_8)
        column.addWidget(label(theme, self.tr("Sampling"), font="small", kind="muted"))
        column.addWidget(self.sampling)
        column.addStretch(1)
        self._inside, self._scroll = inside, QScrollArea()
        scroll = self._scroll
        scroll.setWidget(inside)
        inside.installEventFilter(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(scroll.horizontalScrollBarPolicy().ScrollBarAlwaysOff)
        scroll.setFocusPolicy(scroll.focusPolicy().NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """What stands here scrolls down but not across, so the panel is never narrower than its widest line."""
        if watched is self._inside and event.type() == QEvent.Type.LayoutRequest:
            bar = self._scroll.verticalScrollBar().sizeHint().width()
            self._scroll.setMinimumWidth(self._inside.minimumSizeHint().width() + bar)
        return super().eventFilter(watched, event)

    def show_setup(self, setup: ChatSetup) -> None:
        """Shows the settings of a chat; a system prompt that is being typed stays."""
        self.sampling.show_setup(setup)
        if self._prompt_timer.isActive():
            return
        if self.system_prompt.toPlainText() != setup.system_prompt:
            self.system_prompt.blockSignals(True)
            self.system_prompt.setPlainText(setup.system_prompt)
            self.system_prompt.blockSignals(False)

    @Slot()
    def flush(self) -> None:
        """Reports at once what is being typed."""
        for field in self.fields.values():
            if isinstance(field.editor, WordsEditor):
                field.editor.flush()
        if self._prompt_timer.isActive() or self.sender() is self._prompt_timer:
            self._prompt_timer.stop()
            self.system_prompt_changed.emit(self.system_prompt.toPlainText())
