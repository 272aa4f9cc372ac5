"""How many bits the result has for each weight, how large that makes it and how it fits a card; then the rarer choices.

Computes sizes and fits as the slider moves, which is arithmetic. Knows nothing of where a card's memory comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QValidator, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.storage.conversions import CODEBOOKS, HEAD_BITS
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.check_box import CheckBox
from app.views.combo import Combo
from app.views.convert.words import bits_text, fit_text, size_text
from app.views.flow import FlowLayout
from app.views.load_panel import DeviceEntry
from app.views.vram.planner import VramPlanner
from app.views.vram.verdicts import verdict_role, verdict_words
from app.views.widgets import ElidedLabel, label, push_button, titled_card
from engine.fit.estimate import CardMemory
from engine.quantizer.convertible import UNQUANTIZED_HEAD, ConvertibleModel

LEAST, MOST, STEPS_PER_BIT = 1, 8, 4
FINE_STEP = 0.05
FIRST_BITS = 4.0
HEAD_CHOICES = (4, 5, HEAD_BITS, 7, 8, UNQUANTIZED_HEAD)


class BitsBox(QDoubleSpinBox):
    """A number of bits that the wheel scrolls past."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setRange(LEAST, MOST)
        self.setDecimals(2)
        self.setSingleStep(FINE_STEP)
        self.setFixedWidth(72)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.lineEdit().setTextMargins(0, 0, SPACE_4, 0)
        self.setAccessibleName(name)

    def valueFromText(self, text: str) -> float:
        return super().valueFromText(self._local(text))

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        return super().validate(self._local(text), position)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def _local(self, text: str) -> str:
        """A point means what the language's own sign means."""
        return text.replace(".", self.locale().decimalPoint())


class RateCard(QWidget):
    """Signals:
    changed: another choice; the properties say it.
    plan_card_chosen: the key of the card to plan for.
    text_wanted, texts_wanted: let the user pick a text, or a folder of texts, to calibrate with.
    """

    changed = Signal()
    plan_card_chosen = Signal(str)
    text_wanted = Signal()
    texts_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model: ConvertibleModel | None = None
        self._memory: CardMemory | None = None
        self._best: float | None = None
        self._planner: VramPlanner | None = None
        self.calibration: Path | None = None
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(LEAST * STEPS_PER_BIT, MOST * STEPS_PER_BIT)
        self.slider.setPageStep(STEPS_PER_BIT)
        self.slider.setAccessibleName(self.tr("Bits for each weight"))
        self.slider.setToolTip(self.tr("1 to 8: more is more exact and larger; 3 to 5 is usual."))
        self.box = BitsBox(self.tr("Bits for each weight, exactly"))
        self.size_words = label(theme)
        self.fit_words = label(theme, wrap=True)
        self.best_button = push_button("", self._take_best)
        self.best_button.setAccessibleName(self.tr("Take the best bitrate for this card"))
        self.plan_card = Combo(theme, self.tr("Plan for"), self.tr("The card that the result is to fit."))
        self.memory_button = push_button(self.tr("Memory in parts"), self._fold_memory, "choice")
        self.advanced_button = push_button(self.tr("Advanced"), self._fold_advanced, "choice")
        for button in (self.memory_button, self.advanced_button):
            button.setCheckable(True)
        self.head_bits = Combo(
            theme, self.tr("Output head"), self.tr("Bits of the last matrix, 4 to 8, or as it is; 6 is usual.")
        )
        for bits in HEAD_CHOICES:
            word = self.tr("as it is (16 bits)") if bits == UNQUANTIZED_HEAD else self.tr("{0} bits").format(bits)
            self.head_bits.addItem(word, bits)
        self.codebook = Combo(
            theme, self.tr("Codebook"),
            self.tr("How values are made of bits: mul1 is usual; the others are for older programs."),
        )  # fmt: skip
        for name in CODEBOOKS:
            self.codebook.addItem(name, name)
        self.optimize = CheckBox(self.tr("Choose bits by measuring"))
        self.optimize.setToolTip(
            self.tr("Measures which tensors need more bits: better at the same size, and takes longer.")
        )
        self.calibration_name = ElidedLabel()
        self.own_text_button = push_button(self.tr("Use the usual texts"), self._drop_text)
        self.advanced = self._advanced()
        self._lay_out()
        self._set_bits(FIRST_BITS)
        self.head_bits.setCurrentIndex(HEAD_CHOICES.index(HEAD_BITS))
        self.slider.valueChanged.connect(self._on_slider)
        self.box.valueChanged.connect(self._on_box)
        self.plan_card.activated.connect(self._on_card)
        self.head_bits.activated.connect(self._on_choice)
        self.codebook.activated.connect(self._on_choice)
        self.optimize.toggled.connect(self.changed)
        theme.changed.connect(self._refresh)
        self.set_calibration(None)

    @property
    def bits(self) -> float:
        """Chosen for the blocks, in hundredths."""
        return round(self.box.value(), 2)

    @property
    def chosen_head_bits(self) -> int:
        return int(self.head_bits.currentData())

    @property
    def chosen_codebook(self) -> str:
        return str(self.codebook.currentData())

    @property
    def planner(self) -> VramPlanner:
        """The bar in parts, made when it is first wanted."""
        if self._planner is None:
            self._planner = VramPlanner(self._theme)
            self._column.insertWidget(self._column.indexOf(self.advanced), self._planner)
        return self._planner

    def show_model(self, model: ConvertibleModel) -> None:
        """Takes another model, with the highest bitrate that fits the card."""
        self._model = model
        self._find_best()
        self._set_bits(self._best or FIRST_BITS)
        self._refresh()
        self.changed.emit()

    def show_card(self, memory: CardMemory) -> None:
        """Takes another card, or what it has now."""
        self._memory = memory
        self._find_best()
        self._refresh()

    def show_plan_cards(self, entries: Sequence[DeviceEntry], chosen: str) -> None:
        """Lists the cards that can be planned for."""
        self.plan_card.clear()
        for entry in entries:
            self.plan_card.addItem(entry.text, entry.choice)
        self.plan_card.setCurrentIndex(self.plan_card.findData(chosen))

    def set_calibration(self, path: Path | None) -> None:
        """Shows with which text it is calibrated; None is the program's own."""
        self.calibration = path
        words = self.tr("The model's own text, where memory allows, and built-in texts")
        self.calibration_name.set_whole_text(words if path is None else str(path))
        self.own_text_button.setVisible(path is not None)
        self.changed.emit()

    def _find_best(self) -> None:
        model, memory = self._model, self._memory
        known = model is not None and memory is not None
        self._best = model.best_bits(memory, self.chosen_head_bits) if known and model and memory else None
        self.best_button.setVisible(self._best is not None)
        if self._best is not None:
            self.best_button.setText(self.tr("Best for this card: {0} bits").format(bits_text(self._best)))

    @Slot()
    def _refresh(self) -> None:
        model, memory = self._model, self._memory
        if model is None or memory is None:
            return
        self.size_words.setText(size_text(model, self.bits, self.chosen_head_bits))
        result = model.result(self.bits, self.chosen_head_bits)
        verdict, words = fit_text(result, memory)
        colour = self._theme.colour(verdict_role(verdict)).name()
        self.fit_words.setText(f"{verdict_words(verdict)} · {words}")
        self.fit_words.setStyleSheet(f"color: {colour};")
        self.slider.setAccessibleDescription(
            f"{bits_text(self.bits)}: {self.size_words.text()}. {self.fit_words.text()}"
        )
        self.best_button.setEnabled(self._best != self.bits)
        if self._planner is not None and self._planner.isVisibleTo(self):
            self._planner.show_model(result, memory)

    def _set_bits(self, bits: float) -> None:
        with QSignalBlocker(self.slider), QSignalBlocker(self.box):
            self.box.setValue(bits)
            self.slider.setValue(round(bits * STEPS_PER_BIT))

    @Slot(int)
    def _on_slider(self, value: int) -> None:
        self._set_bits(value / STEPS_PER_BIT)
        self._on_rate()

    @Slot(float)
    def _on_box(self, value: float) -> None:
        self._set_bits(value)
        self._on_rate()

    def _on_rate(self) -> None:
        self._refresh()
        self.changed.emit()

    @Slot()
    def _take_best(self) -> None:
        if self._best is not None:
            self._set_bits(self._best)
            self.slider.setFocus()
            self._on_rate()

    @Slot()
    def _on_choice(self) -> None:
        self._find_best()
        self._on_rate()

    @Slot(int)
    def _on_card(self, row: int) -> None:
        self.plan_card_chosen.emit(self.plan_card.itemData(row))

    @Slot()
    def _fold_memory(self) -> None:
        self.planner.setVisible(self.memory_button.isChecked())
        self._refresh()

    @Slot()
    def _fold_advanced(self) -> None:
        self.advanced.setVisible(self.advanced_button.isChecked())

    @Slot()
    def _drop_text(self) -> None:
        self.set_calibration(None)

    def _advanced(self) -> QWidget:
        made = QWidget()
        grid = QGridLayout(made)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACE_12)
        grid.setVerticalSpacing(SPACE_8)
        grid.setColumnStretch(1, 1)
        named = ((self.tr("Output head"), self.head_bits), (self.tr("Codebook"), self.codebook))
        for number, (name, editor) in enumerate(named):
            words = label(self._theme, name)
            words.setBuddy(editor)
            grid.addWidget(words, number, 0)
            grid.addWidget(editor, number, 1)
        buttons = FlowLayout()
        file_button = push_button(self.tr("Another text…"), self.text_wanted.emit)
        folder_button = push_button(self.tr("A folder of texts…"), self.texts_wanted.emit)
        for button in (file_button, folder_button, self.own_text_button):
            buttons.addWidget(button)
        grid.addWidget(label(self._theme, self.tr("Calibration")), 2, 0)
        grid.addWidget(self.calibration_name, 2, 1)
        grid.addLayout(buttons, 3, 1)
        grid.addWidget(self.optimize, 4, 0, 1, 2)
        made.hide()
        return made

    def _lay_out(self) -> None:
        rate = QHBoxLayout()
        rate.setSpacing(SPACE_12)
        rate.addWidget(self.slider, 1)
        rate.addWidget(self.box)
        rate.addWidget(label(self._theme, self.tr("bits")))
        plan = QHBoxLayout()
        plan.setSpacing(SPACE_12)
        words = label(self._theme, self.tr("Plan for"))
        words.setBuddy(self.plan_card)
        plan.addWidget(words)
        plan.addWidget(self.plan_card, 1)
        buttons = FlowLayout()
        for button in (self.best_button, self.memory_button, self.advanced_button):
            buttons.addWidget(button)
        card, column = titled_card(self._theme, self.tr("Bitrate"), SPACE_12)
        self._column = column
        column.addLayout(rate)
        column.addWidget(self.size_words)
        column.addLayout(plan)
        column.addWidget(self.fit_words)
        column.addLayout(buttons)
        column.addWidget(self.advanced)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(card)
