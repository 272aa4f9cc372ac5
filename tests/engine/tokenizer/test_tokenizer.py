"""Encoding, decoding and what the configuration files add."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as LibraryTokenizer

from engine.errors import ModelFormatError
from engine.tokenizer.tokenizer import LONG_CHARS, Tokenizer
from tests.engine.tokenizer.small_tokenizers import (
    BOS,
    EOS,
    REAL_FOLDERS,
    SHARED,
    SMALL,
    byte_fallback,
    byte_level,
    opened,
    save,
    words,
)

TEXTS = [
    "",
    "hello world",
    "  hello",
    "caf\u00e9 \U0001f600\U0001f601!",
    "\u03b1\u03b2\u03b3\n\n x",
    "tab\tend ",
    "\u00e9t\u00e9 <think>",
]
NAMES = {"bos_token": BOS, "eos_token": {"content": EOS}}


@pytest.mark.parametrize("name", SMALL)
def test_decodes_as_the_library_does(name: str, tmp_path: Path) -> None:
    library = SMALL[name]()
    tokenizer = opened(tmp_path, library)
    for text in TEXTS:
        ids = library.encode(text, add_special_tokens=False).ids
        assert tokenizer.encode(text, add_bos=False) == ids
        if "\u00e9t\u00e9" not in text:  # the library reads this added token as bytes, which is wrong
            assert tokenizer.decode(ids) == library.decode(ids)


@pytest.mark.skipif(not REAL_FOLDERS, reason="the shared tokenizers are not here")
@pytest.mark.parametrize("folder", REAL_FOLDERS, ids=lambda folder: folder.name)
def test_real_tokenizers_agree_with_the_library(folder: Path) -> None:
    tokenizer = Tokenizer.open(folder)
    library = LibraryTokenizer.from_file(str(folder / "tokenizer.json"))
    for text in TEXTS:
        ids = library.encode(text, add_special_tokens=False).ids
        assert tokenizer.encode(text, add_bos=False) == ids
        assert tokenizer.decode(ids) == library.decode(ids)
    for token_id in range(library.get_vocab_size()):
        alone = library.decode([token_id])
        if "\ufffd" not in alone:
            assert tokenizer.decode([token_id]) == alone


def test_mistral_tokenizer_of_many_byte_tokens(tmp_path: Path) -> None:
    source = SHARED / "data" / "tokenizers" / "mistral" / "tokenizer_v3.json"
    if not source.exists():
        pytest.skip("the shared tokenizers are not here")
    shutil.copy(source, tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.open(tmp_path)
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text, add_bos=False)) == text


def test_added_tokens_are_spelled_as_they_read(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_level())
    assert tokenizer.decode(tokenizer.encode("un \u00e9t\u00e9 <think>")) == "un \u00e9t\u00e9 <think>"


def test_a_bad_byte_does_not_spoil_its_neighbours(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_fallback())
    euro = [3 + byte for byte in "\u20ac".encode()]
    assert tokenizer.decode([*euro, 3 + 0xFF, *euro, euro[0]]) == "\u20ac\ufffd\u20ac\ufffd"


def test_long_texts_become_the_same_tokens_beside_other_threads(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_level())
    line = "caf\u00e9 \U0001f600 hello world, and the rest\n"
    text = line * (2 * LONG_CHARS // len(line))
    for special in (True, False):
        ids = tokenizer.encode(text, parse_special=special)
        assert ids == [each for _ in range(text.count("\n")) for each in tokenizer.encode(line, parse_special=special)]
        assert tokenizer.decode(ids) == text


def test_special_tokens_are_skipped_on_request(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_fallback())
    ids = tokenizer.encode("<s>hello</s>", add_bos=False)
    assert [tokenizer.is_special(i) for i in ids] == [True, False, True]
    assert tokenizer.decode(ids) == "hello"
    assert tokenizer.decode(ids, skip_special=False) == "<s> hello</s>"


def test_special_tokens_as_ordinary_text(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_level())
    ids = tokenizer.encode("a</s>b", parse_special=False)
    assert not any(map(tokenizer.is_special, ids))
    assert tokenizer.decode(ids) == "a</s>b"
    assert any(map(tokenizer.is_special, tokenizer.encode("a</s>b")))


def test_ids_outside_the_vocabulary_have_no_text(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_level())
    assert tokenizer.decode([tokenizer.vocab_size, 10**9, -1]) == ""
    assert tokenizer.vocab_size == byte_level().get_vocab_size()


def test_bos_from_the_post_processor(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_fallback(), tokenizer_config=NAMES)
    assert tokenizer.add_bos
    assert tokenizer.bos_id == 1
    assert tokenizer.encode("hello")[0] == 1
    assert tokenizer.encode("hello", add_bos=False)[0] != 1


@pytest.mark.parametrize("wanted", [True, False])
def test_bos_from_the_configuration(tmp_path: Path, wanted: bool) -> None:
    for folder, library in (("one", byte_fallback()), ("two", byte_level())):
        tokenizer = opened(tmp_path / folder, library, tokenizer_config={**NAMES, "add_bos_token": wanted})
        assert (tokenizer.encode("hello")[0] == tokenizer.bos_id) is wanted


def test_never_two_bos(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_fallback(), tokenizer_config=NAMES)
    assert tokenizer.encode("<s>hello").count(1) == 1
    assert tokenizer.encode("<s>hello", add_bos=True).count(1) == 1
    assert tokenizer.encode_rendered("<s><s>hello<s>") == tokenizer.encode_rendered("<s>hello<s>")
    assert 1 not in tokenizer.encode_rendered("hello")


def test_a_model_that_denies_bos_has_none(tmp_path: Path) -> None:
    config = {"bos_token_id": 0}
    assert opened(tmp_path / "a", byte_level(), config=config).bos_id == 0
    denied = opened(tmp_path / "b", byte_level(), config=config, tokenizer_config={"bos_token": None})
    assert denied.bos_id is None
    assert denied.encode("x", add_bos=True) == denied.encode("x")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"config": {"eos_token_id": 5}}, {5}),
        ({"config": {"text_config": {"eos_token_id": [6, 7]}}}, {6, 7}),
        ({"generation_config": {"eos_token_id": [8, 9]}, "config": {"eos_token_id": 9}}, {8, 9}),
        ({"tokenizer_config": NAMES, "config": {"eos_token_id": 5}}, {1, 5}),
        ({"special_tokens_map": NAMES}, {1}),
        ({"config": {"eos_token_id": [True, None, -1, "x", 2**40]}}, set()),
    ],
)
def test_eos_is_the_union_of_all_files(tmp_path: Path, files: dict[str, Any], expected: set[int]) -> None:
    assert opened(tmp_path, byte_level(), **files).eos_ids == expected


def test_tokens_that_only_the_configuration_knows(tmp_path: Path) -> None:
    size = byte_level().get_vocab_size()
    listed = {str(size + 1): {"content": "<|im_end|>", "special": True}, str(size + 2): {"content": "<|im_end|>x"}}
    tokenizer = opened(
        tmp_path,
        byte_level(),
        tokenizer_config={"added_tokens_decoder": listed, "eos_token": "<|im_end|>"},
        added_tokens={"<tool>": size + 4},
    )
    ids = tokenizer.encode("hello<|im_end|><|im_end|>x <tool>")
    assert ids[-4:-2] == [size + 1, size + 2]
    assert ids[-1] == size + 4
    assert tokenizer.eos_ids == {size + 1}
    assert tokenizer.vocab_size == size + 5
    assert tokenizer.is_special(size + 1)
    assert not tokenizer.is_special(size + 4)
    assert tokenizer.decode(ids) == "hello<|im_end|>x <tool>"


def test_special_token_texts_for_templates(tmp_path: Path) -> None:
    tokenizer = opened(
        tmp_path, byte_level(), special_tokens_map={"bos_token": "old", "pad_token": "<p>"}, tokenizer_config=NAMES
    )
    assert tokenizer.special_tokens == {"bos_token": BOS, "eos_token": EOS, "pad_token": "<p>"}


def test_a_length_limit_left_in_the_file_does_not_cut(tmp_path: Path) -> None:
    library = byte_level()
    library.enable_truncation(4)
    library.enable_padding(length=100)
    assert len(opened(tmp_path, library).encode("x y " * 20)) == len(byte_level().encode("x y " * 20).ids)


def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path, byte_level())
    assert tokenizer.decode(tokenizer.encode("a\ud800b\ud83d\ude00")) == "a\ufffdb\U0001f600"


def test_missing_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"tokenizer\.json") as caught:
        Tokenizer.open(tmp_path)
    assert caught.value.way_out


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"model": {"type": "BPE"}}', b"null"])
def test_damaged_tokenizer(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"tokenizer\.json"):
        Tokenizer.open(tmp_path)


def test_a_tokenizer_without_its_unknown_token(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(words().to_str().replace('"<unk>"', '"gone"', 1), encoding="utf-8")
    with pytest.raises(ModelFormatError, match="UNK"):
        Tokenizer.open(tmp_path).encode("unseen")


@pytest.mark.parametrize(
    "name", ["tokenizer_config", "config", "generation_config", "added_tokens", "special_tokens_map"]
)
@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_damaged_configuration(tmp_path: Path, name: str, content: bytes) -> None:
    save(tmp_path, byte_level())
    (tmp_path / f"{name}.json").write_bytes(content)
    with pytest.raises(ModelFormatError, match=rf"{name}\.json"):
        Tokenizer.open(tmp_path)


@pytest.mark.parametrize("value", [[], 3, "x", {"a": 1}, None, [{}], {"0": None}, {"-1": {"content": "x"}}])
@pytest.mark.parametrize(
    "key", ["added_tokens_decoder", "bos_token", "eos_token", "eos_token_id", "add_bos_token", "text_config"]
)
def test_odd_values_do_no_harm(tmp_path: Path, key: str, value: Any) -> None:
    tokenizer = opened(tmp_path, byte_level(), tokenizer_config={key: value}, config={key: value})
    assert tokenizer.decode(tokenizer.encode("hello")) == "hello"
