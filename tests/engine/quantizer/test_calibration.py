"""Calibration rows: full, repeatable, from the shipped texts or one's own, chats through the model's template."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.chat.template import ChatTemplate
from engine.errors import InvalidRequestError
from engine.quantizer.calibration import CalibrationText, make_rows, read_texts
from engine.requests import Message
from engine.tokenizer.tokenizer import Tokenizer


def test_the_shipped_texts_are_varied(demo_model: Path) -> None:
    texts = read_texts(None)
    everything = "\n".join(texts.passages)
    assert len(everything) > 35_000
    assert sum(map(len, texts.fillers)) > 150_000
    assert len(texts.conversations) >= 10
    for part in ("def moving_average", "<!DOCTYPE html>", "村子后面", "Старый мост", "pressure of the air"):
        assert part in everything, part
    tokenizer = Tokenizer.open(demo_model)
    template = ChatTemplate.open(demo_model, tokenizer)
    rows = make_rows(texts, tokenizer, template, (40, 512), 1)
    assert rows.shape == (40, 512)
    assert "<|im_start|>assistant" in tokenizer.decode(rows.flatten().tolist(), skip_special=False)
    assert torch.equal(rows, make_rows(texts, tokenizer, template, (40, 512), 1))
    assert not torch.equal(rows, make_rows(texts, tokenizer, template, (40, 512), 2))
    assert len(rows[39].unique()) > 450  # the last row is random tokens


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 900)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "b.md").write_text("y" * 900)
    (tmp_path / "c.bin").write_bytes(b"\xff")
    texts = read_texts(tmp_path)
    assert texts.passages == ("x" * 900, "y" * 900)
    assert texts.conversations == ()
    assert texts.digest != read_texts(None).digest


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="does not exist"):
        read_texts(tmp_path / "nothing")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe" * 2000)
    with pytest.raises(InvalidRequestError, match="UTF-8"):
        read_texts(tmp_path)
    (tmp_path / "a.txt").write_text("short")
    with pytest.raises(InvalidRequestError, match="less than"):
        read_texts(tmp_path / "a.txt")


def test_short_texts_come_again(demo_model: Path) -> None:
    tokenizer = Tokenizer.open(demo_model)
    texts = CalibrationText(("one two three",), ((Message("user", "Hello"),),))
    assert make_rows(texts, tokenizer, None, (3, 64), 1).shape == (3, 64)
