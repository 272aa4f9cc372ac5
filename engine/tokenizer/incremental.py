"""Turns a stream of token ids into text that is final as soon as it is handed out.

Knows nothing of stop conditions or of where the ids come from.
"""

from __future__ import annotations

import codecs

from engine.tokenizer.tokenizer import Tokenizer


class IncrementalDecoder:
    """Decodes one reply, token by token, at a cost per token that does not depend on its length.

    The texts of all `push` calls and of `finish`, joined, equal `tokenizer.decode` of all the ids. Bytes of a character
    that is not complete yet are kept back; bytes that cannot become a character any more turn into U+FFFD.

    Args:
        tokenizer: whose ids.
        continues: the ids go on from a text, so a space before the first word is part of what is said.
        skip_special: leave out special tokens.
    """

    def __init__(self, tokenizer: Tokenizer, *, continues: bool = False, skip_special: bool = True) -> None:
        self._tokenizer = tokenizer
        self._skip_special = skip_special
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")
        self._strip_next = tokenizer.strips_first_space and not continues
        self._previous: int | None = None

    def push(self, token_id: int) -> str:
        """Takes the next id and returns the text that it makes certain, often the token's own, sometimes none."""
        if self._skip_special and self._tokenizer.is_special(token_id):
            return ""
        piece = self._tokenizer.piece(token_id, self._previous)
        self._previous = token_id
        return self._without_first_space(self._bytes.decode(piece))

    def finish(self) -> str:
        """Ends the stream: an incomplete character that is still kept back becomes U+FFFD."""
        return self._without_first_space(self._bytes.decode(b"", final=True))

    def _without_first_space(self, text: str) -> str:
        if not self._strip_next or not text:
            return text
        self._strip_next = False
        return text.removeprefix(" ")
