"""The strip at the bottom: device and memory, model state, speed. Knows nothing of where figures come from.

A card's name, memory and load come from its driver, with or without a model; the rest is the engine's. How full the
context is stands under the composer, where it is counted with what is being written.
"""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QWidget

from app.figures import device_words, memory_amount, memory_of_total
from app.machine_watch import MachineMemory
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, SPACE_16
from app.views.speed_graph import SpeedGraph
from app.views.widgets import ElidedLabel, Meter, label, speed_text
from engine.events import EngineStatus
from engine.fit.cards import CardReading

COMPACT_BELOW_PX = 820
MACHINE_FROM_PX = 1000
LOAD_FROM_PX = 620
HEIGHT_PX = 28


class StatusStrip(QFrame):
    """Shows the last `EngineStatus` and the last `CardReading`, or that there is none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self.setFixedHeight(HEIGHT_PX)
        self.device = ElidedLabel()
        self.device.setFont(theme.font("small"))
        self.device.setProperty("kind", "muted")
        self.memory_bar = Meter(theme, self.tr("Memory used"), "accent")
        self.memory = label(theme, font="small", kind="muted")
        self.load = label(theme, font="small", kind="muted")
        self._has_card = False
        self.state = label(theme, font="small", kind="muted")
        self.speed = label(theme, font="small", kind="muted")
        self.graph = SpeedGraph(theme)
        self.machine = label(theme, font="small", kind="muted")
        self._is_on_machine = False  # whether the memory on view is the computer's own
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_12, 0, SPACE_12, 0)
        layout.setSpacing(SPACE_8)
        self.device.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        layout.addWidget(self.state)
        layout.addSpacing(SPACE_16)
        layout.addWidget(self.device)
        layout.addWidget(self.memory_bar)
        layout.addWidget(self.memory)
        layout.addSpacing(SPACE_8)
        layout.addWidget(self.load)
        layout.addSpacing(SPACE_8)
        layout.addWidget(self.machine)
        layout.addStretch(1)
        layout.addWidget(self.graph)
        layout.addWidget(self.speed)
        self.show_nothing(self.tr("No model loaded"))

    def show_nothing(self, state: str) -> None:
        """No model: no figures."""
        self.state.setText(state)
        self.speed.setText("")
        self.graph.clear()
        self._is_on_machine = False
        if not self._has_card:
            self._clear_device()

    def show_state(self, state: str) -> None:
        """What the model is doing."""
        self.state.setText(state)

    def show_status(self, status: EngineStatus) -> None:
        """The live figures."""
        self._is_on_machine = not self._has_card
        if not self._has_card:
            memory = memory_of_total(status.memory_used_bytes, status.memory_total_bytes)
            self.device.set_whole_text(device_words(status.device_name))
            self.memory.setText(memory)
            self.memory_bar.set_share(status.memory_used_bytes / max(status.memory_total_bytes, 1), memory)
            self.memory_bar.show()
        self.speed.setText(
            self.tr("{0} tok/s").format(speed_text(status.tokens_per_s)) if status.tokens_per_s > 0 else ""
        )
        self.graph.add(status.tokens_per_s)
        self._fit_machine()

    @Slot(object)
    def show_machine(self, memory: MachineMemory) -> None:
        """The computer's own memory."""
        self.machine.setText(self.tr("RAM {0}").format(memory_of_total(memory.used_bytes, memory.total_bytes)))
        self.machine.setToolTip(self.tr("This program holds {0} of it").format(memory_amount(memory.own_bytes)))
        self._fit_machine()

    def show_card(self, name: str, reading: CardReading, has_model: bool) -> None:
        """The live card. Without a model all its used memory is other programs'."""
        self._has_card = True
        total = max(reading.total_bytes, 1)
        others = reading.others_bytes if has_model else reading.used_bytes
        memory = memory_of_total(reading.used_bytes, reading.total_bytes)
        words = memory
        if others is not None:
            words = self.tr("{0}, {1} of it by other programs").format(memory, memory_amount(others))
        self.device.set_whole_text(name)
        self.memory.setText(memory)
        self.memory_bar.set_share(reading.used_bytes / total, words, (others or 0) / total)
        self.memory_bar.show()
        self.load.setText("" if reading.load_percent is None else self.tr("GPU {0} %").format(reading.load_percent))

    def hide_card(self) -> None:
        """No card, or one that does not answer: the next `EngineStatus` has the memory."""
        if self._has_card:
            self._has_card = False
            self._clear_device()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.load.setVisible(self.width() >= LOAD_FROM_PX)
        self.state.setVisible(self.width() >= LOAD_FROM_PX)
        self._fit_machine()

    def _fit_machine(self) -> None:
        """Main memory is shown where there is room, and not twice."""
        self.machine.setVisible(self.width() >= MACHINE_FROM_PX and not self._is_on_machine)

    def _clear_device(self) -> None:
        self.device.set_whole_text("")
        self.memory.setText("")
        self.load.setText("")
        self.memory_bar.hide()

    def set_compact(self, compact: bool) -> None:
        """Leaves out the device's name, which the memory's bar says as well."""
        self.device.setVisible(not compact)
