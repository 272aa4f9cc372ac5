"""Connects the settings page: what the user sets goes to whoever acts on it, and what is set elsewhere is shown.

Knows nothing of the rows on the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, Slot

from app.controllers.hub_settings import HubSettingsController
from app.controllers.load_settings import LoadSettings
from app.controllers.preferences import Preferences
from app.language import spoken_language
from app.storage.setting_spec import Group
from app.storage.settings import TABLE
from app.views.notice import Notice
from app.views.settings_page import SettingsPage

_SETTABLE = tuple(spec for spec in TABLE if spec.about is not None)
_KEYS = frozenset(spec.key for spec in _SETTABLE)
_HUB = frozenset(spec.key for spec in _SETTABLE if spec.about is not None and spec.about.group is Group.HUB)
_LOADING = frozenset(spec.key for spec in _SETTABLE if spec.about is not None and spec.about.group is Group.LOADING)


class SettingsWiring(QObject):
    """Follows the page and the preferences; nobody calls it."""

    def __init__(
        self, page: SettingsPage, preferences: Preferences, load_settings: LoadSettings, hub: HubSettingsController,
        notice: Notice, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._page, self._preferences = page, preferences
        self._load_settings, self._hub, self._notice = load_settings, hub, notice
        page.chosen.connect(self._on_chosen)
        page.reset_requested.connect(self._reset)
        page.reset_all_requested.connect(self._reset_all)
        preferences.changed.connect(self._on_changed)
        self._language = spoken_language(preferences.settings.language)  # of this window, whatever is chosen
        page.show_settings(preferences.settings)

    @Slot(str, object)
    def _on_chosen(self, key: str, value: Any) -> None:
        self._apply({key: value})

    @Slot(str)
    def _reset(self, key: str) -> None:
        self._apply({spec.key: spec.default for spec in _SETTABLE if spec.key == key})

    @Slot()
    def _reset_all(self) -> None:
        settings = self._preferences.settings
        before = {spec.key: getattr(settings, spec.key) for spec in _SETTABLE}
        self._apply({spec.key: spec.default for spec in _SETTABLE})
        words = self.tr("All settings are as they were at the first start. Chats, models and the token are untouched.")
        self._notice.say(words, self.tr("Undo"), lambda: self._apply(before))

    def _apply(self, values: Mapping[str, Any]) -> None:
        self._preferences.update(**{key: value for key, value in values.items() if key not in _HUB})
        if values.keys() >= _HUB:
            self._hub.set_address(values["hub_address"], values["hub_proxy"], values["hub_is_own"])
            self._hub.set_offline(values["offline"])
            self._hub.set_parallel_downloads(values["parallel_downloads"])
            self._hub.refresh()
        if _LOADING & values.keys():
            self._load_settings.changed.emit()

    @Slot(object)
    def _on_changed(self, keys: frozenset[str]) -> None:
        if keys.isdisjoint(_KEYS):
            return
        settings = self._preferences.settings
        self._page.show_settings(settings)
        self._page.offer_restart(spoken_language(settings.language) != self._language)
