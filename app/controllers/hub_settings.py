"""The user's choices about the hub and the token: taken, checked, kept, told. Knows nothing of how they are shown.

What may wait for a keyring or for the network happens in a thread beside the window.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal, Slot

from app.background import Background
from app.controllers.preferences import Preferences
from app.error_words import error_line, error_words
from app.hub_access import HubAccess
from engine.errors import EngineError, InvalidRequestError
from engine.hub.client import HubClient
from engine.hub.settings import TOKEN_VARIABLE, ContactedHost, HubSettings, contacted_hosts

TokenPlace = Literal["unknown", "none", "variable", "keyring", "file"]


@dataclass(frozen=True)
class HubState:
    """Everything that is shown.

    Attributes:
        folder: that new models go to.
        token_path: of the file, where the token lies in one.
        held_offline: the switch is on by a variable of the program, whatever the settings say.
    """

    settings: HubSettings
    parallel_downloads: int
    folder: Path
    hosts: tuple[ContactedHost, ...]
    token: TokenPlace = "unknown"
    token_path: Path | None = None
    held_offline: bool = False


class HubSettingsController(QObject):
    """Signals:
    changed: a `HubState`.
    address_refused: why an address or a proxy was not taken; '' when both were.
    token_kept: a new one is; it need not be on the screen any more.
    token_said: a sentence about the token, and whether it is good news.
    parallel_changed: downloads at a time.
    crashed: a bug, as a traceback.
    """

    changed = Signal(object)
    address_refused = Signal(str)
    token_kept = Signal()
    token_said = Signal(str, bool)
    parallel_changed = Signal(int)
    crashed = Signal(str)

    def __init__(
        self, preferences: Preferences, hub: HubAccess, first_folder: Path,
        environment: Mapping[str, str] = os.environ, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._preferences, self._hub, self._first_folder = preferences, hub, first_folder
        self._environment = environment
        self._token: TokenPlace = "unknown"
        self._background = Background("hub-settings", self)
        self._background.crashed.connect(self.crashed)
        hub.changed.connect(self.refresh)
        hub.offline_changed.connect(self.refresh)

    @property
    def state(self) -> HubState:
        settings = self._preferences.settings
        try:
            hosts = contacted_hosts(self._hub.endpoint())
        except EngineError:
            hosts = ()
        return HubState(
            settings.hub,
            settings.parallel_downloads,
            Path(settings.models_folders[0]) if settings.models_folders else self._first_folder,
            hosts,
            self._token,
            self._hub.tokens.file_path if self._token == "file" else None,
            self._hub.is_offline and not settings.offline,
        )

    @Slot()
    def refresh(self) -> None:
        """Tells the present state."""
        self.changed.emit(self.state)

    @Slot()
    def look_for_token(self) -> None:
        """Finds out whether there is a token and where; may ask the keyring."""
        self._background.do(self._find_token, self._take_place)

    @Slot(str, str, bool)
    def set_address(self, address: str, proxy: str, is_own: bool) -> None:
        """Takes another hub and proxy, '' for the usual ones."""
        try:
            self._hub.set_address(address, proxy, is_own=is_own)
        except InvalidRequestError as error:
            self.address_refused.emit(error_line(error))
            return
        self.address_refused.emit("")
        self.refresh()

    @Slot(bool)
    def set_offline(self, offline: bool) -> None:
        """Throws the offline switch."""
        self._hub.set_offline(offline)

    @Slot(int)
    def set_parallel_downloads(self, count: int) -> None:
        """Takes another number of models at a time."""
        self._preferences.update(parallel_downloads=count)
        self.parallel_changed.emit(count)

    @Slot(str)
    def save_token(self, text: str) -> None:
        """Keeps a token in place of the one there is."""
        self._background.do(lambda: self._hub.tokens.save(text), self._on_saved, self._on_token_error)

    @Slot()
    def check_token(self) -> None:
        """Asks the hub whose token it is."""
        self._background.do(self._who_am_i, self._on_known, self._on_token_error)

    @Slot()
    def remove_token(self) -> None:
        """Forgets the token and what it opened."""
        self._background.do(self._forget, self._on_removed, self._on_token_error)

    def shut_down(self) -> bool:
        """Ends the thread; False when it did not end in time."""
        return self._background.shut_down()

    def _find_token(self) -> TokenPlace:
        if self._environment.get(TOKEN_VARIABLE, "").strip():
            return "variable"
        if not self._hub.tokens.load():
            return "none"
        return "file" if self._hub.tokens.is_in_file else "keyring"

    def _who_am_i(self) -> str:
        client = HubClient(self._hub.endpoint(), lambda: self._hub.token() or None)
        try:
            return client.who_am_i()
        finally:
            client.close()

    def _forget(self) -> None:
        self._hub.tokens.forget()
        self._hub.cache.clear()  # some of it may have been had with the token

    def _take_place(self, place: TokenPlace) -> None:
        self._token = place
        self.refresh()

    def _on_saved(self, warning: str) -> None:
        self._hub.forget_known_token()
        self.token_kept.emit()
        self.token_said.emit(
            error_words(warning) or self.tr("The token is kept in this system's keyring."), not warning
        )
        self.look_for_token()

    def _on_known(self, name: str) -> None:
        self.token_said.emit(self.tr("The hub knows this token: it belongs to {0}.").format(name), True)

    def _on_removed(self, _: None) -> None:
        self._hub.forget_known_token()
        self.token_said.emit(self.tr("The token is removed from this computer."), True)
        self.look_for_token()

    def _on_token_error(self, error: EngineError) -> None:
        self.token_said.emit(error_line(error), False)
