"""How a new chat with the loaded model begins: what the user keeps for it, else what the model recommends.

Knows nothing of the open chat or of widgets.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.storage.model_chats import ModelChat, with_chat
from engine.requests import SamplingSettings


class ChatDefaults(QObject):
    """Signals:
    changed: something of the loaded model's defaults is different.
    """

    changed = Signal()

    def __init__(self, preferences: Preferences, models: ModelController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._models = models

    @property
    def own(self) -> ModelChat | None:
        """What the user keeps for the loaded model."""
        path = str(self._models.info.path) if self._models.info else None
        return next((each for each in self._preferences.settings.model_chats if each.path == path), None)

    @property
    def recommended(self) -> SamplingSettings:
        """What the model itself recommends, else the program."""
        return self._models.info.recommended if self._models.info else SamplingSettings()

    @property
    def sampling(self) -> SamplingSettings:
        own = self.own
        return own.sampling if own is not None and own.sampling is not None else self.recommended

    @property
    def has_own_sampling(self) -> bool:
        """Whether the user keeps settings for the loaded model."""
        own = self.own
        return own is not None and (own.sampling is not None or bool(own.system_prompt))

    @property
    def system_prompt(self) -> str:
        own = self.own
        return own.system_prompt if own is not None else ""

    @property
    def can_switch_thinking(self) -> bool:
        """Whether the loaded model can be told to think or not."""
        return self._models.info is not None and self._models.info.thinks_by_default is not None

    @property
    def thinking(self) -> bool | None:
        """The wish that goes with every request; None leaves it to the model."""
        own = self.own
        return own.thinking if own is not None and self.can_switch_thinking else None

    @property
    def thinks(self) -> bool:
        """What comes of the wish."""
        by_default = self._models.info.thinks_by_default if self._models.info else None
        return bool(by_default) if self.thinking is None else self.thinking

    def keep(self, sampling: SamplingSettings, system_prompt: str) -> None:
        """Lets new chats with the loaded model begin so."""
        self._change(sampling=sampling, system_prompt=system_prompt.strip())

    def forget(self) -> None:
        """Lets them begin as the model recommends."""
        self._change(sampling=None, system_prompt="")

    def set_thinking(self, thinks: bool) -> None:
        """Switches thinking for the loaded model."""
        by_default = self._models.info.thinks_by_default if self._models.info else None
        self._change(thinking=None if thinks == by_default else thinks)

    def _change(self, **changes: object) -> None:
        if self._models.info is None:
            return
        chat = replace(self.own or ModelChat(str(self._models.info.path)), **changes)  # type: ignore[arg-type]
        self._preferences.update(model_chats=with_chat(self._preferences.settings.model_chats, chat))
        self.changed.emit()
