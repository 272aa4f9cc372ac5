"""How many pixels of an image the model is shown: fewer are quicker and take less of the context.

Knows nothing of models but the budget that one has.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.figures import count
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4
from app.views.combo import Combo
from app.views.widgets import label
from engine.events import ImageBudget

LOW_TOKENS, MEDIUM_TOKENS, HIGH_TOKENS = 256, 1024, 4096


class ImageDetail(QWidget):
    """Hidden while the model leaves no choice.

    Signals:
        chosen: the most pixels of one image, or None for what suits the model and its context.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offered: list[int | None] = []
        help_text = self.tr(
            "How much of an image the model is shown in this chat; less is quicker and leaves more context"
        )
        self.list = Combo(theme, self.tr("Image detail"), help_text)
        self.list.activated.connect(self._on_activated)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_4)
        layout.addWidget(label(theme, self.tr("Image detail"), font="small", kind="muted"))
        layout.addWidget(self.list)
        self.hide()

    def show_budget(self, budget: ImageBudget | None, pixels: int | None, automatic: int) -> None:
        """Offers what a model's budget allows, with the choice of the chat.

        Args:
            pixels: of the chat, None where nothing was chosen.
            automatic: pixels that are taken then.
        """
        self.setVisible(budget is not None)
        if budget is None:
            return
        choices = self._choices(budget, automatic)
        values = [value for _, value in choices]
        wanted = None if pixels is None else min(pixels, budget.most)
        if wanted not in values:  # chosen with another model
            choices.insert(0, (self._words(self.tr("Own"), wanted or 0, budget), wanted))
            values.insert(0, wanted)
        self._offered = values
        self.list.clear()
        for words, value in choices:
            self.list.addItem(words)
            hint = self.tr("An image has at most {0} megapixels then").format(count((value or automatic) / 1e6, 1))
            self.list.setItemData(self.list.count() - 1, hint, Qt.ItemDataRole.ToolTipRole)
        self.list.setCurrentIndex(values.index(wanted))

    def _choices(self, budget: ImageBudget, automatic: int) -> list[tuple[str, int | None]]:
        names = (
            (self.tr("Low"), LOW_TOKENS), (self.tr("Medium"), MEDIUM_TOKENS), (self.tr("High"), HIGH_TOKENS),
        )  # fmt: skip
        sizes = [(name, tokens * budget.pixels_per_token) for name, tokens in names]
        sizes = [(name, pixels) for name, pixels in sizes if budget.least <= pixels < budget.most]
        offered = [*sizes, (self.tr("Original"), budget.most)]
        return [
            (self._words(self.tr("Automatic"), automatic, budget), None),
            *((self._words(name, pixels, budget), pixels) for name, pixels in offered),
        ]

    def _words(self, name: str, pixels: int, budget: ImageBudget) -> str:
        tokens = max(1, round(max(pixels, budget.least) / budget.pixels_per_token))
        return self.tr("{0}: up to {1} tokens").format(name, count(tokens))

    @Slot(int)
    def _on_activated(self, place: int) -> None:
        self.chosen.emit(self._offered[place])
