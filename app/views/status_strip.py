"""The strip at the bottom: device and memory, model state, context, speed. Knows nothing of where figures come from."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, SPACE_16
from app.views.widgets import ElidedLabel, Meter, label, memory_text, speed_text
from engine.events import EngineStatus

COMPACT_BELOW_PX = 820
HEIGHT_PX = 28


class StatusStrip(QFrame):
    """Shows the last `EngineStatus`, or that there is none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self.setFixedHeight(HEIGHT_PX)
        self.device = ElidedLabel()
        self.device.setFont(theme.font("small"))
        self.device.setProperty("kind", "muted")
        self.memory_bar = Meter(theme, self.tr("Memory used"), "accent")
        self.memory = label(theme, font="small", kind="muted")
        self.state = label(theme, font="small", kind="muted")
        self.speed = label(theme, font="small", kind="muted")
        self.context_bar = Meter(theme, self.tr("Context used"), "info")
        self.context = label(theme, font="small", kind="muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_12, 0, SPACE_12, 0)
        layout.setSpacing(SPACE_8)
        self.device.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        layout.addWidget(self.state)
        layout.addSpacing(SPACE_16)
        layout.addWidget(self.device)
        layout.addWidget(self.memory_bar)
        layout.addWidget(self.memory)
        layout.addStretch(1)
        layout.addWidget(self.speed)
        layout.addSpacing(SPACE_16)
        layout.addWidget(self.context_bar)
        layout.addWidget(self.context)
        self.show_nothing(self.tr("No model loaded"))

    def show_nothing(self, state: str) -> None:
        """No model: no figures."""
        self.state.setText(state)
        self.device.set_whole_text("")
        for each in (self.memory, self.speed, self.context):
            each.setText("")
        for meter in (self.memory_bar, self.context_bar):
            meter.hide()

    def show_state(self, state: str) -> None:
        """What the model is doing."""
        self.state.setText(state)

    def show_status(self, status: EngineStatus) -> None:
        """The live figures."""
        memory = memory_text(status.memory_used_bytes, status.memory_total_bytes)
        context = self.tr("{0} of {1} tokens").format(f"{status.context_used_tokens:,}", f"{status.context_tokens:,}")
        self.device.set_whole_text(status.device_name)
        self.memory.setText(memory)
        self.memory_bar.set_share(status.memory_used_bytes / max(status.memory_total_bytes, 1), memory)
        self.memory_bar.show()
        self.context.setText(context)
        self.context_bar.set_share(status.context_used_tokens / max(status.context_tokens, 1), context)
        self.context_bar.show()
        self.speed.setText(
            self.tr("{0} tok/s").format(speed_text(status.tokens_per_s)) if status.tokens_per_s > 0 else ""
        )

    def set_compact(self, compact: bool) -> None:
        """Leaves the words out that the meters say as well."""
        self.device.setVisible(not compact)
        self.state.setVisible(not compact)
