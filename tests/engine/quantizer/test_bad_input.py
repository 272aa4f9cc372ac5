"""What is wrong with a request for a conversion is said in a sentence before anything is measured or written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig

import main
from engine.cpu.trellis_search import CpuTrellisSearch
from engine.errors import InvalidRequestError
from engine.quantizer import estimate
from engine.quantizer.converter import ConvertRequest, convert
from engine.quantizer.estimate import check_room
from engine.quantizer.progress import Estimate
from engine.quantizer.work_store import WorkStore
from tests.oracles.tiny_models import make_plain, write_tokenizer


@pytest.fixture
def source(tmp_path: Path) -> Path:
    config = LlamaConfig(
        vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    folder = tmp_path / "source"
    folder.mkdir()
    make_plain(folder, config, dtype=torch.float16)
    write_tokenizer(folder, 64)
    return folder


def refused(request: ConvertRequest, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        convert(request, CpuTrellisSearch(), lambda _: pytest.fail("it was begun"))
    assert caught.value.way_out


def test_a_source_that_is_no_folder(tmp_path: Path, source: Path) -> None:
    refused(ConvertRequest(source / "config.json", tmp_path / "made", 3.0), "config.json is a file")
    refused(ConvertRequest(tmp_path / "none", tmp_path / "made", 3.0), "none does not exist")


@pytest.mark.parametrize("name", ["notes.txt", "model.gguf", "sub/notes.txt"])
def test_an_output_folder_with_other_things_in_it(name: str, tmp_path: Path, source: Path) -> None:
    made = tmp_path / "made"
    (made / name).parent.mkdir(parents=True)
    (made / name).write_text("mine")
    refused(ConvertRequest(source, made, 3.0), "made is not empty")
    assert (made / name).read_text() == "mine"


def test_a_source_inside_the_output_folder(tmp_path: Path, source: Path) -> None:
    refused(ConvertRequest(source, tmp_path, 3.0), "is not empty")


@pytest.mark.parametrize("name", ["work", "output"])
def test_folders_that_may_not_be_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shut, other = tmp_path / "shut", tmp_path / "open"
    for folder in (shut, other):
        folder.mkdir()
    monkeypatch.setattr(estimate.os, "access", lambda path, _: Path(path) != shut)
    folders = {"work": other / "a", "output": other / "b"} | {name: shut / "inside" / "deeper"}
    with pytest.raises(InvalidRequestError, match=r"Nothing can be written to .*shut"):
        check_room(Estimate(1, 1, 1, 1.0), **folders)


def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequestError, match=r"Nothing can be written to .*file"):
        check_room(Estimate(1, 1, 1, 1.0), tmp_path / "file" / "work", tmp_path / "made")


def test_a_bitrate_that_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["convert", "-i", "a", "-o", "b", "-b", "3,5"])
    assert "'3,5' is not a number, as 3.75 is" in capsys.readouterr().err


def test_a_work_folder_with_other_files_in_it_keeps_them(tmp_path: Path) -> None:
    store = WorkStore(tmp_path)
    mine = [tmp_path / name for name in ("module-info.java", "state-of-things.md", "notes.json")]
    for path in mine:
        path.write_text("mine")
    (tmp_path / "state-00003.safetensors").write_text("of a removal that was broken off")
    store.begin({"bits": 3}, resume=False)
    assert store.newest_state() is None
    store.remove()
    assert all(path.read_text() == "mine" for path in mine)
    assert sorted(tmp_path.iterdir()) == sorted(mine)
