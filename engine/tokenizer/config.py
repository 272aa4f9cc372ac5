"""What a model folder's JSON files say about its special tokens, checked and merged.

Reads tokenizer_config.json, special_tokens_map.json, added_tokens.json, generation_config.json and config.json, all of
them optional. Knows nothing of the vocabulary itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelFormatError

_HIGHEST_ID = 2**31 - 1


@dataclass(frozen=True)
class AddedToken:
    """A token that a configuration file adds to the vocabulary."""

    id: int
    content: str
    special: bool


@dataclass(frozen=True)
class TokenizerConfig:
    """The merged view of the configuration files.

    Attributes:
        special_tokens: role -> text for every `..._token` entry; tokenizer_config.json wins.
        denies_bos: a file says in so many words that there is no BOS token.
        bos_token_id: from generation_config.json or config.json.
        eos_token_ids: the union over generation_config.json and config.json.
        add_bos_token: None if tokenizer_config.json does not say.
        added_tokens: of tokenizer_config.json and added_tokens.json.
    """

    special_tokens: Mapping[str, str]
    denies_bos: bool
    bos_token_id: int | None
    eos_token_ids: frozenset[int]
    add_bos_token: bool | None
    added_tokens: tuple[AddedToken, ...]

    @classmethod
    def read(cls, folder: Path) -> TokenizerConfig:
        """Reads the files that exist.

        Raises:
            ModelFormatError: a file is not a JSON object.
        """
        main = read_json_object(folder / "tokenizer_config.json")
        generation = read_json_object(folder / "generation_config.json")
        model = read_json_object(folder / "config.json")
        text_config = model.get("text_config")
        models = [generation, model, text_config if isinstance(text_config, dict) else {}]
        bos = [token_id for each in models for token_id in _ids(each.get("bos_token_id"))]
        add_bos = main.get("add_bos_token")
        return cls(
            special_tokens=_texts(read_json_object(folder / "special_tokens_map.json")) | _texts(main),
            denies_bos="bos_token" in main and main["bos_token"] is None,
            bos_token_id=bos[0] if bos else None,
            eos_token_ids=frozenset(token_id for each in models for token_id in _ids(each.get("eos_token_id"))),
            add_bos_token=add_bos if isinstance(add_bos, bool) else None,
            added_tokens=tuple(_added_tokens(main, read_json_object(folder / "added_tokens.json"))),
        )


def read_json_object(path: Path) -> dict[str, Any]:
    """Reads a JSON object; {} if the file does not exist.

    Raises:
        ModelFormatError: the file cannot be read or is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _damaged(path, str(error.strerror)) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(value, dict):
        raise _damaged(path, "it is not a JSON object")
    return value


def _damaged(path: Path, what: str) -> ModelFormatError:
    message = f"{path.name} in {path.parent.name} cannot be read: {what}."
    return ModelFormatError(message, f"Download {path.name} of this model again.")


def _text(value: Any) -> str | None:
    """The text of a token written as a string or as an object with `content`."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) and content else None


def _texts(config: Mapping[str, Any]) -> dict[str, str]:
    named = {key: _text(value) for key, value in config.items() if key.endswith("_token")}
    return {key: text for key, text in named.items() if text is not None}


def _ids(value: Any) -> Iterator[int]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, int) and not isinstance(each, bool) and 0 <= each <= _HIGHEST_ID:
            yield each


def _added_tokens(main: Mapping[str, Any], added: Mapping[str, Any]) -> Iterator[AddedToken]:
    seen: set[int] = set()
    listed = main.get("added_tokens_decoder")
    for key, value in (listed if isinstance(listed, dict) else {}).items():
        content = _text(value)
        if content is not None and key.isdecimal() and int(key) <= _HIGHEST_ID:
            seen.add(int(key))
            special = isinstance(value, dict) and value.get("special") is True
            yield AddedToken(int(key), content, special)
    specials = set(_texts(main).values())
    for content, token_id in added.items():
        for checked in _ids(token_id):
            if checked not in seen and content:
                yield AddedToken(checked, content, content in specials)
