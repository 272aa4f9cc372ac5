from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import InvalidRequestError
from engine.hub.endpoint import HUB_URL, Endpoint
from engine.hub.settings import ContactedHost, HubSettings, contacted_hosts, token_for
from engine.hub.tokens import TokenStore
from tests.engine.hub.test_tokens import FakeKeyring


def test_choices_become_an_endpoint() -> None:
    assert HubSettings().endpoint({}) == Endpoint()
    assert HubSettings().endpoint({"HF_ENDPOINT": "mirror.example"}).url == "https://mirror.example"
    chosen = HubSettings("own.example/hub/", "proxy.example:3128", offline=True, is_own=True)
    assert chosen.endpoint({}) == Endpoint("https://own.example/hub", "http://proxy.example:3128", True, True)


def test_a_variable_of_somebody_else_is_no_server_of_ones_own() -> None:
    endpoint = HubSettings(is_own=True).endpoint({"HF_ENDPOINT": "https://mirror.example"})
    assert not endpoint.may_have_token(endpoint.url)


@pytest.mark.parametrize(("address", "proxy"), [("ftp://x", ""), ("a b", ""), ("https://", ""), ("", "socks5://x:1")])
def test_what_is_no_address_is_said(address: str, proxy: str) -> None:
    with pytest.raises(InvalidRequestError, match="address" if address else "proxy"):
        HubSettings(address, proxy).endpoint({})


def test_the_token_of_the_variable_comes_first(tmp_path: Path) -> None:
    tokens = TokenStore(tmp_path, FakeKeyring())
    tokens.save("hf_kept")
    assert token_for(Endpoint(), tokens, {}) == "hf_kept"
    assert token_for(Endpoint(), tokens, {"HF_TOKEN": " hf_given "}) == "hf_given"
    assert token_for(Endpoint("https://mirror.example"), tokens, {"HF_TOKEN": "hf_given"}) == ""


def test_every_host_is_listed() -> None:
    hub = HUB_URL.removeprefix("https://")
    assert contacted_hosts(Endpoint()) == (ContactedHost(hub, "hub", True), ContactedHost("", "storage"))
    assert contacted_hosts(Endpoint("http://mirror.example:81", "http://u:secret@proxy.example:8080")) == (
        ContactedHost("mirror.example:81", "hub"),
        ContactedHost("", "storage"),
        ContactedHost("proxy.example:8080", "proxy"),
    )
    assert contacted_hosts(Endpoint(offline=True)) == ()
