"""Load settings of single models: kept in the settings file, used by loads, changed where the model is spoken of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from app.controllers.preferences import Preferences
from app.storage.model_loads import ModelLoad
from app.storage.settings import Settings, load_settings, save_settings
from tests.app.driver import Window


def test_they_come_back_and_damaged_ones_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    good = ModelLoad("/models/a", "cpu", 16384, 8, False)
    save_settings(path, Settings(model_loads=(good,), models_folders=("/models",)))
    file = json.loads(path.read_text())
    raw = file["settings"]
    for wrong in ({"cache_bits": 5}, {"cache_tokens": -1}, {"cache_tokens": True}, {"exact": 1}, {"path": None}):
        raw["model_loads"].append({**raw["model_loads"][0], "path": "/models/b", **wrong})
    raw["model_loads"] += ["nonsense", {"path": "/models/c"}]
    raw["models_folders"] = [1]
    path.write_text(json.dumps(file))
    assert load_settings(path).settings == Settings(model_loads=(good,))


def test_a_model_of_its_own_is_loaded_its_way_and_others_as_usual(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    window = open_window(load=False)
    settings = window.app.load_settings
    settings.choose_cache_tokens(4096)
    own = ModelLoad(str(window.model), "cpu", 16384, 8, False)
    settings.set_own(own)
    window.app.load(tmp_path / "other")
    window.until(lambda: len(window.script.loads) == 1)
    window.app.load(window.model)
    window.until(lambda: len(window.script.loads) == 2)
    other, mine = window.script.loads
    assert (other.cache_tokens, other.cache_bits, other.exact) == (4096, (16, 16), True)
    assert (mine.device, mine.cache_tokens, mine.cache_bits, mine.exact) == ("cpu", 16384, (8, 8), False)


def test_a_change_beside_the_chat_is_the_loaded_models_own(open_window: Callable[..., Window]) -> None:
    window = open_window()
    settings = window.app.load_settings
    settings.choose_cache_bits(4)
    assert settings.own(window.model) is None  # the usual settings changed
    settings.set_own(ModelLoad(str(window.model), "auto", 8192, 16, True))
    assert window.app.models.needs_reload
    settings.choose_cache_bits(6)
    assert settings.own(window.model) == ModelLoad(str(window.model), "auto", 8192, 6, True)
    assert window.app.preferences.settings.cache_bits == 4
    settings.forget_own(window.model)
    assert settings.cache_bits == (4, 4)
    window.app.preferences.save_now()
    kept = Preferences(window.app._launch.paths.settings)
    assert kept.settings.model_loads == ()
