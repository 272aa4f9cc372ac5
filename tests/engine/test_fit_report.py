from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import LlamaConfig

from engine.budget import CARD_BUDGET
from engine.errors import DeviceError, EngineError, InvalidRequestError
from engine.fit.cards import Card, CardReport
from engine.fit_report import FitRequest, FitSources, fit_lines
from engine.hub.endpoint import Endpoint
from engine.hub.errors import NotFoundError, OfflineError
from main import main
from tests.fakes.hub_content import shard
from tests.fakes.metadata_hub import FakeRepo, MetadataHub
from tests.oracles.tiny_models import make_plain
from tests.oracles.tiny_seeing import SEEING
from tests.oracles.tiny_seeing import SIZES as TEXT_SIZES


@pytest.fixture
def folders(no_proxy: None, tmp_path: Path) -> Path:
    return tmp_path


def lines_of(request: FitRequest, folder: Path, url: str = "http://127.0.0.1:9", *, offline: bool = False) -> list[str]:
    return fit_lines(request, FitSources(Endpoint(url, offline=offline), "hf_good", folder / "cache"))


@pytest.fixture
def hub(demo_model: Path) -> Iterator[MetadataHub]:
    model = {path.name: path.read_bytes() for path in demo_model.iterdir()}
    other = {**model, "config.json": model["config.json"].replace(b'"bits": 4.0', b'"bits": 3.0')}
    with MetadataHub(
        FakeRepo("o/Demo-exl3", {"3.0bpw": other, "4.0bpw": model}), FakeRepo("o/none", {"main": {}})
    ) as hub:
        yield hub


def test_a_folder(demo_model: Path, folders: Path) -> None:
    lines = lines_of(FitRequest(str(demo_model), 8, 2048), folders)
    assert "A card of 8 GB" in lines[0]
    assert "fits easily" in lines[2]
    assert "weights 0.0" in lines[3]
    assert "are for images" in lines[4]
    assert lines[5] == "  with a context of 2048 tokens"
    assert lines[6] == "  largest context: 2048 at 16 bits, 2048 at 8 bits, 2048 at 4 bits"
    assert "too big" in lines_of(FitRequest(str(demo_model), 0.5), folders)[2]
    longest = lines_of(FitRequest(str(demo_model), 8, 10**8), folders)
    assert longest[5] == "  with a context of 2048 tokens, the most that the model was made for"
    assert longest[2] == lines[2]


def test_a_vision_tower_of_no_known_family_is_named_and_not_counted(folders: Path) -> None:
    text = make_plain(folders / "text", LlamaConfig(**TEXT_SIZES)).folder
    model = folders / "sees"
    shutil.copytree(text, model)
    (model / "vision.safetensors").write_bytes(shard({"model.visual.blocks.0.weight": 60_000_000}))
    without = lines_of(FitRequest(str(text), 8, 2048), folders)
    found = lines_of(FitRequest(str(model), 8, 2048), folders)
    assert found[2:4] == without[2:4]
    assert found[4].startswith("  vision: Not loaded yet: text only. The 0.1 GB")


def test_what_images_take_is_told(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_plain(folders / "sees", SEEING["qwen3_vl"]())
    request = FitRequest(str(folders / "sees"), 8, 512)
    monkeypatch.setattr("engine.budget.CARD_BUDGET", replace(CARD_BUDGET, sees=True))
    found = lines_of(request, folders)
    assert [line for line in found if "are for images: looking at one of 1024 x 1024 pixels" in line] == [found[4]]
    monkeypatch.setattr("engine.budget.CARD_BUDGET", replace(CARD_BUDGET, sees=False))
    assert not any("images" in line for line in lines_of(request, folders))


def test_one_card_of_several_is_named(demo_model: Path, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (
        Card(i, name, f"GPU-{i}", (8, 9), "580.10", size * 1024**3, f"cuda:{i}")
        for i, (name, size) in enumerate((("NVIDIA GeForce RTX 4070", 12), ("NVIDIA GeForce RTX 4090", 24)))
    )
    old = Card(2, "NVIDIA GeForce GTX 1080", "GPU-2", (6, 1), "580.10", 8 * 1024**3, "cuda:2")
    monkeypatch.setattr("engine.fit_report.find_cards", lambda: CardReport((first, second, old)))
    line = lines_of(FitRequest(str(demo_model)), folders)[0]
    assert line.startswith("RTX 4070, 12 GB, ")
    assert line.endswith("(card 1 of 2, and a model is loaded on one card alone)")
    monkeypatch.setattr("engine.fit_report.find_cards", lambda: CardReport((second, old)))
    assert "card 1" not in lines_of(FitRequest(str(demo_model)), folders)[0]
    monkeypatch.setattr("engine.fit_report.find_cards", lambda: CardReport((old,)))
    with pytest.raises(DeviceError, match=r"compute capability 6\.1"):
        lines_of(FitRequest(str(demo_model)), folders)


def test_a_repository(hub: MetadataHub, folders: Path) -> None:
    lines = lines_of(FitRequest("o/Demo-exl3", 8), folders, hub.url)
    titles = [line for line in lines if "to download" in line]
    assert [title.partition(",")[0] for title in titles] == ["4.0bpw", "3.0bpw"]
    assert [title.endswith("(recommended)") for title in titles] == [True, False]
    one = lines_of(FitRequest("o/Demo-exl3@3.0bpw", 8), folders, hub.url)
    assert [line.partition(",")[0] for line in one if "to download" in line] == ["3.0bpw"]
    assert {each.authorization for each in hub.asked} == {None}


def test_what_goes_wrong_is_said(hub: MetadataHub, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(request: FitRequest, *, offline: bool = False) -> EngineError:
        with pytest.raises(EngineError) as caught:
            lines_of(request, folders, hub.url, offline=offline)
        assert caught.value.way_out
        return caught.value

    assert isinstance(refused(FitRequest("o/none", 8)), NotFoundError)
    assert isinstance(refused(FitRequest("o/Demo-exl3@5.0bpw", 8)), NotFoundError)
    assert "4.0bpw, 3.0bpw" in refused(FitRequest("o/Demo-exl3@5.0bpw", 8)).way_out
    assert isinstance(refused(FitRequest("nothing", 8)), InvalidRequestError)
    assert "is a file" in refused(FitRequest(__file__, 8)).message
    assert "No model" in refused(FitRequest(" ", 8)).message
    assert isinstance(refused(FitRequest("o/Demo-exl3", -1)), InvalidRequestError)
    assert isinstance(refused(FitRequest("o/Demo-exl3", float("nan"))), InvalidRequestError)
    assert isinstance(refused(FitRequest("o/Demo-exl3", 8, 0)), InvalidRequestError)
    assert isinstance(refused(FitRequest("o/Demo-exl3", 8, 10, (9, 8))), InvalidRequestError)
    assert isinstance(refused(FitRequest("o/Demo-exl3", 8), offline=True), OfflineError)
    monkeypatch.setattr("engine.fit_report.find_cards", lambda: CardReport(problem="No driver."))
    error = refused(FitRequest("o/Demo-exl3"))
    assert isinstance(error, DeviceError)
    assert "No driver." in error.message


def test_on_the_command_line(demo_model: Path, project_root: Path) -> None:
    command = [
        sys.executable,
        "main.py",
        "fit",
        str(demo_model),
        "--vram",
        "12",
        "--context",
        "1024",
        "--cache-bits",
        "8",
    ]
    done = subprocess.run(
        command, cwd=project_root, capture_output=True, encoding="utf-8", timeout=60, check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fits easily" in done.stdout


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--vram", "much", "'much' is not a number"),
        ("--context", "0", "'0' is not a whole number above 0"),
        ("--context", "1e5", "'1e5' is not a whole number above 0"),
        ("--cache-bits", "few", "'few' is no number of bits"),
    ],
)
def test_odd_options_get_a_sentence(option: str, value: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["fit", "model", option, value])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
