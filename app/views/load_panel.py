"""How the next model is loaded: on which device, with how much context, how exact a cache and how exact sums.

Stands at the top of the right panel.

Knows nothing of how a model is loaded or where the choice is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.figures import count
from app.storage.settings import CACHE_BITS, CONTEXT_CHOICES
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.combo import Combo
from app.views.widgets import label, panel, push_button
from engine.requests import DEFAULT_CACHE_TOKENS

CONTEXT_STEPS = CONTEXT_CHOICES
FP16_BITS = 16
NAME_PX = 64


@dataclass(frozen=True)
class DeviceEntry:
    """One line of the device list: what is stored, what is shown, and why it cannot be chosen, if so."""

    choice: str
    text: str
    obstacle: str = ""


class LoadPanel(QWidget):
    """Signals:
    device_chosen: "auto", "cpu" or a card's UUID.
    context_chosen: tokens of context, 0 for automatic.
    cache_chosen: bits of a key or value in the cache.
    exact_chosen: whether activations are never rounded to 8 bits.
    reload_requested: load the present model again with what is set.
    """

    device_chosen = Signal(str)
    context_chosen = Signal(int)
    cache_chosen = Signal(int)
    exact_chosen = Signal(bool)
    reload_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._device_help = self.tr(
            "Where models run. Automatic takes the first NVIDIA card that can run them, else the CPU."
        )
        context_help = self.tr(
            "How many tokens of conversation there is room for; more needs more memory. "
            "Automatic takes what the model was made for, at most {0}."
        ).format(count(DEFAULT_CACHE_TOKENS))
        self.device = Combo(theme, self.tr("Device"), self._device_help)
        self.context = Combo(theme, self.tr("Context"), context_help)
        cache_help = self.tr(
            "How exactly the conversation so far is held: 8 bits hold about twice the context of fp16 in the same "
            "memory and 4 bits more than three times, at a small loss of quality."
        )
        self.cache = Combo(theme, self.tr("Cache"), cache_help)
        for bits in CACHE_BITS:
            self.cache.addItem(self.tr("fp16") if bits == FP16_BITS else self.tr("{0} bits").format(bits), bits)
        precision_help = self.tr(
            "On a card: exact rounds nothing; fast rounds the activations of a single reply to 8 bits, which replies "
            "a few percent sooner and changes next to nothing."
        )
        self.precision = Combo(theme, self.tr("Precision"), precision_help)
        self.precision.addItem(self.tr("Exact"), True)
        self.precision.addItem(self.tr("Fast"), False)
        self.device.activated.connect(self._on_device)
        self.context.activated.connect(self._on_context)
        self.cache.activated.connect(self._on_cache)
        self.precision.activated.connect(self._on_precision)
        self.reload_button = push_button(self.tr("Reload now"), self.reload_requested.emit)
        self.reload_row = panel("banner")
        row = QHBoxLayout(self.reload_row)
        row.setContentsMargins(SPACE_12, SPACE_8, SPACE_8, SPACE_8)
        row.setSpacing(SPACE_8)
        row.addWidget(label(theme, self.tr("Takes effect at the next load."), font="small", wrap=True), 1)
        row.addWidget(self.reload_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_8)
        layout.addLayout(self._named(label(theme, self.tr("Device")), self.device))
        layout.addLayout(self._named(label(theme, self.tr("Context")), self.context))
        layout.addLayout(self._named(label(theme, self.tr("Cache")), self.cache))
        layout.addLayout(self._named(label(theme, self.tr("Precision")), self.precision))
        layout.addWidget(self.reload_row)
        self.reload_row.hide()
        self.show_devices((), "")
        self.show_context(0)

    def show_devices(self, cards: Sequence[DeviceEntry], choice: str, problem: str = "") -> None:
        """Lists automatic, the cards and the CPU, with `choice` chosen; `problem` says why a card may be missing."""
        entries = (DeviceEntry("auto", self.tr("Automatic")), *cards, DeviceEntry("cpu", self.tr("CPU")))
        self.device.clear()
        model = self.device.model()
        assert isinstance(model, QStandardItemModel)
        for row, entry in enumerate(entries):
            self.device.addItem(entry.text, entry.choice)
            self.device.setItemData(row, entry.obstacle or entry.text, Qt.ItemDataRole.ToolTipRole)
            self.device.setItemData(row, entry.obstacle, Qt.ItemDataRole.AccessibleDescriptionRole)
            model.item(row).setEnabled(not entry.obstacle)
        self.device.setCurrentIndex(max(0, self.device.findData(choice)))
        self.device.setToolTip(f"{self._device_help} {problem}".strip())

    def show_context(self, tokens: int) -> None:
        """Lists the steps, and `tokens` among them; 0 is automatic."""
        self.context.clear()
        self.context.addItem(self.tr("Automatic"), 0)
        for step in sorted({*CONTEXT_STEPS, tokens} - {0}):
            self.context.addItem(self.tr("{0} tokens").format(count(step)), step)
        self.context.setCurrentIndex(self.context.findData(tokens))

    def show_cache(self, bits: int) -> None:
        """Shows the chosen width."""
        self.cache.setCurrentIndex(self.cache.findData(bits))

    def show_exact(self, exact: bool) -> None:
        """Shows the chosen precision."""
        self.precision.setCurrentIndex(self.precision.findData(exact))

    def show_reload(self, offered: bool) -> None:
        """Says that the loaded model does not stand as chosen, and offers to mend it."""
        self.reload_row.setVisible(offered)

    def _named(self, name: QLabel, editor: QWidget) -> QHBoxLayout:
        name.setBuddy(editor)
        name.setFixedWidth(NAME_PX)
        row = QHBoxLayout()
        row.setSpacing(SPACE_8)
        row.addWidget(name)
        row.addWidget(editor, 1)
        return row

    @Slot(int)
    def _on_device(self, row: int) -> None:
        self.device_chosen.emit(self.device.itemData(row))

    @Slot(int)
    def _on_context(self, row: int) -> None:
        self.context_chosen.emit(self.context.itemData(row))

    @Slot(int)
    def _on_cache(self, row: int) -> None:
        self.cache_chosen.emit(self.cache.itemData(row))

    @Slot(int)
    def _on_precision(self, row: int) -> None:
        self.exact_chosen.emit(self.precision.itemData(row))
