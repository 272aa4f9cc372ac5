"""What a model would take of a card: a slider for the context, a choice of cache bits, and the bar that follows them.

Computes estimates as the slider moves, which is arithmetic and takes a fraction of a millisecond. Knows nothing of
where the model's sizes or the card's memory come from, nor of what is done with the choice.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QSlider, QVBoxLayout, QWidget

from app.error_words import error_words
from app.storage.settings import CACHE_BITS
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.flow import FlowLayout
from app.views.vram.bar import VramBar
from app.views.vram.verdicts import needs_words, tokens_words, verdict_role, verdict_words
from app.views.widgets import label, push_button
from engine.fit.estimate import RECOMMENDED_CONTEXT, CardMemory, Estimate, FitModel, Verdict

FP16_BITS = 16
LEAST_CONTEXT = 1024
WIDEST_VALUE = 88


def context_stops(longest: int) -> tuple[int, ...]:
    """The lengths at which the slider stops: doublings and their halves in between, up to the model's own length."""
    stops, step = [], LEAST_CONTEXT
    while step < longest:
        stops += [step, step + step // 2]
        step *= 2
    return (*(stop for stop in stops if stop < longest), longest)


class VramPlanner(QWidget):
    """Signals:
    changed: the user chose another context (tokens) or other cache bits.
    """

    changed = Signal(int, int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model: FitModel | None = None
        self._memory: CardMemory | None = None
        self._stops: tuple[int, ...] = (LEAST_CONTEXT,)
        self._bits = FP16_BITS
        self._contexts: Mapping[int, int] = {}
        self._wanted = RECOMMENDED_CONTEXT
        self.estimate: Estimate | None = None
        self.bar = VramBar(theme)
        self.verdict = label(theme, font="heading")
        self.needs = label(theme, kind="muted", wrap=True)
        self.context = QSlider(Qt.Orientation.Horizontal)
        self.context.setAccessibleName(self.tr("Context"))
        self.context.setToolTip(
            self.tr("How many tokens of conversation there is room for, from 1k to what the model was made for.")
        )
        self.context.valueChanged.connect(self._on_context)
        self.context_value = label(theme)
        self.context_value.setMinimumWidth(WIDEST_VALUE)
        self.bits_buttons = {bits: self._bits_button(bits) for bits in CACHE_BITS}
        self._lay_out(theme)
        theme.changed.connect(self._tint)

    @property
    def context_tokens(self) -> int:
        """The chosen length."""
        return self._stops[self.context.value()]

    @property
    def cache_bits(self) -> int:
        """The chosen bits of a key or value."""
        return self._bits

    def show_model(self, model: FitModel, memory: CardMemory, contexts: Mapping[int, int] | None = None) -> None:
        """Shows a model on a card and keeps the chosen context and bits, as far as the model allows.

        Args:
            contexts: bits of the cache -> the largest context that fits, where that is known: to be named as a way
                out of what is too big.
        """
        is_new = model is not self._model
        self._contexts = contexts or {}
        self._model, self._memory = model, memory
        self.context.setEnabled(model.spec is not None)
        for button in self.bits_buttons.values():
            button.setEnabled(model.spec is not None)
        if is_new:
            self._stops = context_stops(model.longest_context or LEAST_CONTEXT)
            self._set_slider()
        self._refresh()

    def choose(self, context_tokens: int, cache_bits: int) -> None:
        """Sets the choice without reporting it; another length than the slider's stops takes the next lower one."""
        self._wanted, self._bits = context_tokens, cache_bits if cache_bits in self.bits_buttons else FP16_BITS
        self.bits_buttons[self._bits].setChecked(True)
        self._set_slider()
        self._refresh()

    def _set_slider(self) -> None:
        number = max((n for n, stop in enumerate(self._stops) if stop <= self._wanted), default=0)
        self.context.blockSignals(True)
        self.context.setRange(0, len(self._stops) - 1)
        self.context.setPageStep(2)
        self.context.setValue(number)
        self.context.blockSignals(False)

    def _refresh(self) -> None:
        if self._model is None or self._memory is None:
            return
        self.estimate = self._model.estimate(self._memory, self.context_tokens, (self._bits, self._bits))
        words = self.tr("{0} tokens").format(tokens_words(self.context_tokens))
        self.context_value.setText(words if self._model.spec is not None else self.tr("not known"))
        self.context.setAccessibleDescription(words)
        self.bar.show_parts(self.estimate.parts, self._memory.total_bytes)
        self.needs.setText(self._needs(self.estimate))
        self._tint()

    def _needs(self, estimate: Estimate) -> str:
        words = needs_words(estimate)
        if estimate.verdict is Verdict.TOO_BIG and not estimate.reason:
            return f"{words}. {self._way_out()}".strip()
        reason = error_words(estimate.reason)
        return f"{words}. {reason[:1].upper()}{reason[1:]}" if reason else words

    def _way_out(self) -> str:
        """What would fit of this model, in words; '' where it is not known."""
        fitting = {bits: tokens for bits, tokens in self._contexts.items() if tokens}
        if self._contexts and not fitting:
            return self.tr("Choose a lower bitrate or a smaller model.")
        ways = [
            self.tr("{0} with an fp16 cache").format(tokens_words(tokens))
            if bits == FP16_BITS
            else self.tr("{0} with {1} bits").format(tokens_words(tokens), bits)
            for bits, tokens in fitting.items()
        ]
        return self.tr("A context that fits: {0}.").format(", ".join(ways)) if ways else ""

    @Slot()
    def _tint(self) -> None:
        if self.estimate is None:
            return
        verdict = self.estimate.verdict
        self.verdict.setText(verdict_words(verdict))
        self.verdict.setStyleSheet(f"color: {self._theme.colour(verdict_role(verdict)).name()};")

    @Slot(int)
    def _on_context(self, _value: int) -> None:
        self._wanted = self.context_tokens
        self._refresh()
        self.changed.emit(self.context_tokens, self._bits)

    @Slot()
    def _on_bits(self) -> None:
        self._bits = next(bits for bits, button in self.bits_buttons.items() if button.isChecked())
        self._refresh()
        self.changed.emit(self.context_tokens, self._bits)

    def _bits_button(self, bits: int) -> QPushButton:
        word = self.tr("fp16") if bits == FP16_BITS else self.tr("{0} bits").format(bits)
        button = push_button(word, self._on_bits, "choice")
        button.setCheckable(True)
        button.setAutoExclusive(True)
        button.setChecked(bits == self._bits)
        button.setAccessibleName(self.tr("Cache with {0}").format(word))
        button.setToolTip(
            self.tr("How exactly the conversation so far is held: 4 bits to fp16. Fewer bits, more context.")
        )
        return button

    def _lay_out(self, theme: Theme) -> None:
        self.needs.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        bits_row = FlowLayout(gap=SPACE_4)
        for button in self.bits_buttons.values():
            bits_row.addWidget(button)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_12)
        grid.setVerticalSpacing(SPACE_8)
        grid.addWidget(label(theme, self.tr("Context")), 0, 0)
        grid.addWidget(self.context, 0, 1)
        grid.addWidget(self.context_value, 0, 2)
        grid.addWidget(label(theme, self.tr("Cache")), 1, 0)
        grid.addLayout(bits_row, 1, 1, 1, 2)
        grid.setColumnStretch(1, 1)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.verdict)
        words.addWidget(self.needs)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_12)
        layout.addLayout(words)
        layout.addWidget(self.bar)
        layout.addLayout(grid)
