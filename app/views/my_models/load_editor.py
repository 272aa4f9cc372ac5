"""How one model is loaded: device, precision, context and cache with their cost, and what the last load took.

Knows a model's sizes and a card's memory; nothing of where the choice is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.figures import memory_amount
from app.storage.model_loads import ModelLoad
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.combo import Combo
from app.views.load_panel import DeviceEntry
from app.views.vram.bar import VramBar
from app.views.vram.planner import VramPlanner
from app.views.widgets import label, push_button
from engine.events import LoadMemory
from engine.fit.estimate import CardMemory, FitModel, Part
from engine.requests import DEFAULT_CACHE_TOKENS


class LoadEditor(QWidget):
    """Signals:
    changed: a `ModelLoad`, the user's choice for this model.
    usual_wanted: give it the usual settings again.
    plan_card_chosen: the key of the card to plan for.
    """

    changed = Signal(object)
    usual_wanted = Signal()
    plan_card_chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._load: ModelLoad | None = None
        self.device = Combo(theme, self.tr("Device"), self.tr("Where this model runs; automatic takes the first card."))
        precision_help = self.tr("Exact rounds nothing; fast rounds activations to 8 bits and is a few percent faster.")
        self.precision = Combo(theme, self.tr("Precision"), precision_help)
        self.precision.addItem(self.tr("Exact"), True)
        self.precision.addItem(self.tr("Fast"), False)
        self.plan_card = Combo(theme, self.tr("Plan for"), self.tr("The card that the bar below is about."))
        self.planner = VramPlanner(theme)
        self.unreadable = label(theme, self.tr("The files cannot be read, so nothing can be estimated."), kind="muted")
        self.measured_words = label(theme, wrap=True)
        self.measured = VramBar(theme)
        self.whose = label(theme, kind="muted", wrap=True)
        self.usual_button = push_button(self.tr("Use the usual settings"), self.usual_wanted.emit)
        self.device.activated.connect(self._on_choice)
        self.precision.activated.connect(self._on_choice)
        self.plan_card.activated.connect(self._on_plan_card)
        self.planner.changed.connect(self._on_planned)
        self._lay_out()
        self.show_model(None, None)
        self.show_measured(None, None, "")

    def show_devices(self, cards: Sequence[DeviceEntry]) -> None:
        """Lists automatic, the cards and the CPU."""
        self.device.clear()
        for entry in (DeviceEntry("auto", self.tr("Automatic")), *cards, DeviceEntry("cpu", self.tr("CPU"))):
            self.device.addItem(entry.text, entry.choice)
        self._show_load()

    def show_plan_cards(self, entries: Sequence[DeviceEntry], chosen: str) -> None:
        """Lists the cards that can be planned for."""
        self.plan_card.clear()
        for entry in entries:
            self.plan_card.addItem(entry.text, entry.choice)
        self.plan_card.setCurrentIndex(self.plan_card.findData(chosen))

    def show_load(self, load: ModelLoad, is_own: bool) -> None:
        """Shows the choice without reporting it."""
        self._load = load
        self._show_load()
        self.planner.choose(load.cache_tokens or DEFAULT_CACHE_TOKENS, load.cache_bits)
        words = (
            self.tr("This model has settings of its own.") if is_own else self.tr("This model has the usual settings.")
        )
        self.whose.setText(words)
        self.usual_button.setVisible(is_own)

    def show_model(self, model: FitModel | None, memory: CardMemory | None) -> None:
        """Shows the model's cost on a card; None while the sizes are being read."""
        is_known = model is not None and memory is not None
        self.planner.setVisible(is_known)
        self.unreadable.hide()
        if model is not None and memory is not None:
            self.planner.show_model(model, memory)

    def show_unreadable(self) -> None:
        """The model's files cannot be read."""
        self.planner.hide()
        self.unreadable.show()

    def show_measured(self, taken: LoadMemory | None, memory: CardMemory | None, device_name: str) -> None:
        """Shows what the load took; None while this model is not on a card."""
        is_known = taken is not None and memory is not None
        self.measured.setVisible(is_known)
        self.measured_words.setVisible(is_known)
        if taken is None or memory is None:
            return
        words = self.tr("On the {0} now: estimated {1}, took {2}.")
        planned, total = memory_amount(taken.planned_bytes), memory_amount(taken.total_bytes)
        self.measured_words.setText(words.format(device_name, planned, total))
        self.measured.show_parts(self._measured_parts(taken, memory), memory.total_bytes, measured=True)

    def _measured_parts(self, taken: LoadMemory, memory: CardMemory) -> tuple[Part, ...]:
        free = memory.total_bytes - memory.others_bytes - memory.context_bytes - taken.total_bytes
        return (
            Part("other programs", memory.others_bytes, self.tr("What the display and other programs hold now.")),
            Part("weights", taken.weights_bytes, self.tr("The model's tensors, as they lie on the card.")),
            Part("cache", taken.cache_bytes, self.tr("Keys and values of the conversation.")),
            Part("working memory", taken.working_bytes, self.tr("Buffers, kernels and libraries.")),
            Part("driver", memory.context_bytes, self.tr("What the driver takes in every program that uses the card.")),
            Part("free", max(free, 0), self.tr("What is left.")),
        )

    def _show_load(self) -> None:
        if self._load is not None:
            self.device.setCurrentIndex(max(0, self.device.findData(self._load.device)))
            self.precision.setCurrentIndex(self.precision.findData(self._load.exact))

    @Slot()
    def _on_choice(self) -> None:
        self._report(self.planner.context_tokens if self._load is not None and self._load.cache_tokens else 0)

    @Slot(int, int)
    def _on_planned(self, tokens: int, _bits: int) -> None:
        self._report(tokens)

    def _report(self, tokens: int) -> None:
        if self._load is not None:
            device, exact = self.device.currentData(), self.precision.currentData()
            self.changed.emit(ModelLoad(self._load.path, device, tokens, self.planner.cache_bits, exact))

    @Slot(int)
    def _on_plan_card(self, row: int) -> None:
        self.plan_card_chosen.emit(self.plan_card.itemData(row))

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_12)
        grid.setVerticalSpacing(SPACE_8)
        named = (
            (self.tr("Device"), self.device),
            (self.tr("Precision"), self.precision),
            (self.tr("Plan for"), self.plan_card),
        )
        for number, (name, editor) in enumerate(named):
            words: QLabel = label(self._theme, name)
            words.setBuddy(editor)
            grid.addWidget(words, number, 0)
            grid.addWidget(editor, number, 1)
        grid.setColumnStretch(1, 1)
        foot = QHBoxLayout()
        foot.setSpacing(SPACE_8)
        foot.addWidget(self.whose, 1)
        foot.addWidget(self.usual_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_8, 0, 0)
        layout.setSpacing(SPACE_12)
        layout.addLayout(grid)
        layout.addWidget(self.planner)
        layout.addWidget(self.unreadable)
        layout.addWidget(self.measured_words)
        layout.addWidget(self.measured)
        layout.addLayout(foot)
