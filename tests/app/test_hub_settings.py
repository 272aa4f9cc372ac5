"""The settings about the hub: taken, refused with a sentence, kept; the token is never shown again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QLineEdit, QWidget

from app.hub_access import usual_endpoint
from app.storage.settings import saved_settings
from app.views.hub_settings import HubSettingsCards
from app.views.pages import Page
from engine.hub.endpoint import Endpoint
from tests.app.driver import Window
from tests.engine.hub.test_tokens import FakeKeyring, NoKeyring
from tests.fakes.hub import FakeHub

Open = Callable[..., Window]


@pytest.fixture(autouse=True)
def no_variables(no_proxy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> FakeKeyring:
    keyring = FakeKeyring()
    monkeypatch.setattr("keyring.get_keyring", lambda: keyring)
    return keyring


def open_settings(open_window: Open, **more: Any) -> tuple[Window, HubSettingsCards]:
    window = open_window(load=False, **more)
    window.app.window.show_page(Page.SETTINGS)
    cards = window.app.settings_page.hub
    window.until(lambda: "Looking" not in cards.token_state.text())
    return window, cards


def enter(field: QLineEdit, text: str) -> None:
    field.setText(text)
    field.editingFinished.emit()


def test_an_address_is_taken_and_kept(open_window: Open, keyring: FakeKeyring, tmp_path: Path) -> None:
    window, cards = open_settings(open_window, endpoint_of=usual_endpoint)
    assert "huggingface.co: searches" in cards.hosts.text()
    assert not cards.own.isVisible()
    enter(cards.proxy, "proxy.example:3128")
    enter(cards.address, "mirror.example")
    access = window.app.model_pages.hub
    assert access.endpoint() == Endpoint("https://mirror.example", "http://proxy.example:3128")
    assert "mirror.example: searches, model cards, small files, never the token" in cards.hosts.text()
    assert "proxy.example:3128" in cards.hosts.text()
    cards.own.click()
    assert access.endpoint().may_have_token("https://mirror.example/x")
    assert "small files, the token" in cards.hosts.text()
    window.app.preferences.save_now()
    kept = saved_settings(tmp_path / "data" / "settings.json").hub
    assert kept.endpoint({}) == access.endpoint()  # what a download in the terminal goes by
    enter(cards.address, "")
    assert not access.endpoint().is_mirror
    assert not window.app.preferences.settings.hub_is_own


def test_what_cannot_be_used_gets_a_sentence(open_window: Open, keyring: FakeKeyring) -> None:
    window, cards = open_settings(open_window, endpoint_of=usual_endpoint)
    before = window.app.preferences.settings
    for field, text, words in (
        (cards.address, "ftp://x", "address of the hub, 'ftp://x'"),
        (cards.proxy, "socks5://x:1", "proxy, 'socks5://x:1'"),
    ):
        enter(field, text)
        assert words in cards.address_error.text()
        assert cards.address_error.isVisible()
        assert field.text() == text  # to be mended, not to be typed again
        assert window.app.preferences.settings == before
        enter(field, "")
        assert not cards.address_error.isVisible()


def test_the_offline_switch(open_window: Open, keyring: FakeKeyring) -> None:
    window, cards = open_settings(open_window, endpoint_of=usual_endpoint)
    cards.offline.click()
    assert window.app.model_pages.hub.is_offline
    assert cards.hosts.text() == "None: the program is offline."
    window.app.model_pages.hub.set_offline(False)  # as another page's button does
    assert not cards.offline.isChecked()
    assert "huggingface.co" in cards.hosts.text()


def test_a_variable_that_holds_the_program_offline(
    open_window: Open, keyring: FakeKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    _, cards = open_settings(open_window, endpoint_of=usual_endpoint)
    assert cards.offline.isChecked()
    assert not cards.offline.isEnabled()


def test_downloads_at_a_time_and_their_folder(open_window: Open, keyring: FakeKeyring, tmp_path: Path) -> None:
    window, cards = open_settings(open_window)
    assert [button.isChecked() for button in cards.parallel] == [True, False, False, False]
    cards.parallel[2].click()
    assert window.app.preferences.settings.parallel_downloads == 3
    queue = window.app.model_pages.downloads
    window.until(lambda: queue._queue is not None and queue._queue._parallel_downloads == 3)
    assert cards.folder.text() == str(tmp_path / "data" / "models")
    window.app.preferences.update(models_folders=(str(tmp_path / "other"),))
    window.app.hub_settings.refresh()
    cards.folders_requested.emit()
    assert window.app.model_pages.my_models.isVisible()
    assert cards.folder.text() == str(tmp_path / "other")


def test_a_token_is_kept_checked_and_removed(open_window: Open, keyring: FakeKeyring, hub: FakeHub) -> None:
    def endpoint(address: str, proxy: str, offline: bool) -> Endpoint:
        return replace(hub.endpoint, offline=offline)

    window, cards = open_settings(open_window, endpoint_of=endpoint)
    assert cards.token_state.text() == "No token is kept."
    assert not cards.check.isEnabled()
    assert cards.token.echoMode() == QLineEdit.EchoMode.Password
    cards.token.setText(f" {hub.answers.token} ")
    cards.save.click()
    window.until(lambda: cards.token_state.text() == "A token is kept in this system's keyring.")
    assert list(keyring.kept.values()) == [hub.answers.token]
    assert hub.answers.token not in "".join(shown_texts(window.app.window))
    cards.check.click()
    window.until(lambda: "someone" in cards.token_words.text())
    hub.answers.token = "hf_another"
    cards.check.click()
    window.until(lambda: "does not accept the token" in cards.token_words.text())
    cards.remove.click()
    window.until(lambda: cards.token_state.text() == "No token is kept.")
    assert not keyring.kept
    assert window.app.model_pages.hub.token() == ""


def test_a_token_without_a_keyring(open_window: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("keyring.get_keyring", NoKeyring)
    window, cards = open_settings(open_window)
    cards.token.setText("not a token")
    cards.save.click()
    window.until(lambda: "This is not a token." in cards.token_words.text())
    assert cards.token.text() == "not a token"
    cards.token.setText("hf_secret")
    cards.save.click()
    window.until(lambda: "kept unencrypted" in cards.token_state.text())
    path = tmp_path / "data" / "hub-token"
    assert str(path) in cards.token_words.text()
    assert path.read_text() == "hf_secret"
    assert os.name == "nt" or path.stat().st_mode & 0o077 == 0
    assert cards.token.text() == ""


def test_the_variables_token_is_named(open_window: Open, keyring: FakeKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_variable")
    _, cards = open_settings(open_window)
    assert "HF_TOKEN" in cards.token_state.text()
    assert not cards.remove.isEnabled()


def shown_texts(window: QWidget) -> list[str]:
    """Every text that widgets of the window have."""
    texts = []
    for widget in window.findChildren(QWidget):
        for name in ("text", "toolTip", "accessibleName", "placeholderText"):
            read = getattr(widget, name, None)
            texts.append(str(read()) if callable(read) else "")
    return texts
