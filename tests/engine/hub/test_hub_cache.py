"""What models are called that lie in the hub library's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.hub.hub_cache import shown_name


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/models/org/Model-4.0bpw", "Model-4.0bpw"),
        ("/cache/models--org--Qwen3-8B/snapshots/0123456789abcdef", "Qwen3-8B@01234567"),
        ("/own/snapshots/first", "first"),
    ],
)
def test_a_folder_is_called_as_people_call_it(folder: str, name: str) -> None:
    assert shown_name(Path(folder)) == name
