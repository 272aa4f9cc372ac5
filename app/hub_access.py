"""How the window reaches the hub: the address, proxy and offline switch of the settings, and the user's token.

Everything that opens a connection asks here, each time anew. Knows nothing of what is asked of the hub.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.preferences import Preferences
from engine.errors import EngineError
from engine.hub.answers_cache import AnswersCache
from engine.hub.endpoint import Endpoint
from engine.hub.settings import TOKEN_VARIABLE, HubSettings
from engine.hub.tokens import TokenStore

if TYPE_CHECKING:
    from engine.hub.transfer.source import Access

EndpointOf = Callable[[str, str, bool], Endpoint]


def usual_endpoint(address: str, proxy: str, offline: bool, environment: Mapping[str, str] = os.environ) -> Endpoint:
    """The endpoint of texts as they are typed and of the program's variables. Raises `InvalidRequestError`."""
    return HubSettings(address, proxy, offline).endpoint(environment)


class HubAccess(QObject):
    """`endpoint`, `token` and `access` may be called from any thread.

    Args:
        endpoint_of: makes the endpoint of address, proxy and offline switch; tests put their own hub there.
        data_folder: where a token lies if there is no keyring.
        cache_folder: of this program; keeps what the hub answered.

    Signals:
        changed: address, proxy or token are different.
        offline_changed: whether the offline switch is on.
    """

    changed = Signal()
    offline_changed = Signal(bool)

    def __init__(
        self, preferences: Preferences, endpoint_of: EndpointOf, data_folder: Path, cache_folder: Path,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._preferences = preferences
        self._endpoint_of = endpoint_of
        self._token_lock = threading.Lock()
        self._token: str | None = None
        self.tokens = TokenStore(data_folder)
        self.cache = AnswersCache(cache_folder / "hub")

    @property
    def is_offline(self) -> bool:
        """Whether nothing may be asked, by the switch or by the program's variables."""
        try:
            return self.endpoint().offline
        except EngineError:
            return self._preferences.settings.offline

    def endpoint(self) -> Endpoint:
        """Where the hub is now. Raises `InvalidRequestError` for an address in the settings that is none."""
        settings = self._preferences.settings
        endpoint = self._endpoint_of(settings.hub_address, settings.hub_proxy, settings.offline)
        return replace(endpoint, is_own=True) if settings.hub_is_own and settings.hub_address else endpoint

    def token(self) -> str:
        """The user's token, '' without one; may wait for the keyring, so never to be called by the window's thread."""
        with self._token_lock:
            if self._token is None:
                self._token = (os.environ.get(TOKEN_VARIABLE) or self.tokens.load() or "").strip()
            return self._token

    def access(self) -> Access:
        """As a transfer wants it. Raises as `endpoint` does."""
        endpoint = self.endpoint()
        from engine.hub.transfer.source import Access  # here: the first window need not wait for what HTTP needs

        return Access(endpoint, self.token() if endpoint.may_have_token(endpoint.url) else "")

    @Slot()
    def forget_known_token(self) -> None:
        """Looks the token up again when it is next needed, after the user entered or removed one."""
        with self._token_lock:
            self._token = None
        self.changed.emit()

    @Slot(bool)
    def set_offline(self, offline: bool) -> None:
        """Throws the offline switch."""
        if offline != self._preferences.settings.offline:
            self._preferences.update(offline=offline)
            self.offline_changed.emit(offline)

    def set_address(self, address: str, proxy: str, *, is_own: bool = False) -> None:
        """Takes another hub and proxy, '' for the usual ones. Raises `InvalidRequestError` and keeps the old ones."""
        HubSettings(address, proxy).endpoint({})
        address, proxy = address.strip(), proxy.strip()
        before = self._preferences.settings
        self._preferences.update(hub_address=address, hub_proxy=proxy, hub_is_own=is_own and bool(address))
        if self._preferences.settings != before:
            self.changed.emit()
