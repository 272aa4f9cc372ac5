"""Streaming gives the text of the whole, never half a character, at a steady cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.tokenizer.incremental import IncrementalDecoder
from engine.tokenizer.tokenizer import Tokenizer
from tests.engine.tokenizer.small_tokenizers import REAL_FOLDERS, SMALL, byte_fallback, byte_level, opened


@pytest.fixture(scope="module")
def tokenizers_of_all_kinds(tmp_path_factory: pytest.TempPathFactory) -> list[Tokenizer]:
    small = [opened(tmp_path_factory.mktemp(name), make()) for name, make in SMALL.items()]
    unstripped = opened(tmp_path_factory.mktemp("unstripped"), byte_fallback(strip=False))
    return [*small, unstripped, *map(Tokenizer.open, REAL_FOLDERS)]


def streamed(decoder: IncrementalDecoder, ids: list[int]) -> list[str]:
    return [*(decoder.push(token_id) for token_id in ids), decoder.finish()]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), skip_special=st.booleans())
def test_pieces_join_to_the_decoded_whole(
    tokenizers_of_all_kinds: list[Tokenizer], data: st.DataObject, skip_special: bool
) -> None:
    for tokenizer in tokenizers_of_all_kinds:
        ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size + 1), max_size=12))
        pieces = streamed(IncrementalDecoder(tokenizer, skip_special=skip_special), ids)
        assert "".join(pieces) == tokenizer.decode(ids, skip_special)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=12))
def test_valid_text_never_shows_a_replacement(tokenizers_of_all_kinds: list[Tokenizer], text: str) -> None:
    text = text.encode("utf-8", "ignore").decode().replace("\ufffd", "")
    checked = 0
    for tokenizer in tokenizers_of_all_kinds:
        if tokenizer.decode(tokenizer.encode(text, add_bos=False)) == text:  # not those that do not know the letters
            pieces = streamed(IncrementalDecoder(tokenizer), tokenizer.encode(text, add_bos=False))
            assert "".join(pieces) == text
            checked += 1
    assert checked >= 2  # byte level and byte fallback know every letter


def test_a_character_over_four_tokens_comes_whole(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_fallback())
    ids = [3 + byte for byte in "\U0001f600".encode()]
    assert streamed(IncrementalDecoder(tokenizer), ids) == ["", "", "", "\U0001f600", ""]


def test_bytes_that_become_no_character_are_replaced_when_that_is_certain(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_fallback())
    euro = [3 + byte for byte in "\u20ac".encode()]
    hello = tokenizer.encode("hello", add_bos=False)
    assert streamed(IncrementalDecoder(tokenizer), [*euro[:2], *hello]) == ["", "", "\ufffd hello", ""]
    assert streamed(IncrementalDecoder(tokenizer), euro[:2]) == ["", "", "\ufffd"]


def test_first_space_of_a_reply_and_of_a_continuation(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_fallback())
    ids = tokenizer.encode("hello hello", add_bos=False)
    assert streamed(IncrementalDecoder(tokenizer), ids) == ["hello", " hello", ""]
    assert streamed(IncrementalDecoder(tokenizer, continues=True), ids) == [" hello", " hello", ""]
    assert streamed(IncrementalDecoder(tokenizer), [1, *ids])[:2] == ["", "hello"]


def test_cost_of_a_token_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = opened(tmp_path, byte_level())
    asked: list[int] = []
    original = tokenizer.piece

    def counting(token_id: int, previous: int | None = None) -> bytes:
        asked.append(token_id)
        return original(token_id, previous)

    monkeypatch.setattr(tokenizer, "piece", counting)
    decoder = IncrementalDecoder(tokenizer)
    ids = tokenizer.encode("hello world " * 50)
    for token_id in ids:
        decoder.push(token_id)
    assert asked == ids
