"""Keeps the user's token for the hub: in the system's keyring, else in a file that only the user may read.

Never prints it and never decides who gets it: that is `Endpoint.may_have_token`. The keyring is asked when it is
needed and not before, for it may ask the user to unlock it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Protocol

from engine.atomic_file import replace_file
from engine.errors import InvalidRequestError
from engine.hub.errors import HubError

SERVICE, ACCOUNT = "Espalier", "hugging-face-token"
FILE_NAME = "hub-token"
MAX_TOKEN = 1000
IN_FILE = (
    "This system offers no keyring, so the token lies unencrypted in {path}. Programs that you start can read it there."
)


class Keyring(Protocol):
    """What of the `keyring` package is used."""

    def get_password(self, service_name: str, username: str) -> str | None: ...

    def set_password(self, service_name: str, username: str, password: str) -> None: ...

    def delete_password(self, service_name: str, username: str) -> None: ...


class TokenStore:
    """One token.

    Args:
        folder: where the file lies if there is no keyring; made when it is needed.
        keyring: None takes the system's.
    """

    def __init__(self, folder: Path, keyring: Keyring | None = None) -> None:
        self._path, self._keyring = folder / FILE_NAME, keyring

    def load(self) -> str | None:
        """The token, None when there is none."""
        return self._from_keyring() or self._from_file()

    @property
    def file_path(self) -> Path:
        """Where the token lies if there is no keyring."""
        return self._path

    @property
    def is_in_file(self) -> bool:
        """Whether it lies unencrypted."""
        return self._from_file() is not None

    def save(self, token: str) -> str:
        """Keeps a token in place of the one there is.

        Returns:
            A warning to show, '' when the keyring took it.

        Raises:
            InvalidRequestError: the text cannot be a token.
            HubError: neither the keyring nor the disk takes it.
        """
        token = token.strip()
        if not token or len(token) > MAX_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise InvalidRequestError("This is not a token.", "Copy it whole from the hub's page of access tokens.")
        if self._to_keyring(token):
            self._path.unlink(missing_ok=True)
            return ""
        self._to_file(token)
        return IN_FILE.format(path=self._path)

    def forget(self) -> None:
        """Removes it from wherever it is. Raises `HubError` when that fails."""
        try:
            keyring = self._system_keyring()
            if keyring.get_password(SERVICE, ACCOUNT) is not None:
                keyring.delete_password(SERVICE, ACCOUNT)
        except _failures():
            pass  # then it never took one
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise HubError(f"{self._path} cannot be removed: {error}.", "Delete the file yourself.") from error

    def _system_keyring(self) -> Keyring:
        if self._keyring is None:
            import keyring  # here: finding the system's own takes a while

            self._keyring = keyring.get_keyring()
        return self._keyring

    def _from_keyring(self) -> str | None:
        try:
            return self._system_keyring().get_password(SERVICE, ACCOUNT) or None
        except _failures():
            return None

    def _to_keyring(self, token: str) -> bool:
        try:
            keyring = self._system_keyring()
            keyring.set_password(SERVICE, ACCOUNT, token)
            return keyring.get_password(SERVICE, ACCOUNT) == token  # some take everything and keep nothing
        except _failures():
            return False

    def _from_file(self) -> str | None:
        try:
            text = self._path.read_text(encoding="ascii").strip()
            if stat.S_IMODE(self._path.stat().st_mode) & 0o077 and os.name != "nt":
                self._path.chmod(0o600)
        except (OSError, ValueError):
            return None
        return text if 0 < len(text) <= MAX_TOKEN and text.isprintable() else None

    def _to_file(self, token: str) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, token.encode("ascii"), is_private=True)
        except OSError as error:
            raise HubError(
                f"{self._path} cannot be written: {error}.", "Free some space or check the folder."
            ) from error


def _failures() -> tuple[type[Exception], ...]:
    """What keyrings raise that are missing, locked or broken."""
    from keyring.errors import KeyringError

    return (KeyringError, RuntimeError, OSError, ImportError, ValueError)
