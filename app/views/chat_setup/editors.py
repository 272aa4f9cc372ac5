"""One editor for each type that a setting of the contract may have. They know values and keys, not settings."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QCoreApplication, QRegularExpression, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QRegularExpressionValidator,
    QWheelEvent,
)
from PySide6.QtWidgets import QDoubleSpinBox, QLineEdit, QPlainTextEdit, QSpinBox

from app.theme.tokens import SPACE_4
from app.views.check_box import BOX_PX, CheckBox

NUMBER_PX = 96
TEXTS_PX = 58
TYPING_MS = 400
MAX_SPIN = 2**31 - 1


class RealEditor(QDoubleSpinBox):
    """Signals:
    edited: the user set another value.
    """

    edited = Signal()
    is_wide = False

    def __init__(self, low: float | None, high: float | None) -> None:
        super().__init__()
        self.setRange(-1e9 if low is None else low, 1e9 if high is None else high)
        self.setDecimals(2)
        self.setSingleStep(0.05)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.lineEdit().setTextMargins(0, 0, SPACE_4, 0)
        self.valueChanged.connect(self.edited)

    def read(self) -> float:
        return self.value()

    def show_value(self, value: Any) -> None:
        _silently(self, lambda: self.setValue(float(value)))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the wheel scrolls the panel; it must not change a setting by accident


class WholeEditor(QSpinBox):
    """Signals:
    edited: the user set another value.
    """

    edited = Signal()
    is_wide = False

    def __init__(self, low: float | None, high: float | None) -> None:
        super().__init__()
        self.setRange(-MAX_SPIN if low is None else int(low), MAX_SPIN if high is None else min(int(high), MAX_SPIN))
        self.setGroupSeparatorShown(True)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.lineEdit().setTextMargins(0, 0, SPACE_4, 0)
        self.valueChanged.connect(self.edited)

    def read(self) -> int:
        return self.value()

    def show_value(self, value: Any) -> None:
        _silently(self, lambda: self.setValue(int(value)))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class OptionalEditor(QLineEdit):
    """A whole number that may be larger than a spin box can hold, or nothing.

    Signals:
        edited: the user set another value.
    """

    edited = Signal()
    is_wide = False

    def __init__(self, low: float | None, high: float | None) -> None:
        super().__init__()
        digits = len(str(int(high))) if high is not None else 18
        self._high = None if high is None else int(high)
        self.setPlaceholderText(QCoreApplication.translate("Inspector", "random"))
        self.setValidator(QRegularExpressionValidator(QRegularExpression(f"[0-9]{{0,{digits}}}"), self))
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.editingFinished.connect(self.edited)

    def read(self) -> int | None:
        value = int(self.text()) if self.text() else None
        return value if value is None or self._high is None else min(value, self._high)

    def show_value(self, value: Any) -> None:
        text = "" if value is None else str(value)
        if text != self.text():
            self.setText(text)
            self.setCursorPosition(0)


class SwitchEditor(CheckBox):
    """Signals:
    edited: the user switched it.
    """

    edited = Signal()
    is_wide = False

    def __init__(self, low: float | None, high: float | None) -> None:
        super().__init__()
        self.setFixedSize(BOX_PX, BOX_PX)
        self.clicked.connect(self.edited)

    def read(self) -> bool:
        return self.isChecked()

    def show_value(self, value: Any) -> None:
        self.setChecked(bool(value))


class WordsEditor(QPlainTextEdit):
    r"""Several texts, one in a line; a line break inside a text is written \n, and a backslash \\.

    Signals:
        edited: the user set other texts, shortly after the last key.
    """

    edited = Signal()
    is_wide = True

    def __init__(self, low: float | None, high: float | None) -> None:
        super().__init__()
        self.setProperty("kind", "field")
        self.setTabChangesFocus(True)
        self.setFixedHeight(TEXTS_PX)
        self.setPlaceholderText(QCoreApplication.translate("Inspector", "One in each line"))
        self._shown: tuple[str, ...] = ()
        self._timer = QTimer(self, interval=TYPING_MS, singleShot=True)
        self._timer.timeout.connect(self.flush)
        self.textChanged.connect(self._timer.start)

    def read(self) -> tuple[str, ...]:
        lines = (_unescaped(line) for line in self.toPlainText().split("\n"))
        return tuple(dict.fromkeys(line for line in lines if line))

    def show_value(self, value: Any) -> None:
        self._shown = tuple(value)
        if self.read() != self._shown:
            _silently(self, lambda: self.setPlainText("\n".join(map(_escaped, self._shown))))
            self._timer.stop()

    def flush(self) -> None:
        """Tells at once what is being typed."""
        self._timer.stop()
        if self.read() != self._shown:
            self._shown = self.read()
            self.edited.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.flush()


class NumbersEditor(QLineEdit):
    """Several whole numbers with commas between them.

    Signals:
        edited: the user set other numbers.
    """

    edited = Signal()
    is_wide = True

    def __init__(self, low: float | None, high: float | None) -> None:
        super().__init__()
        self.setPlaceholderText(QCoreApplication.translate("Inspector", "none"))
        self.setValidator(QRegularExpressionValidator(QRegularExpression("[0-9]{0,9}([ ,]+[0-9]{0,9})*"), self))
        self.editingFinished.connect(self.edited)

    def read(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(int(each) for each in self.text().replace(",", " ").split()))

    def show_value(self, value: Any) -> None:
        if self.read() != tuple(value):
            self.setText(", ".join(str(each) for each in value))


class TextEditor(QLineEdit):
    """One text.

    Signals:
        edited: the user set another one.
    """

    edited = Signal()
    is_wide = True

    def __init__(self, low: float | None, high: float | None) -> None:
        super().__init__()
        self.editingFinished.connect(self.edited)

    def read(self) -> str:
        return self.text()

    def show_value(self, value: Any) -> None:
        if value != self.text():
            self.setText(value)


Editor = RealEditor | WholeEditor | OptionalEditor | SwitchEditor | WordsEditor | NumbersEditor | TextEditor

EDITORS: dict[Any, type[Editor]] = {
    float: RealEditor,
    int: WholeEditor,
    int | None: OptionalEditor,
    bool: SwitchEditor,
    tuple[str, ...]: WordsEditor,
    tuple[int, ...]: NumbersEditor,
    str: TextEditor,
}
"""The type of a field -> its editor. A field of another type needs a line here."""


def _silently(editor: RealEditor | WholeEditor | WordsEditor, act: Any) -> None:
    editor.blockSignals(True)
    act()
    editor.blockSignals(False)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _unescaped(text: str) -> str:
    parts = text.split("\\\\")  # so that an escaped backslash escapes nothing
    return "\\".join(part.replace("\\n", "\n").replace("\\t", "\t") for part in parts)
