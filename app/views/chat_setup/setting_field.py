"""One setting of the contract as a control: name, value, a slider where one helps, its range and default in words.

All of it is read from the field's declaration, so that a new field has its control. Knows nothing of what settings do.
"""

from __future__ import annotations

from dataclasses import Field
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSlider, QVBoxLayout, QWidget

from app.figures import count, local
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4
from app.views.chat_setup.editors import EDITORS, NUMBER_PX, RealEditor, SwitchEditor
from app.views.widgets import IconButton, label

SLIDER_STEPS = 100


class _Slider(QSlider):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class SettingField(QWidget):
    """Signals:
    changed: the user set another value.
    """

    changed = Signal()

    def __init__(self, theme: Theme, spec: Field[Any], kind: Any, parent: QWidget | None = None) -> None:
        """Makes the control.

        Args:
            theme: colours and fonts.
            spec: the field, made with `engine.requests.setting`.
            kind: its type.
            parent: the widget around it.
        """
        super().__init__(parent)
        self.spec_name = spec.name
        self.about = spec.metadata
        self.name = _tr(self.about["label"])
        self._default: Any = spec.default
        self._default_words = ""
        self._usual: tuple[float, float] | None = self.about["usual"]
        self.editor = EDITORS[kind](self.about["low"], self.about["high"])
        self.editor.setAccessibleName(self.name)
        self.editor.edited.connect(self._on_editor)
        self.reset_button = IconButton(theme, "retry", self.name, small=True)
        self.reset_button.clicked.connect(self._reset)
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # so that nothing jumps
        self.reset_button.setSizePolicy(policy)
        self._slider = self._make_slider() if self._usual and isinstance(self.editor, RealEditor) else None
        self._lay_out(theme)
        self.set_default(spec.default, _tr("Default"))

    def value(self) -> Any:
        """The value that is set."""
        return self.editor.read()

    def set_value(self, value: Any) -> None:
        """Shows a value without reporting it."""
        self.editor.show_value(value)
        self._show_rest()

    def set_default(self, value: Any, whose: str) -> None:
        """Takes the value that the reset goes back to, and whose it is."""
        self._default = value
        self._default_words = f"{whose}: {shown_value(value)}."
        words = self.help_text()
        self.setToolTip(words)
        self.editor.setAccessibleDescription(words)
        self.editor.setToolTip(words)
        self.reset_button.set_name(_tr("{0}: back to {1}").format(self.name, shown_value(value)))
        self._show_rest()

    def help_text(self) -> str:
        """What it does, its range and its default."""
        low, high = self.about["low"], self.about["high"]
        within = ""
        if low is not None and high is not None:
            within = _tr("From {0} to {1}.").format(shown_value(low), shown_value(high))
        return " ".join(filter(None, (_tr(self.about["help"]), within, self._default_words)))

    def _lay_out(self, theme: Theme) -> None:
        title = label(theme, self.name)
        title.setBuddy(self.editor)
        row = QHBoxLayout()
        row.setSpacing(SPACE_4)
        row.addWidget(title, 1)
        row.addWidget(self.reset_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_4)
        layout.addLayout(row)
        if self.editor.is_wide:
            layout.addWidget(self.editor)
        else:
            if not isinstance(self.editor, SwitchEditor):
                self.editor.setFixedWidth(NUMBER_PX)
            row.addWidget(self.editor)
        if self._slider is not None:
            layout.addWidget(self._slider)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def _make_slider(self) -> QSlider:
        slider = _Slider(Qt.Orientation.Horizontal)
        slider.setRange(0, SLIDER_STEPS)
        slider.setAccessibleName(_tr("{0}, slider").format(self.name))
        slider.valueChanged.connect(self._on_slider)
        return slider

    def _show_rest(self) -> None:
        value = self.value()
        is_default = abs(value - self._default) < 0.005 if isinstance(value, float) else value == self._default
        self.reset_button.setVisible(not is_default)
        if self._slider is not None and self._usual is not None and isinstance(value, float):
            low, high = self._usual
            self._slider.blockSignals(True)
            self._slider.setValue(round((value - low) / (high - low) * SLIDER_STEPS))
            self._slider.blockSignals(False)

    @Slot()
    def _on_editor(self) -> None:
        self._show_rest()
        self.changed.emit()

    @Slot()
    def _reset(self) -> None:
        self.editor.setFocus()  # the button goes
        self.editor.show_value(self._default)
        self._on_editor()

    @Slot(int)
    def _on_slider(self, step: int) -> None:
        if self._usual is not None and isinstance(self.editor, RealEditor):
            low, high = self._usual
            self.editor.setValue(low + (high - low) * step / SLIDER_STEPS)


def shown_value(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return _tr("random")
    if isinstance(value, bool):
        return _tr("on") if value else _tr("off")
    if isinstance(value, float):
        return local(f"{value:,.2f}".rstrip("0").rstrip("."))
    if isinstance(value, int):
        return count(value)
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value) or _tr("none")
    return str(value)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Inspector", text)
