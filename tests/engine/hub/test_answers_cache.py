from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.hub.answers_cache import AnswersCache


def test_kept_and_told_apart(tmp_path: Path) -> None:
    cache = AnswersCache(tmp_path / "made" / "later")
    assert cache.get("hub", "a") is None
    cache.put(b"1", "hub", "a")
    cache.put(b"", "hub", "b")
    assert cache.get("hub", "a") == b"1"
    assert cache.get("hub", "b") == b""
    assert cache.get("hub\na") is None
    cache.put(b"2", "hub", "a")
    assert AnswersCache(cache.folder).get("hub", "a") == b"2"
    cache.clear()
    assert cache.get("hub", "a") is None


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:40] + b"?" + data[41:]]
)
def test_damage_is_not_there(tmp_path: Path, damage: object) -> None:
    cache = AnswersCache(tmp_path)
    cache.put(b"answer" * 10, "key")
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert cache.get("key") is None
    assert not list(tmp_path.iterdir())
    cache.put(b"again", "key")
    assert cache.get("key") == b"again"


def test_an_answer_under_a_wrong_name_is_not_believed(tmp_path: Path) -> None:
    cache = AnswersCache(tmp_path)
    cache.put(b"a", "first")
    (first,) = tmp_path.iterdir()
    cache.put(b"b", "second")
    (second,) = set(tmp_path.iterdir()) - {first}
    second.write_bytes(first.read_bytes())
    assert cache.get("second") is None


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    cache = AnswersCache(tmp_path, max_bytes=3500)
    for i, name in enumerate("abc"):
        cache.put(bytes(1000), name)
        os.utime(cache._path((name,)), (i, i))
    assert cache.get("a") is not None  # and is thereby used now
    cache.put(bytes(1000), "d")
    assert [cache.get(name) is not None for name in "abcd"] == [True, False, True, True]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 3500
    cache.put(bytes(5000), "too large")
    assert cache.get("too large") is None


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    cache = AnswersCache(blocked)
    cache.put(b"x", "key")
    assert cache.get("key") is None
