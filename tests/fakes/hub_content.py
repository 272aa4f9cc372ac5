"""Repositories for a hub that a person looks at: the demo model, bitrates in branches, gated, private, empty, hostile.

The small model of `resources` is whole, so what was downloaded can be loaded; the others have the right shapes and
random weights. Knows nothing of servers.
"""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

from tests.fakes.metadata_hub import FakeRepo

DEMO = Path(__file__).parents[2] / "resources" / "demo_model"
HOSTILE_CARD = b"""---
license: apache-2.0
base_model: org/Base
---
# A card
<style>body { display: none }</style><script>alert(1)</script>
![picture](http://127.0.0.1:1/track.png) and [a link](javascript:alert(1)), then a [good one](https://example.org).

| branch | size |
|---|---|
| 4.0bpw | 4.0 |
"""


def example_repos(megabytes: int = 100, num_more: int = 100) -> list[FakeRepo]:
    """A few repositories of each kind, and many small ones to scroll through.

    Args:
        megabytes: of the largest file.
    """
    demo = {path.name: path.read_bytes() for path in sorted(DEMO.iterdir())}
    large = {f"{bits}bpw": model_files(bits, int(megabytes * 1e6 * bits / 8)) for bits in (2.0, 3.0, 4.0, 6.0, 8.0)}
    repos = [
        FakeRepo("espalier/Demo-exl3", {"main": card("Demo"), "4.0bpw": demo}, downloads=5000, likes=40),
        FakeRepo("quantizer/Bitrates-exl3", {"main": {"README.md": HOSTILE_CARD}, **large}, downloads=4000),
        FakeRepo("quantizer/Named-Model-4.0bpw-h6-exl3", {"main": demo}, tags=[], downloads=3000),
        FakeRepo("quantizer/Gated-exl3", {"main": card("Gated"), "4.0bpw": demo}, gated="auto", downloads=2000),
        FakeRepo("quantizer/Refused-exl3", {"main": demo}, gated="manual", refused=True, downloads=1900),
        FakeRepo("quantizer/Private-exl3", {"main": demo}, private=True, downloads=1800),
        FakeRepo("quantizer/Empty-exl3", {"main": card("Nothing yet")}, downloads=1700),
        FakeRepo(
            "quantizer/Sees-exl3", {"main": card("Sees"), "4.0bpw": demo}, pipeline_tag="image-text-to-text",
            downloads=1600, modified="2026-09-01T00:00:00.000Z",
        ),
    ]  # fmt: skip
    small = {name: data for name, data in demo.items() if name.endswith(".json")}
    for i in range(num_more):
        branches = {"main": card(f"Model {i}"), "4.0bpw": {**small, "model.safetensors": shard({"a.weight": 1000})}}
        repos.append(FakeRepo(f"publisher{i % 7}/Model-{i}B-exl3", branches, downloads=1000 - i))
    return repos


def card(title: str) -> dict[str, bytes]:
    """A branch with nothing but a card."""
    return {"README.md": f"# {title}\n\nFour bits in a branch.\n".encode(), ".gitattributes": b"*.safetensors lfs\n"}


def model_files(bits: float, num_bytes: int, seed: int = 0) -> dict[str, bytes]:
    """A model of two shards with random weights, of about so many bytes."""
    config = json.loads((DEMO / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"]["bits"] = bits
    files = {path.name: path.read_bytes() for path in DEMO.glob("token*.json")}
    files["config.json"] = json.dumps(config).encode()
    for number, share in ((1, 0.9), (2, 0.1)):
        name = f"model-0000{number}-of-00002.safetensors"
        files[name] = shard({f"part{number}.weight": int(num_bytes * share) // 2 * 2}, seed + number)
    return files


def shard(tensors: dict[str, int], seed: int = 0) -> bytes:
    """A safetensors file with tensors of these sizes in bytes, random inside."""
    header: dict[str, Any] = {}
    start = 0
    for name, size in tensors.items():
        header[name] = {"dtype": "F16", "shape": [size // 2], "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + random.Random(seed).randbytes(start)
