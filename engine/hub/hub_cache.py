"""Models in the cache of the Hugging Face library, read where they lie and never written.

Layout, by the library's documentation: `models--owner--name/snapshots/<commit>/` with links into `blobs`, and
`refs/<branch>` with a commit each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "models--"
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class CachedModel:
    """One commit of a model that other programs fetched."""

    path: Path
    name: str  # owner/name, or owner/name@branch where a branch other than main has this commit
    commit: str
    size_bytes: int


def cache_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Where the library keeps its cache by its variables, whether that folder exists or not."""
    if environment.get("HF_HUB_CACHE"):
        return Path(environment["HF_HUB_CACHE"]).expanduser()
    if environment.get("HF_HOME"):
        return Path(environment["HF_HOME"]).expanduser() / "hub"
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"]).expanduser() / "huggingface" / "hub"
    return home / ".cache" / "huggingface" / "hub"


def shown_name(folder: Path) -> str:
    """What people call the model in a folder: its folder's name, or `name@commit` of one in a cache."""
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith(_PREFIX):
        return f"{folder.parent.parent.name.rpartition('--')[2]}@{folder.name[:8]}"
    return folder.name


def cached_models(cache: Path) -> Iterator[CachedModel]:
    """The whole models of a cache: a config and all the shards that the index names, or at least one."""
    for repo in _folders(cache):
        parts = repo.name.removeprefix(_PREFIX).split("--")
        if not repo.name.startswith(_PREFIX) or len(parts) < 2:
            continue
        branches = _branches(repo / "refs")
        for snapshot in _folders(repo / "snapshots"):
            size = _whole_size(snapshot)
            if size:
                branch = branches.get(snapshot.name, "main")
                name = f"{parts[0]}/{'--'.join(parts[1:])}" + (f"@{branch}" if branch != "main" else "")
                yield CachedModel(snapshot, name, snapshot.name, size)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _branches(refs: Path) -> dict[str, str]:
    """Commit -> branch; `main` wins where several have the same."""
    found: dict[str, str] = {}
    try:
        for path in sorted(refs.rglob("*"), key=lambda path: path.name == "main"):
            if path.is_file():
                found[path.read_text(encoding="utf-8").strip()] = path.relative_to(refs).as_posix()
    except (OSError, ValueError):
        return found
    return found


def _whole_size(snapshot: Path) -> int:
    """Bytes of a snapshot with everything that a model needs; 0 when something is missing."""
    try:
        # A link whose blob is gone, or was never finished, is no file.
        sizes = {path.name: path.stat().st_size for path in snapshot.iterdir() if path.is_file()}
        shards = {name for name in sizes if name.endswith(".safetensors")}
        if _INDEX in sizes:
            shards = set(json.loads((snapshot / _INDEX).read_bytes())["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0
    return sum(sizes.values()) if "config.json" in sizes and shards and shards <= sizes.keys() else 0
