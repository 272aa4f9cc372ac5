from __future__ import annotations

import pytest

from engine.errors import InvalidRequestError
from engine.hub.endpoint import HUB_URL, Endpoint
from engine.hub.errors import BadNameError, OfflineError
from engine.hub.types import RepoId

REPO = RepoId("org", "model")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_addresses_of_files() -> None:
    assert Endpoint().url_of(REPO, COMMIT, "sub/a b.json") == f"{HUB_URL}/org/model/resolve/{COMMIT}/sub/a%20b.json"
    assert (
        Endpoint("https://m.example/hub").url_of(REPO, "x/y", "f") == "https://m.example/hub/org/model/resolve/x%2Fy/f"
    )
    with pytest.raises(BadNameError):
        Endpoint().url_of(REPO, COMMIT, "../f")


@pytest.mark.parametrize(
    ("endpoint", "url", "allowed"),
    [
        (Endpoint(), "https://huggingface.co/api/models", True),
        (Endpoint(), "https://huggingface.co:443/api/models", True),
        (Endpoint(), "https://HUGGINGFACE.co/api/models", True),
        (Endpoint(), "http://huggingface.co/api/models", False),
        (Endpoint(), "https://huggingface.co:8443/api/models", False),
        (Endpoint(), "https://cdn-lfs.huggingface.co/x", False),
        (Endpoint(), "https://huggingface.co.evil.example/x", False),
        (Endpoint(), "https://huggingface.co@evil.example/x", False),
        (Endpoint(), "not an address", False),
        (Endpoint("https://mirror.example"), "https://mirror.example/api/models", False),
        (Endpoint("https://mirror.example"), "https://huggingface.co/api/models", False),
        (Endpoint("http://127.0.0.1:8000"), "http://127.0.0.1:8000/api/models", False),
        (Endpoint("http://127.0.0.1:8000", is_own=True), "http://127.0.0.1:8000/api/models", True),
        (Endpoint("http://127.0.0.1:8000", is_own=True), "http://127.0.0.1:8001/api/models", False),
        (Endpoint("http://127.0.0.1:8000", is_own=True), "http://localhost:8000/api/models", False),
        (Endpoint("https://hub.firm.example", is_own=True), "https://hub.firm.example/x", True),
        (Endpoint("http://hub.firm.example", is_own=True), "http://hub.firm.example/x", False),
    ],
)
def test_who_may_have_the_token(endpoint: Endpoint, url: str, allowed: bool) -> None:
    assert endpoint.may_have_token(url) is allowed


def test_typed_addresses() -> None:
    assert Endpoint.of(" mirror.example/ ").url == "https://mirror.example"
    assert Endpoint.of("", environment={"HF_ENDPOINT": "http://m.example/"}).url == "http://m.example"
    assert Endpoint.of("https://a.example", environment={"HF_ENDPOINT": "https://b.example"}).url == "https://a.example"
    assert Endpoint.of().url == HUB_URL
    assert Endpoint.of(environment={"HF_HUB_OFFLINE": "1"}).offline
    assert not Endpoint.of(environment={"HF_HUB_OFFLINE": "0"}).offline
    assert Endpoint.of(proxy="").proxy is None
    for bad in ("ftp://x", "https://", "https://a b", "https://x:99999", "https://x/?q=1"):
        with pytest.raises(InvalidRequestError):
            Endpoint.of(bad)
    assert Endpoint.of(proxy="proxy.example:3128").proxy == "http://proxy.example:3128"
    with pytest.raises(InvalidRequestError):
        Endpoint.of(proxy="socks5://proxy.example:3128")


def test_offline_is_said() -> None:
    Endpoint().check_online()
    with pytest.raises(OfflineError) as caught:
        Endpoint(offline=True).check_online()
    assert caught.value.way_out


def test_a_mirror_understands_its_own_pages() -> None:
    mirror = Endpoint("http://127.0.0.1:8000")
    assert mirror.is_mirror
    assert str(mirror.parse("http://127.0.0.1:8000/a/b/tree/4bpw")) == "a/b@4bpw"
    assert mirror.page_of(REPO) == f"{HUB_URL}/org/model"
    assert not Endpoint("https://huggingface.co").is_mirror
