from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from keyring.errors import NoKeyringError

from engine.errors import InvalidRequestError
from engine.hub.errors import HubError
from engine.hub.tokens import TokenStore


class FakeKeyring:
    def __init__(self, *, forgets: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.forgets = forgets

    def get_password(self, service_name: str, username: str) -> str | None:
        return self.kept.get((service_name, username))

    def set_password(self, service_name: str, username: str, password: str) -> None:
        if not self.forgets:
            self.kept[service_name, username] = password

    def delete_password(self, service_name: str, username: str) -> None:
        del self.kept[service_name, username]


class NoKeyring:
    def get_password(self, service_name: str, username: str) -> str | None:
        raise NoKeyringError("none")

    def set_password(self, service_name: str, username: str, password: str) -> None:
        raise NoKeyringError("none")

    def delete_password(self, service_name: str, username: str) -> None:
        raise NoKeyringError("none")


def test_in_the_keyring(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "data", FakeKeyring())
    assert store.load() is None
    assert store.save("  hf_abc\n") == ""
    assert store.load() == "hf_abc"
    assert not (tmp_path / "data").exists()
    store.forget()
    store.forget()
    assert store.load() is None


@pytest.mark.parametrize("keyring", [NoKeyring(), FakeKeyring(forgets=True)])
def test_in_a_file_with_a_warning(tmp_path: Path, keyring: NoKeyring | FakeKeyring) -> None:
    store = TokenStore(tmp_path / "data", keyring)
    warning = store.save("hf_abc")
    (path,) = (tmp_path / "data").iterdir()
    assert str(path) in warning
    assert "unencrypted" in warning
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
    assert store.load() == "hf_abc"
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store.save("hf_new")
    assert store.load() == "hf_new"
    store.forget()
    assert store.load() is None
    assert not path.exists()


def test_a_keyring_that_came_later_takes_it_out_of_the_file(tmp_path: Path) -> None:
    TokenStore(tmp_path, NoKeyring()).save("hf_old")
    store = TokenStore(tmp_path, FakeKeyring())
    assert store.load() == "hf_old"
    assert store.save("hf_new") == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "  ", "two words", "hf_\x00", "hf_é", "x" * 1001, "a\nb"])
def test_what_is_no_token(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        TokenStore(tmp_path, FakeKeyring()).save(text)
    assert text.strip() == "" or text not in str(caught.value)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(HubError):
        TokenStore(blocked, NoKeyring()).save("hf_abc")
