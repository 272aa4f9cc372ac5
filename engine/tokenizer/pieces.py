"""What one token adds to the text, as bytes, for the ways in which tokenizers spell text.

The decoder of a tokenizer.json is recognised once; after that each token has its bytes regardless of its neighbours,
which makes streaming exact and cheap. Knows nothing of special tokens or of files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True)
class PieceRules:
    """How tokens spell text.

    Attributes:
        kind: "byte_level" spells each byte as one printable character; "sentencepiece" spells text with marked spaces;
            "other" needs the tokenizers library and the token before.
        replacements: (from, to) pairs applied to each token in order.
        byte_fallback: tokens such as <0xE2> are single bytes.
        strips_first_space: one space at the very start of a text belongs to the spelling, not to the text.
    """

    kind: Literal["byte_level", "sentencepiece", "other"]
    replacements: tuple[tuple[str, str], ...] = ()
    byte_fallback: bool = False
    strips_first_space: bool = False

    def token_bytes(self, token: str, is_added: bool) -> bytes:
        """The bytes of a token's text; `is_added` tokens are spelled as they read. Not for kind "other"."""
        assert self.kind != "other"
        if self.kind == "byte_level":
            return _text_bytes(token) if is_added else _byte_level_bytes(token)
        match = _BYTE_TOKEN.fullmatch(token) if self.byte_fallback else None
        if match:
            return bytes([int(match.group(1), 16)])
        for old, new in self.replacements:
            token = token.replace(old, new)
        return _text_bytes(token)


def rules_of_decoder(state: bytes | None) -> PieceRules:
    """Recognises the `decoder` of a tokenizer.json, given as JSON; None is a tokenizer without one."""
    steps = _flatten(json.loads(state)) if state else []
    kinds = [step.get("type") for step in steps]
    if kinds and set(kinds) <= {"ByteLevel", "Fuse"}:
        return PieceRules("byte_level")
    if kinds == ["Metaspace"]:
        scheme = steps[0].get("prepend_scheme", "always")
        mark = steps[0].get("replacement", "\u2581")
        return PieceRules("sentencepiece", ((mark, " "),), strips_first_space=scheme != "never")
    return _sentencepiece_rules(steps) or PieceRules("other")


def _flatten(step: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if step.get("type") != "Sequence":
        return [step]
    return [inner for each in step["decoders"] for inner in _flatten(each)]


def _sentencepiece_rules(steps: list[Mapping[str, Any]]) -> PieceRules | None:
    """Replace*, ByteFallback?, Fuse?, Strip? of one leading space, in this order; None for anything else."""
    order = ["Replace", "ByteFallback", "Fuse", "Strip"]
    kinds = [str(step.get("type")) for step in steps]
    if not kinds or not set(kinds) <= set(order) or sorted(kinds, key=order.index) != kinds:
        return None
    replacements = [(step["pattern"].get("String"), step["content"]) for step in steps if step["type"] == "Replace"]
    strips = [(step["content"], step["start"], step["stop"]) for step in steps if step["type"] == "Strip"]
    if any(old is None for old, _ in replacements) or strips not in ([], [(" ", 1, 0)]):
        return None
    if strips and "Fuse" not in kinds:  # then it strips every token
        return None
    return PieceRules("sentencepiece", tuple(replacements), "ByteFallback" in kinds, bool(strips))


def _byte_level_bytes(token: str) -> bytes:
    table = _byte_of_character()
    try:
        return bytes([table[character] for character in token])
    except KeyError:  # not spelled in the byte alphabet: it stands for itself
        return _text_bytes(token)


@cache
def _byte_of_character() -> Mapping[str, int]:
    """The byte-level alphabet: printable Latin-1 stands for itself, the other 68 bytes follow from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(0x100 + index): byte for index, byte in enumerate(others)}


def _text_bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
