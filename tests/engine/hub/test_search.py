from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.hub.client import HubClient
from engine.hub.endpoint import Endpoint
from engine.hub.errors import BadNameError, NotFoundError
from engine.hub.search import SearchQuery, Sort, pasted_ref, search, summary_of
from engine.hub.types import Gated, RepoId
from tests.fakes.metadata_hub import FakeRepo, MetadataHub

MakeHub = Callable[..., MetadataHub]
MakeClient = Callable[..., HubClient]


def repos() -> list[FakeRepo]:
    weights = {"main": {"README.md": b"", "model.safetensors": b"x"}}
    cards = {"main": {"README.md": b"", ".gitattributes": b""}}
    return [
        FakeRepo("a/Qwen3-8B-exl3", cards, tags=[], downloads=50, modified="2025-05-01T00:00:00.000Z"),
        FakeRepo(
            "b/Qwen3-8B", cards, tags=["exl3", "base_model:quantized:Qwen/Qwen3-8B"], downloads=70, gated="manual"
        ),
        FakeRepo("c/Qwen3-8B-EXL3", weights, downloads=60, pipeline_tag="image-text-to-text"),
        FakeRepo("d/Llama-exl3", weights, downloads=90, modified="2026-07-01T00:00:00.000Z"),
        FakeRepo("d/Qwen3-8B-gguf", weights, tags=["gguf"], downloads=1000),
    ]


def names(found: object) -> list[str]:
    return [str(each.repo) for each in found]  # type: ignore[attr-defined]


def test_tag_and_name_are_merged(make_hub: MakeHub, make_client: MakeClient) -> None:
    hub = make_hub(*repos())
    found = search(make_client(hub), SearchQuery("qwen3"))
    assert names(found) == ["b/Qwen3-8B", "c/Qwen3-8B-EXL3", "a/Qwen3-8B-exl3"]
    assert len(hub.asked) == 2
    tagged, vision, named = found
    assert (tagged.gated, tagged.base_model, tagged.main_has_weights) == (Gated.MANUAL, "Qwen/Qwen3-8B", False)
    assert vision.has_vision
    assert vision.main_has_weights
    assert (named.gated, named.downloads, named.storage_bytes) == (Gated.NO, 50, 12345)


def test_everything_in_an_order(make_hub: MakeHub, make_client: MakeClient) -> None:
    client = make_client(make_hub(*repos()))
    assert names(search(client, SearchQuery()))[0] == "d/Llama-exl3"
    assert names(search(client, SearchQuery(sort=Sort.CHANGED)))[0] == "d/Llama-exl3"
    assert names(search(client, SearchQuery(sort=Sort.NEWEST)))[-1] == "a/Qwen3-8B-exl3"
    assert names(search(client, SearchQuery(author="c"))) == ["c/Qwen3-8B-EXL3"]
    assert len(search(client, SearchQuery(limit=2))) == 2


def test_a_server_that_takes_words_for_one_text(make_hub: MakeHub, make_client: MakeClient) -> None:
    hub = make_hub(*repos())
    hub.search_takes_words = False
    found = search(make_client(hub), SearchQuery("qwen3"))
    assert "a/Qwen3-8B-exl3" in names(found)
    assert "d/Qwen3-8B-gguf" not in names(found)
    assert len(hub.asked) == 3


def test_a_hundred_cost_two_requests(make_hub: MakeHub, make_client: MakeClient) -> None:
    many = [FakeRepo(f"o/m{i}-exl3", {"main": {}}, downloads=i) for i in range(150)]
    hub = make_hub(*many)
    found = search(make_client(hub), SearchQuery())
    assert len(found) == 100
    assert len(hub.asked) == 2


def test_names_that_no_folder_should_have_are_left_out(make_hub: MakeHub, make_client: MakeClient) -> None:
    hub = make_hub(FakeRepo("../evil-exl3", {"main": {}}), FakeRepo("o/good-exl3", {"main": {}}))
    assert names(search(make_client(hub), SearchQuery())) == ["o/good-exl3"]


def test_what_is_pasted() -> None:
    endpoint = Endpoint()
    ref = pasted_ref("https://huggingface.co/a/b/tree/4.0bpw", endpoint)
    assert ref is not None
    assert str(ref) == "a/b@4.0bpw"
    assert str(pasted_ref("a/b", endpoint)) == "a/b"
    assert pasted_ref("qwen3 8b", endpoint) is None
    assert pasted_ref("8b / 14b models", endpoint) is None
    with pytest.raises(BadNameError):
        pasted_ref("https://example.com/a/b", endpoint)


def test_one_repository(make_hub: MakeHub, make_client: MakeClient) -> None:
    client = make_client(make_hub(*repos()))
    assert summary_of(client, RepoId("b", "Qwen3-8B")).gated is Gated.MANUAL
    with pytest.raises(NotFoundError):
        summary_of(client, RepoId("no", "such"))
