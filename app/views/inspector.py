"""The panel at the right: how models are loaded, then the system prompt and sampling of the open chat.

The fields come from the contract's dataclass. Knows nothing of the store or of the engine.
"""

from __future__ import annotations

import typing
from dataclasses import Field, fields, replace

from PySide6.QtCore import QCoreApplication, QRegularExpression, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QRegularExpressionValidator, QWheelEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12, SPACE_16
from app.views.load_panel import LoadPanel
from app.views.widgets import IconButton, label, push_button, thin_line
from engine.requests import SamplingSettings

SHOWN = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_new_tokens", "seed")
SLIDER_RANGES = {"temperature": (0.0, 2.0), "top_p": (0.0, 1.0), "min_p": (0.0, 0.5), "repetition_penalty": (1.0, 1.5)}
SLIDER_STEPS = 100
PROMPT_DELAY_MS = 400
EDITOR_PX = 96


def setting_name(name: str) -> str:
    """The name of a sampling setting for people."""
    names = {
        "temperature": QCoreApplication.translate("Inspector", "Temperature"),
        "top_p": QCoreApplication.translate("Inspector", "Top-p"),
        "top_k": QCoreApplication.translate("Inspector", "Top-k"),
        "min_p": QCoreApplication.translate("Inspector", "Min-p"),
        "repetition_penalty": QCoreApplication.translate("Inspector", "Repetition penalty"),
        "max_new_tokens": QCoreApplication.translate("Inspector", "Longest reply, tokens"),
        "seed": QCoreApplication.translate("Inspector", "Seed"),
    }
    return names[name]


class _WholeSpin(QSpinBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the wheel scrolls the panel; it must not change a setting by accident


class _RealSpin(QDoubleSpinBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _Slider(QSlider):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class SettingField(QWidget):
    """One setting: name, value and, for a share or a factor, a slider below.

    Signals:
        changed: the user set another value.
    """

    changed = Signal()

    def __init__(self, theme: Theme, spec: Field[typing.Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec_name = spec.name
        name = setting_name(spec.name)
        help_text = QCoreApplication.translate("Inspector", spec.metadata["help"])
        self.setToolTip(help_text)
        self._slider: QSlider | None = None
        title: QLabel = label(theme, name)
        self.editor = self._make_editor(spec)
        self.editor.setFixedWidth(EDITOR_PX)
        self.editor.setAlignment(Qt.AlignmentFlag.AlignRight)
        if isinstance(self.editor, (QSpinBox, QDoubleSpinBox)):
            self.editor.lineEdit().setTextMargins(0, 0, SPACE_4, 0)
        self.editor.setAccessibleName(name)
        self.editor.setAccessibleDescription(help_text)
        title.setBuddy(self.editor)
        row = QHBoxLayout()
        row.addWidget(title, 1)
        row.addWidget(self.editor)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_4)
        layout.addLayout(row)
        if spec.name in SLIDER_RANGES:
            self._slider = self._make_slider(name)
            layout.addWidget(self._slider)

    def value(self) -> float | int | None:
        """The value that is set."""
        if isinstance(self.editor, QLineEdit):
            return int(self.editor.text()) if self.editor.text() else None
        return self.editor.value()

    def set_value(self, value: float | int | None) -> None:
        """Shows a value without reporting it."""
        for each in (self.editor, self._slider):
            if each is not None:
                each.blockSignals(True)
        if isinstance(self.editor, QLineEdit):
            self.editor.setText("" if value is None else str(value))
        elif isinstance(self.editor, QSpinBox):
            self.editor.setValue(int(value or 0))
        else:
            self.editor.setValue(float(value or 0))
            self._show_on_slider()
        for each in (self.editor, self._slider):
            if each is not None:
                each.blockSignals(False)

    def _make_editor(self, spec: Field[typing.Any]) -> QSpinBox | QDoubleSpinBox | QLineEdit:
        low, high = spec.metadata["low"], spec.metadata["high"]
        if isinstance(spec.default, float):
            real = _RealSpin()
            real.setRange(low, high)
            real.setDecimals(2)
            real.setSingleStep(0.05)
            real.setKeyboardTracking(False)
            real.valueChanged.connect(self._on_editor)
            return real
        if spec.default is None:  # an optional whole number, larger than a spin box can hold
            line = QLineEdit()
            line.setPlaceholderText(QCoreApplication.translate("Inspector", "random"))
            line.setValidator(QRegularExpressionValidator(QRegularExpression("[0-9]{0,18}"), line))
            line.editingFinished.connect(self._on_editor)
            return line
        whole = _WholeSpin()
        whole.setRange(int(low), min(int(high), 2**31 - 1))
        whole.setGroupSeparatorShown(True)
        whole.setKeyboardTracking(False)
        whole.valueChanged.connect(self._on_editor)
        return whole

    def _make_slider(self, name: str) -> QSlider:
        slider = _Slider(Qt.Orientation.Horizontal)
        slider.setRange(0, SLIDER_STEPS)
        slider.setAccessibleName(QCoreApplication.translate("Inspector", "{0}, slider").format(name))
        slider.valueChanged.connect(self._on_slider)
        return slider

    def _show_on_slider(self) -> None:
        if self._slider is not None and isinstance(self.editor, QDoubleSpinBox):
            low, high = SLIDER_RANGES[self.spec_name]
            self._slider.blockSignals(True)
            self._slider.setValue(round((self.editor.value() - low) / (high - low) * SLIDER_STEPS))
            self._slider.blockSignals(False)

    @Slot()
    def _on_editor(self) -> None:
        self._show_on_slider()
        self.changed.emit()

    @Slot(int)
    def _on_slider(self, step: int) -> None:
        if isinstance(self.editor, QDoubleSpinBox):
            low, high = SLIDER_RANGES[self.spec_name]
            self.editor.setValue(low + (high - low) * step / SLIDER_STEPS)


class Inspector(QFrame):
    """Signals:
    sampling_changed: a `SamplingSettings`, or None for what the model recommends.
    system_prompt_changed: the text, shortly after the last key.
    close_requested: fold the panel.
    """

    sampling_changed = Signal(object)
    system_prompt_changed = Signal(str)
    close_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self._sampling = SamplingSettings()
        self.fields: dict[str, SettingField] = {}
        self.system_prompt = QPlainTextEdit()
        self.system_prompt.setProperty("kind", "field")
        self.system_prompt.setTabChangesFocus(True)
        self.system_prompt.setFixedHeight(112)
        self.system_prompt.setPlaceholderText(self.tr("How the model should behave in this chat"))
        self.system_prompt.setAccessibleName(self.tr("System prompt"))
        self.reset_button = push_button(self.tr("Use the model's own"), self._reset)
        self.reset_button.setToolTip(self.tr("Go back to the settings that the model recommends"))
        self._prompt_timer = QTimer(self, interval=PROMPT_DELAY_MS, singleShot=True)
        self._prompt_timer.timeout.connect(self.flush)
        self.system_prompt.textChanged.connect(self._prompt_timer.start)
        self.load_panel = LoadPanel(theme)
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
        column.addWidget(label(theme, self.tr("System prompt"), font="small", kind="muted"))
        column.addWidget(self.system_prompt)
        column.addSpacing(SPACE_8)
        column.addWidget(label(theme, self.tr("Sampling"), font="small", kind="muted"))
        specs = {each.name: each for each in fields(SamplingSettings)}
        for name in SHOWN:
            field = SettingField(theme, specs[name])
            field.changed.connect(self._on_field)
            self.fields[name] = field
            column.addWidget(field)
        column.addWidget(self.reset_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

    def show_setup(self, sampling: SamplingSettings, is_own: bool, system_prompt: str) -> None:
        """Shows the settings of a chat."""
        self._prompt_timer.stop()
        self._sampling = sampling
        for name, field in self.fields.items():
            field.set_value(getattr(sampling, name))
        self.reset_button.setEnabled(is_own)
        if self.system_prompt.toPlainText() != system_prompt:
            self.system_prompt.blockSignals(True)
            self.system_prompt.setPlainText(system_prompt)
            self.system_prompt.blockSignals(False)

    @Slot()
    def flush(self) -> None:
        """Reports a system prompt that is being typed at once."""
        if self._prompt_timer.isActive() or self.sender() is self._prompt_timer:
            self._prompt_timer.stop()
            self.system_prompt_changed.emit(self.system_prompt.toPlainText())

    @Slot()
    def _on_field(self) -> None:
        values = {name: field.value() for name, field in self.fields.items()}
        self._sampling = replace(self._sampling, **values)  # type: ignore[arg-type]
        self.reset_button.setEnabled(True)
        self.sampling_changed.emit(self._sampling)

    @Slot()
    def _reset(self) -> None:
        self.sampling_changed.emit(None)
