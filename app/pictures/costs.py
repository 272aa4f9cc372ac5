"""How many tokens a picture costs the loaded model, before it is sent. The model's own files say it.

They are read in a thread; until then, and of families without a rule here, the budget of the model gives an estimate.
Knows nothing of messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.background import Background
from app.controllers.models import ModelController
from engine.errors import EngineError
from engine.events import ModelInfo

if TYPE_CHECKING:
    from engine.vision.plan import ImageRules


class PictureCosts(QObject):
    """Signals:
    changed: other tokens are to be told.
    """

    changed = Signal()

    def __init__(self, models: ModelController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._models = models
        self._thread = Background("picture-costs", self)
        self._info: ModelInfo | None = None
        self._rules: ImageRules | None = None
        models.state_changed.connect(self._on_model)

    def tokens(self, width: int, height: int, pixels: int | None) -> int | None:
        """Of a picture of this size with a chat's budget; None when the model sees nothing or nothing is known."""
        info = self._info
        if info is None or not info.sees:
            return None
        if self._rules is not None:
            try:
                return self._rules.plan(width, height, pixels).num_tokens
            except EngineError:  # a shape that the model does not take; it is said when it is sent
                return None
        budget = info.image_budget
        if budget is None:
            return None
        most = min(max(pixels or budget.most, budget.least), budget.most)
        return max(1, round(min(max(width * height, budget.least), most) / budget.pixels_per_token))

    def shut_down(self) -> bool:
        """Ends the thread; False when it did not end in time."""
        return self._thread.shut_down()

    @Slot()
    def _on_model(self) -> None:
        info = self._models.info if self._models.is_ready else None
        if info is self._info:
            return
        self._info, self._rules = info, None
        if info is not None and info.sees:
            self._thread.do(partial(_rules_of, info.path), partial(self._take, info), _ignore)
        self.changed.emit()

    def _take(self, info: ModelInfo, rules: ImageRules | None) -> None:
        if info is self._info:
            self._rules = rules
            self.changed.emit()


def _rules_of(folder: Path) -> ImageRules | None:
    from engine.vision.registry import read_image_settings  # here: it takes a while to import

    settings = read_image_settings(folder)
    return settings.rules if settings is not None else None


def _ignore(_error: EngineError) -> None:
    """The model is loaded already: whatever is odd about its files, the estimate stands."""


def first_that_sees(folders: Sequence[Path]) -> Path | None:
    """The first model that takes images; for a thread beside the window."""
    return next((folder for folder in folders if _sees(folder)), None)


def _sees(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file() and _rules_of(folder) is not None
    except EngineError:
        return False
