"""A window at its Convert page, with a model to be converted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.convert_driver import QUICK, Driver
from tests.app.driver import Window
from tests.app.model_folders import make_original
from tests.fakes.fake_convert import Behaviour, command

Open = Callable[..., Window]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_original(tmp_path / "originals" / "Llama-8B")


@pytest.fixture
def open_page(open_window: Open, source: Path) -> Callable[..., Driver]:
    def open_one(behaviour: Behaviour = QUICK, choose: bool = True, **more: object) -> Driver:
        driver = Driver(open_window(load=False, convert_command=command(behaviour), **more))
        if choose:
            driver.choose(source)
        return driver

    return open_one
