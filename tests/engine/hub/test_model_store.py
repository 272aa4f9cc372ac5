"""Which folders count as models, checking and deleting them, the hub's cache, and moves that are ended and taken up."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.hub.errors import HubError
from engine.hub.hub_cache import cache_folder
from engine.hub.model_move import is_being_moved_in, move_model, unfinished_moves
from engine.hub.model_store import delete_model, installed_models, unfinished_downloads, verify_model
from engine.hub.transfer.errors import BusyFolderError, NotEnoughSpaceError
from engine.hub.transfer.manifest import Manifest, locked_folder, read_manifest, write_manifest
from engine.hub.transfer.placing import choose_folder, plan_download
from engine.hub.types import RepoFile, RepoId, Variant

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHARD = os.urandom(3_000_000)
FILES = {"config.json": b"{}", "model.safetensors": SHARD, "sub/extra.json": b"[]"}


def quiet(*_: int) -> None:
    pass


def put_model(models: Path, verified: tuple[str, ...] = tuple(FILES), branch: str = "4.0bpw") -> Path:
    """A downloaded model of which some files are verified."""
    files = tuple(
        RepoFile(path, len(data), hashlib.sha256(data).hexdigest(), is_lfs=True) for path, data in FILES.items()
    )
    plan = plan_download(Variant(RepoId("org", "model"), branch, COMMIT, files), models)
    for path in verified:
        target = plan.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(FILES[path])
    write_manifest(Manifest(plan, {file.path: file.sha256 or "" for file in files if file.path in verified}))
    return plan.folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in FILES}


def test_only_whole_models_are_listed(tmp_path: Path) -> None:
    whole = put_model(tmp_path)
    half = put_model(tmp_path, ("config.json", "sub/extra.json"), "3.0bpw")
    own = tmp_path / "my model"
    own.mkdir()
    (own / "config.json").write_text("{}")
    assert [model.path for model in installed_models([tmp_path])] == [whole]
    (own / "model.safetensors").write_bytes(b"12345678")
    (tmp_path / "copying").mkdir()
    for name in ("config.json", "a.safetensors", "b.safetensors.part"):
        (tmp_path / "copying" / name).write_text("{}")
    listed = installed_models([tmp_path, tmp_path / "missing"])
    assert [(model.name, model.origin, model.size_bytes) for model in listed] == [
        ("my model", "folder", 10), ("org/model@4.0bpw", "downloaded", len(SHARD) + 4),
    ]  # fmt: skip
    assert [each.plan.folder for each in unfinished_downloads([tmp_path])] == [half]
    (whole / "model.safetensors").write_bytes(b"short")  # somebody else's doing
    assert whole not in [model.path for model in installed_models([tmp_path])]


def test_verify_finds_what_is_wrong_and_makes_it_unfinished(tmp_path: Path) -> None:
    folder = put_model(tmp_path)
    told: list[tuple[int, int]] = []
    assert verify_model(folder, lambda done, total: told.append((done, total))).is_whole
    assert told[-1] == (len(SHARD) + 4, len(SHARD) + 4)
    with (folder / "model.safetensors").open("r+b") as file:
        file.write(bytes([SHARD[0] ^ 1]))
    (folder / "sub" / "extra.json").unlink()
    report = verify_model(folder, quiet)
    assert (report.damaged, report.missing) == (("model.safetensors",), ("sub/extra.json",))
    assert installed_models([tmp_path]) == ()
    assert len(unfinished_downloads([tmp_path])) == 1
    with pytest.raises(HubError, match="not downloaded"):
        verify_model(tmp_path, quiet)


def test_delete_frees_what_it_says_and_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    folder = put_model(tmp_path)
    (folder / "notes.txt").write_text("mine")
    (model,) = installed_models([tmp_path])
    with locked_folder(folder), pytest.raises(BusyFolderError):
        delete_model(model)
    assert delete_model(model) == len(SHARD) + 4
    assert [path.name for path in folder.rglob("*")] == ["notes.txt"]
    own = tmp_path / "own"
    own.mkdir()
    outside = tmp_path / "outside.bin"
    outside.write_bytes(b"keep")
    for name in ("config.json", "model.safetensors"):
        (own / name).write_text("{}")
    (own / "link").symlink_to(outside)
    (model,) = installed_models([own])
    assert delete_model(model) >= 4
    assert not own.exists()
    assert outside.read_bytes() == b"keep"


def make_cache(cache: Path) -> Path:
    repo = cache / "models--org--big--model"
    for folder in ("blobs", f"snapshots/{COMMIT}", "refs"):
        (repo / folder).mkdir(parents=True)
    (repo / "refs" / "4.0bpw").write_text(COMMIT)
    for name, data in {"config.json": b"{}", "a.safetensors": b"1234", "b.safetensors": b"5678"}.items():
        (repo / "blobs" / name).write_bytes(data)
        (repo / "snapshots" / COMMIT / name).symlink_to(Path("../../blobs") / name)
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (repo / "snapshots" / COMMIT / "model.safetensors.index.json").write_text(json.dumps(index))
    return repo


def test_the_hub_cache_is_listed_and_never_written(tmp_path: Path) -> None:
    repo = make_cache(tmp_path)
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    (model,) = installed_models([], tmp_path)
    assert (model.name, model.origin, model.commit) == ("org/big--model@4.0bpw", "hub cache", COMMIT)
    assert model.path == repo / "snapshots" / COMMIT
    with pytest.raises(HubError, match="Hugging Face cache"):
        delete_model(model)
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    (repo / "blobs" / "b.safetensors").unlink()  # a shard that was never finished
    assert installed_models([], tmp_path) == ()


def test_where_the_hub_cache_is(tmp_path: Path) -> None:
    assert cache_folder({}, tmp_path) == tmp_path / ".cache" / "huggingface" / "hub"
    assert cache_folder({"HF_HOME": "/x", "XDG_CACHE_HOME": "/y"}, tmp_path) == Path("/x/hub")
    assert cache_folder({"HF_HOME": "/x", "HF_HUB_CACHE": "/z"}, tmp_path) == Path("/z")


def other_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(self: Path, target: Path) -> Path:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "rename", rename)


def test_a_move_on_one_drive(tmp_path: Path) -> None:
    source, target = put_model(tmp_path / "a"), tmp_path / "b" / "org" / "model"
    move_model(source, target, quiet)
    assert contents(target) == FILES
    assert not source.exists()
    assert [model.path for model in installed_models([tmp_path / "a", tmp_path / "b"])] == [target]


def test_a_move_to_another_drive_that_is_ended_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other_drive(monkeypatch)
    source, target = put_model(tmp_path / "a"), tmp_path / "b" / "org" / "model"
    folders = (tmp_path / "a", tmp_path / "b")

    def ends_at(share: float) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            assert 0 <= done <= total
            if done >= share * total:
                raise InterruptedError

        return progress

    for share in (0.0, 0.3, 0.6, 0.999):
        with pytest.raises(HubError):
            move_model(source, target, ends_at(share), margin_bytes=0)
        assert is_being_moved_in(target)
        assert unfinished_moves(folders) == ((source, target),)
        assert [model.path for model in installed_models(folders)] == [source]
        assert contents(source) == FILES
    done: list[int] = []
    move_model(source, target, lambda now, total: done.append(now), margin_bytes=0)
    assert done == sorted(done)
    assert contents(target) == FILES
    assert not source.exists()
    assert unfinished_moves(folders) == ()
    assert [model.path for model in installed_models(folders)] == [target]
    manifest = read_manifest(target)
    assert manifest is not None
    assert manifest.is_complete
    assert not list(target.rglob("*.part"))


def test_a_move_that_is_ended_while_the_old_folder_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other_drive(monkeypatch)
    source, target = put_model(tmp_path / "a"), tmp_path / "b" / "model"

    def refuse(_: Path) -> None:
        raise PermissionError(13, "in use")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        with pytest.raises(HubError):
            move_model(source, target, quiet, margin_bytes=0)
    assert [model.path for model in installed_models([tmp_path / "a", tmp_path / "b"])] == [target]
    move_model(source, target, quiet, margin_bytes=0)
    assert not source.exists()
    assert contents(target) == FILES


def test_moves_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = put_model(tmp_path / "a")
    with pytest.raises(HubError, match="outside"):
        move_model(source, source / "deeper", quiet)
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "x").write_text("x")
    with pytest.raises(HubError, match="there already"):
        move_model(source, taken, quiet)
    with pytest.raises(HubError, match="no model"):
        move_model(tmp_path / "nothing", tmp_path / "b", quiet)
    other_drive(monkeypatch)
    with pytest.raises(NotEnoughSpaceError):
        move_model(source, tmp_path / "b", quiet, margin_bytes=10**18)
    assert contents(source) == FILES


def test_folders_of_models(tmp_path: Path) -> None:
    repo = RepoId("org", "model")
    assert choose_folder(tmp_path, repo, "main", COMMIT) == tmp_path / "org" / "model"
    assert choose_folder(tmp_path, repo, "a/b c", COMMIT) == tmp_path / "org" / "model-a_b_c"
    folder = put_model(tmp_path)
    assert folder == tmp_path / "org" / "model-4.0bpw"
    assert choose_folder(tmp_path, repo, "4.0bpw", COMMIT) == folder
    newer = "f" * 40  # the branch has moved on: the old model stays what it is
    assert choose_folder(tmp_path, repo, "4.0bpw", newer) == tmp_path / "org" / "model-4.0bpw-ffffffff"
    (tmp_path / "org" / "model").mkdir()
    (tmp_path / "org" / "model" / "mine.txt").write_text("x")
    assert choose_folder(tmp_path, repo, "main", COMMIT) == tmp_path / "org" / f"model-{COMMIT[:8]}"
