from __future__ import annotations

import socket
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from engine.hub.answers_cache import AnswersCache
from engine.hub.client import HubClient
from engine.hub.endpoint import Endpoint
from engine.hub.errors import (
    AccessDeniedError,
    BadAnswerError,
    HubError,
    NotFoundError,
    NotReachableError,
    OfflineError,
    RateLimitedError,
)
from engine.hub.search import SearchQuery, search, summary_of
from engine.hub.types import RepoId
from engine.hub.variants import branches_of
from tests.fakes.metadata_hub import FakeRepo, MetadataHub, as_json, refused

REPO = RepoId("org", "Model-exl3")
FILES = {
    "README.md": b"# Model",
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": bytes(range(256)) * 40,
}


def repo(**more: Any) -> FakeRepo:
    return FakeRepo(str(REPO), {"main": FILES}, **more)


MakeHub = Callable[..., MetadataHub]
MakeClient = Callable[..., HubClient]


def test_files_are_kept_by_commit(make_hub: MakeHub, make_client: MakeClient) -> None:
    fake = repo()
    hub = make_hub(fake)
    client = make_client(hub)
    commit = fake.commit("main")
    assert client.file(REPO, commit, "README.md") == b"# Model"
    assert client.json_file(REPO, commit, "config.json") == {"model_type": "llama"}
    asked = len(hub.asked)
    assert client.file(REPO, commit, "README.md") == b"# Model"
    assert len(hub.asked) == asked
    with pytest.raises(NotFoundError, match=r"no such\.txt in org/Model-exl3"):
        client.file(REPO, commit, "such.txt")
    with pytest.raises(BadAnswerError, match="larger than 5 bytes"):
        client.file(REPO, commit, "model.safetensors", max_bytes=5)
    with pytest.raises(BadAnswerError, match="JSON"):
        client.json_file(REPO, commit, "model.safetensors")


@pytest.mark.parametrize("has_ranges", [True, False])
def test_parts_of_files(make_hub: MakeHub, make_client: MakeClient, has_ranges: bool) -> None:
    fake = repo()
    hub = make_hub(fake)
    hub.has_ranges = has_ranges
    client = make_client(hub, cached=False)
    data = FILES["model.safetensors"]
    assert client.part(REPO, fake.commit("main"), "model.safetensors", 0, 300) == data[:300]
    assert hub.asked[-1].range == "bytes=0-299"
    if has_ranges:
        assert client.part(REPO, fake.commit("main"), "model.safetensors", 300, 99999) == data[300:]
    else:
        with pytest.raises(BadAnswerError):
            client.part(REPO, fake.commit("main"), "model.safetensors", 300, 10)


def test_the_token_opens_what_is_gated_or_private(make_hub: MakeHub, make_client: MakeClient) -> None:
    fake = repo(gated="auto")
    hub = make_hub(fake)
    with pytest.raises(AccessDeniedError, match="gated") as caught:
        make_client(hub, cached=False).file(REPO, fake.commit("main"), "config.json")
    assert "token" in caught.value.way_out
    with pytest.raises(AccessDeniedError, match="gated"):
        make_client(hub, "hf_bad", cached=False).file(REPO, fake.commit("main"), "config.json")
    good = make_client(hub, "hf_good", cached=False)
    assert good.file(REPO, fake.commit("main"), "config.json")
    assert good.who_am_i() == "someone"
    with pytest.raises(AccessDeniedError, match="does not accept the token"):
        make_client(hub, "hf_bad").who_am_i()
    fake.private = True
    with pytest.raises(NotFoundError, match="private"):
        branches_of(make_client(hub, cached=False), REPO)
    assert branches_of(good, REPO)


def test_a_mirror_never_sees_the_token(make_hub: MakeHub, make_client: MakeClient) -> None:
    fake = repo(gated="auto")
    hub = make_hub(fake)
    client = make_client(hub, "hf_good", is_own=False)
    search(client, SearchQuery("model"))
    branches_of(client, REPO)
    with pytest.raises(AccessDeniedError, match="not sent to a mirror"):
        client.file(REPO, fake.commit("main"), "config.json")
    with pytest.raises(AccessDeniedError):
        client.who_am_i()
    assert len(hub.asked) >= 4
    assert {each.authorization for each in hub.asked} == {None}


def test_a_token_of_the_environment_goes_nowhere(
    make_hub: MakeHub, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_environment")
    hub = make_hub(repo())
    search(make_client(hub), SearchQuery("model"))
    assert {each.authorization for each in hub.asked} == {None}


def test_a_redirect_to_another_host_gets_no_token(make_hub: MakeHub, make_client: MakeClient) -> None:
    fake = repo()
    hub, store = make_hub(fake), make_hub(fake)
    store.answer_first = lambda path: (200, {}, b"stored") if path == "/signed" else None
    elsewhere = refused(302, Location=f"{store.url}/signed")
    hub.answer_first = lambda path: elsewhere if "/resolve/" in path else None
    client = make_client(hub, "hf_good")
    assert client.file(REPO, fake.commit("main"), "config.json") == b"stored"
    assert hub.asked[-1].authorization == "Bearer hf_good"
    assert store.asked[-1].authorization is None
    # On the same server it stays: small files of the hub are given out by another route of it.
    hub.answer_first = lambda path: refused(307, Location="/api/resolve-cache/x") if "/resolve/" in path else (
        (200, {}, b"near") if "resolve-cache" in path else None
    )  # fmt: skip
    assert client.file(REPO, fake.commit("main"), "README.md") == b"near"
    assert hub.asked[-1].authorization == "Bearer hf_good"
    # And where the next page of a list would be: the library follows any address.
    page = (200, {"Link": f'<{store.url}/api/models?page=2>; rel="next"'}, b"[]")
    hub.answer_first = lambda path: page if path == "/api/models" else None
    search(client, SearchQuery("model"))
    assert any(each.path == "/api/models" for each in store.asked)
    assert {each.authorization for each in store.asked} == {None}


def test_offline_opens_no_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = AnswersCache(tmp_path)
    endpoint = Endpoint("http://127.0.0.1:9", offline=True)
    cache.put(b"known", endpoint.url, str(REPO), "a" * 40, "README.md")

    def refuse(*args: object, **more: object) -> None:
        raise AssertionError("a socket was made")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    client = HubClient(endpoint, lambda: "hf_good", cache)
    questions: list[Callable[[], object]] = [
        lambda: search(client, SearchQuery("x")),
        lambda: summary_of(client, REPO),
        lambda: branches_of(client, REPO),
        lambda: client.file(REPO, "a" * 40, "config.json"),
        lambda: client.part(REPO, "a" * 40, "model.safetensors", 0, 8),
        lambda: client._http.get("http://127.0.0.1:9/"),  # whoever else comes by this way
    ]
    for question in questions:
        with pytest.raises(OfflineError):
            question()
    assert client.file(REPO, "a" * 40, "README.md") == b"known"


def test_a_short_rest_is_waited_for(make_hub: MakeHub, make_client: MakeClient, fake_time: Any) -> None:
    hub = make_hub(repo())
    answers = [refused(429, Retry_After="2"), None]
    hub.answer_first = lambda path: answers.pop(0)
    assert branches_of(make_client(hub), REPO)
    assert fake_time.waits == [2.0]


def test_a_long_rest_is_told_and_kept(make_hub: MakeHub, make_client: MakeClient, fake_time: Any) -> None:
    hub = make_hub(repo())
    hub.answer_first = lambda path: refused(429, Retry_After="90")
    client = make_client(hub)
    with pytest.raises(RateLimitedError) as caught:
        search(client, SearchQuery("x"))
    assert caught.value.retry_after_s == 90
    hub.answer_first = lambda path: None
    fake_time.now += 60
    with pytest.raises(RateLimitedError) as caught:
        branches_of(client, REPO)
    assert caught.value.retry_after_s == pytest.approx(30)
    assert len(hub.asked) == 1
    fake_time.now += 31
    assert branches_of(client, REPO)
    assert fake_time.waits == []


@pytest.mark.parametrize(
    ("headers", "rest_s"),
    [
        ({"Retry_After": formatdate(1000 + 45, usegmt=True)}, 45),
        ({"Retry_After": "nonsense"}, 60),
        ({"Retry_After": "99999999999999"}, 3600),
        ({"RateLimit": '"api";r=0;t=123'}, 123),
        ({}, 60),
    ],
)
def test_how_long_to_rest(make_hub: MakeHub, make_client: MakeClient, headers: dict[str, str], rest_s: float) -> None:
    hub = make_hub(repo())
    hub.answer_first = lambda path: refused(429, **headers)
    with pytest.raises(RateLimitedError) as caught:
        branches_of(make_client(hub), REPO)
    assert caught.value.retry_after_s == rest_s


def test_a_failing_server_is_asked_again(make_hub: MakeHub, make_client: MakeClient, fake_time: Any) -> None:
    hub = make_hub(repo())
    answers = [refused(503), refused(500), None]
    hub.answer_first = lambda path: answers.pop(0)
    assert branches_of(make_client(hub), REPO)
    assert fake_time.waits == [0.5, 1.0]
    hub.answer_first = lambda path: refused(503)
    with pytest.raises(NotReachableError, match="503"):
        branches_of(make_client(hub), REPO)


def test_nobody_there(make_hub: MakeHub, make_client: MakeClient, fake_time: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = HubClient(Endpoint(f"http://127.0.0.1:{port}"), clock=fake_time.clock)
    with pytest.raises(NotReachableError, match=str(port)) as caught:
        search(client, SearchQuery("x"))
    assert "proxy" in caught.value.way_out
    client.close()


def test_the_proxy_is_used(make_hub: MakeHub, fake_time: Any) -> None:
    proxy = make_hub()
    proxy.answer_first = lambda path: (200, {}, b"through")
    client = HubClient(Endpoint("http://hub.invalid", proxy=proxy.url), clock=fake_time.clock)
    assert client.file(REPO, "a" * 40, "README.md") == b"through"
    assert proxy.asked[0].path == f"/{REPO}/resolve/{'a' * 40}/README.md"
    client.close()


@pytest.mark.parametrize(
    "answer",
    [
        as_json([{"no": "id"}]), as_json({"error": "x"}), as_json([1, 2]), as_json("text"), (200, {}, b"<html>"),
        (200, {}, b"\xff"), refused(302), refused(302, Location="/api/models/../x"), refused(418),
    ],
)  # fmt: skip
def test_nonsense_is_an_error_with_a_way_out(make_hub: MakeHub, make_client: MakeClient, answer: Any) -> None:
    hub = make_hub(repo())
    hub.answer_first = lambda path: answer
    client = make_client(hub)
    for question in (lambda: search(client, SearchQuery("x")), lambda: branches_of(client, REPO)):
        with pytest.raises(HubError) as caught:
            question()
        assert caught.value.way_out
