from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.hub.client import HubClient
from engine.hub.errors import BadNameError
from engine.hub.types import RepoId
from engine.hub.variants import (
    FIRST_PART_BYTES,
    Branch,
    NameHint,
    branches_of,
    config_of,
    list_variants,
    tensor_bytes,
    variant_of,
    with_config,
)
from engine.weights.folder_scan import scan_folder
from tests.fakes.metadata_hub import FakeRepo, MetadataHub

MakeHub = Callable[..., MetadataHub]
MakeClient = Callable[..., HubClient]
REPO = RepoId("org", "Model-exl3")


def config(bits: float, head: int = 6, **more: Any) -> bytes:
    section = {"quant_method": "exl3", "bits": bits, "head_bits": head, "codebook": "mcg", "version": "1.4.1", **more}
    return json.dumps({"model_type": "llama", "quantization_config": section}).encode()


def shard(sizes: dict[str, int], padding: int = 0) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"padding": "x" * padding}} if padding else {}
    start = 0
    for name, size in sizes.items():
        header[name] = {"dtype": "F16", "shape": [size // 2], "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(start)


def branch(bits: float, size: int = 100, head: int = 6) -> dict[str, bytes]:
    return {"config.json": config(bits, head), "model.safetensors": shard({"a.weight": size}), "README.md": b"x"}


CARD_ONLY = {"README.md": b"# card", ".gitattributes": b"x"}


@pytest.mark.parametrize(
    ("name", "bits", "head"),
    [
        ("4.0bpw", 4.0, None), ("2.75bpw_H5", 2.75, 5), ("1.49bpw_H6", 1.49, 6), ("8.0bpw_H8", 8.0, 8),
        ("5.0_H6", 5.0, 6), ("H8-4.0BPW", 4.0, 8), ("3.80bpw_H6", 3.8, 6), ("Model-4.0bpw-h6-exl3", 4.0, 6),
        ("Qwen3-8B-exl3-6bpw", 6.0, None), ("6bpw", 6.0, None), ("main", None, None), ("Qwen3-8B", None, None),
        ("exl3", None, None), ("99bpw", None, None), ("Llama-3.1-70B-exl3", None, None), ("dev", None, None),
    ],
)  # fmt: skip
def test_what_names_claim(name: str, bits: float | None, head: int | None) -> None:
    assert NameHint.of(name) == NameHint(bits, head)


def test_a_branch_for_each_bitrate(make_hub: MakeHub, make_client: MakeClient) -> None:
    fake = FakeRepo(
        str(REPO),
        {"main": CARD_ONLY, "2.0bpw": branch(2.0, 200), "4.0bpw": branch(4.0, 400), "8.0bpw_H8": branch(8.0, 800, 8)},
    )
    hub = make_hub(fake)
    client = make_client(hub)
    found = list_variants(client, REPO)
    assert [(each.branch, each.bits) for each in found] == [("8.0bpw_H8", 8.0), ("4.0bpw", 4.0), ("2.0bpw", 2.0)]
    assert len(hub.asked) == 5  # the refs and each branch
    assert found[1].commit == fake.commit("4.0bpw")
    weights = found[1].weight_files[0]
    assert weights.is_lfs
    assert len(weights.sha256 or "") == 64
    assert [file.path for file in found[1].download_files] == ["config.json", "model.safetensors"]
    hub.asked.clear()
    assert list_variants(client, REPO, main_has_weights=False) == found
    assert len(hub.asked) == 1  # the refs again: branches move, commits do not


def test_details_cost_two_requests_and_one_for_each_variant(make_hub: MakeHub, make_client: MakeClient) -> None:
    hub = make_hub(FakeRepo(str(REPO), {"main": CARD_ONLY, "3bpw": branch(3), "4bpw": branch(4)}))
    client = make_client(hub)
    found = list_variants(client, REPO, main_has_weights=False)
    config_of(client, found[0])
    assert len(hub.asked) == 2 + len(found)


def test_main_alone(make_hub: MakeHub, make_client: MakeClient) -> None:
    hub = make_hub(FakeRepo("o/Model-4.0bpw-h6-exl3", {"main": branch(4.02)}))
    (found,) = list_variants(make_client(hub), RepoId("o", "Model-4.0bpw-h6-exl3"))
    assert (found.branch, found.bits, found.quant_method) == ("main", 4.02, "exl3")


def test_nothing_yet(make_hub: MakeHub, make_client: MakeClient) -> None:
    assert list_variants(make_client(make_hub(FakeRepo(str(REPO), {"main": CARD_ONLY}))), REPO) == ()


@pytest.mark.parametrize("stub", [True, False])
def test_the_config_counts_not_the_name(make_hub: MakeHub, make_client: MakeClient, stub: bool) -> None:
    hub = make_hub(FakeRepo(str(REPO), {"6.0bpw": branch(3.5), "feature/x": branch(5.25)}, stub=stub))
    client = make_client(hub)
    first, second = list_variants(client, REPO)
    assert (first.branch, first.bits, second.branch, second.bits) == ("feature/x", 5.25, "6.0bpw", 3.5)
    full = with_config(first, config_of(client, first))
    assert (full.head_bits, full.codebook, full.version) == (6, "mcg", "1.4.1")


@pytest.mark.parametrize("bits", ["4", -1, 1000, None, True, [4]])
def test_bits_that_make_no_sense(make_hub: MakeHub, make_client: MakeClient, bits: Any) -> None:
    hub = make_hub(FakeRepo(str(REPO), {"4.0bpw": branch(bits), "5.0bpw": branch(5.0)}))
    found = list_variants(make_client(hub), REPO)
    assert [(each.branch, each.bits) for each in found] == [("5.0bpw", 5.0), ("4.0bpw", None)]


def test_hostile_branches_and_files(make_hub: MakeHub, make_client: MakeClient) -> None:
    fake = FakeRepo(str(REPO), {"refs/pr/1": branch(1), "a..b": branch(1), "ok": branch(4)})
    client = make_client(make_hub(fake))
    assert branches_of(client, REPO) == (Branch("ok", fake.commit("ok")),)
    evil = FakeRepo("o/evil", {"main": {"../../x.safetensors": b"x"}})
    with pytest.raises(BadNameError, match="stored safely"):
        list_variants(make_client(make_hub(evil)), RepoId("o", "evil"))


def test_another_commit_than_asked_is_refused(make_hub: MakeHub, make_client: MakeClient) -> None:
    fake = FakeRepo(str(REPO), {"main": branch(4)})
    client = make_client(make_hub(fake))
    with pytest.raises(BadNameError, match="instead of"):
        variant_of(client, REPO, Branch("other", "main"))


def test_exact_bytes_by_the_headers(make_hub: MakeHub, make_client: MakeClient) -> None:
    first = shard({"a.weight": 64, "b.trellis": 4000})
    long = shard({"c.weight": 32}, padding=FIRST_PART_BYTES * 2)
    files = {
        "config.json": config(4), "model-00001-of-00002.safetensors": first, "model-00002-of-00002.safetensors": long,
        "original/other.safetensors": shard({"z": 8}),
    }  # fmt: skip
    fake = FakeRepo(str(REPO), {"main": files})
    hub = make_hub(fake)
    client = make_client(hub)
    (variant,) = list_variants(client, REPO)
    hub.asked.clear()
    sizes = tensor_bytes(client, variant)
    assert sizes == {"a.weight": 64, "b.trellis": 4000, "c.weight": 32}
    assert [each.range is not None for each in hub.asked] == [True] * 3
    assert sum(sizes.values()) < variant.weight_bytes
    assert tensor_bytes(client, variant) == sizes
    assert len(hub.asked) == 3


def test_exact_bytes_of_a_real_model(make_hub: MakeHub, make_client: MakeClient, demo_model: Path) -> None:
    files = {path.name: path.read_bytes() for path in demo_model.iterdir()}
    truth = {name: entry.num_bytes for name, entry in scan_folder(demo_model).entries.items()}
    hub = make_hub(FakeRepo(str(REPO), {"main": files}))
    client = make_client(hub)
    (variant,) = list_variants(client, REPO)
    hub.asked.clear()
    assert tensor_bytes(client, variant) == truth
    assert len(hub.asked) == 1  # quantization_config.json says it all
    del files["quantization_config.json"]
    (bare,) = list_variants(make_client(make_hub(FakeRepo(str(REPO), {"main": files})), cached=False), REPO)
    assert tensor_bytes(make_client(hub, cached=False), bare) == truth


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b'{"tensor_storage": {"a": {"stored_tensors": {"x": {"n_bytes": -4}}}}}']
)
def test_bad_storage_falls_back_to_headers(make_hub: MakeHub, make_client: MakeClient, data: bytes) -> None:
    files = {"config.json": config(4), "model.safetensors": shard({"a": 10}), "quantization_config.json": data}
    client = make_client(make_hub(FakeRepo(str(REPO), {"main": files})))
    assert tensor_bytes(client, list_variants(client, REPO)[0]) == {"a": 10}


@pytest.mark.parametrize("data", [b"", b"short", struct.pack("<Q", 1 << 40) + b"x", struct.pack("<Q", 3) + b"{]}"])
def test_bad_headers_leave_the_sizes_of_files(make_hub: MakeHub, make_client: MakeClient, data: bytes) -> None:
    files = {"config.json": config(4), "model.safetensors": data}
    client = make_client(make_hub(FakeRepo(str(REPO), {"main": files})))
    (variant,) = list_variants(client, REPO)
    assert tensor_bytes(client, variant) == {}
    assert variant.weight_bytes == len(data)
