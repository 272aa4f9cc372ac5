"""Text to token ids and back, from the tokenizer files of a model folder.

Built on the `tokenizers` library, with the parts that it leaves to others: which tokens begin and end a text, tokens
that only the configuration files know, and a decoding that streams. Knows nothing of chat templates or of torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock

import tokenizers

from engine.errors import ModelFormatError
from engine.tokenizer.config import TokenizerConfig
from engine.tokenizer.pieces import PieceRules, rules_of_decoder

LONG_CHARS = 4096  # from here on, encoding takes long enough that other threads must run meanwhile
_WAY_OUT = "Download the model again, or copy tokenizer.json from the original model into the folder."


class Tokenizer:
    """The tokenizer of one model; made with `Tokenizer.open`. Safe to use from several threads.

    Attributes:
        vocab_size: one more than the highest token id; a model's logits may be wider (padding).
        bos_id: the token that begins a text, if the model has one.
        eos_ids: all tokens that end a text or a turn, from every file that names some.
        add_bos: whether plain text gets `bos_id` in front.
        special_tokens: role -> text, such as "eos_token" -> "</s>": what chat templates may use.
        strips_first_space: one space at the very start of a decoded text is not part of it.
    """

    vocab_size: int
    bos_id: int | None
    eos_ids: frozenset[int]
    add_bos: bool
    special_tokens: Mapping[str, str]

    def __init__(self, library: tokenizers.Tokenizer, config: TokenizerConfig) -> None:
        library.no_truncation()  # a limit left in the file from training would cut prompts silently
        library.no_padding()
        self._library = library
        self._lock = Lock()
        self._rules = _rules(library)
        known = library.get_added_tokens_decoder()
        self._extra = {token.content: token.id for token in config.added_tokens if token.id not in known}
        self._extra_texts = {token_id: text for text, token_id in self._extra.items()}
        self._added_ids = frozenset(known) | frozenset(self._extra_texts)
        self._special_ids = frozenset(i for i, token in known.items() if token.special) | frozenset(
            token.id for token in config.added_tokens if token.special
        )
        self._splitter = _splitter(self._extra)
        self.vocab_size = 1 + max([*library.get_vocab(True).values(), *self._added_ids], default=-1)
        self.special_tokens = config.special_tokens
        self.bos_id = self._token_id(config.special_tokens.get("bos_token"))
        if self.bos_id is None and not config.denies_bos:
            self.bos_id = config.bos_token_id
        own_eos = self._token_id(config.special_tokens.get("eos_token"))
        self.eos_ids = config.eos_token_ids | ({own_eos} if own_eos is not None else frozenset())
        self.add_bos = config.add_bos_token if config.add_bos_token is not None else self._post_processor_adds_bos()

    @classmethod
    def open(cls, folder: Path | str) -> Tokenizer:
        """Reads the tokenizer of a model folder.

        Raises:
            ModelFormatError: tokenizer.json is missing, or a tokenizer or configuration file is damaged.
        """
        folder = Path(folder)
        return cls(_open_library(folder / "tokenizer.json"), TokenizerConfig.read(folder))

    @property
    def strips_first_space(self) -> bool:
        return self._rules.strips_first_space

    def encode(self, text: str, add_bos: bool | None = None, parse_special: bool = True) -> list[int]:
        """Token ids of plain text.

        Args:
            text: any text; lone surrogates become U+FFFD.
            add_bos: put the BOS token in front, unless the text brings it; None does what the model was trained with.
            parse_special: read the spelling of a special token as that token; otherwise as ordinary characters.
        """
        ids = self._encode(text, parse_special)
        wanted = self.add_bos if add_bos is None else add_bos
        if wanted and self.bos_id is not None and ids[:1] != [self.bos_id]:
            return [self.bos_id, *ids]
        return ids

    def encode_rendered(self, text: str) -> list[int]:
        """Token ids of a rendered chat template: nothing is added, and of several leading BOS tokens one is kept."""
        ids = self._encode(text, True)
        first = 0
        while self.bos_id is not None and ids[first : first + 2] == [self.bos_id] * 2:
            first += 1
        return ids[first:]

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """Text of token ids. Ids outside the vocabulary have no text; bytes that are no character give U+FFFD.

        Each run of bytes is read character by character, so one bad byte does not spoil its neighbours.
        """
        pieces: list[bytes] = []
        previous: int | None = None
        for token_id in ids:
            if not (skip_special and token_id in self._special_ids):
                pieces.append(self.piece(token_id, previous))
                previous = token_id
        text = b"".join(pieces).decode("utf-8", "replace")
        return text.removeprefix(" ") if self.strips_first_space else text

    def is_special(self, token_id: int) -> bool:
        """Whether a token steers the model rather than spelling text."""
        return token_id in self._special_ids

    def piece(self, token_id: int, previous: int | None = None) -> bytes:
        """The bytes that a token adds to the text after the token `previous`; b"" outside the vocabulary."""
        if not 0 <= token_id < self.vocab_size:
            return b""
        if token_id in self._extra_texts:
            return self._extra_texts[token_id].encode("utf-8", "replace")
        if self._rules.kind == "other":
            return self._piece_by_library(token_id, previous).encode("utf-8", "replace")
        token = self._library.id_to_token(token_id)
        return b"" if token is None else self._rules.token_bytes(token, token_id in self._added_ids)

    def _piece_by_library(self, token_id: int, previous: int | None) -> str:
        alone: str = self._library.decode([token_id], skip_special_tokens=False)
        if previous is None or previous in self._extra_texts:
            return alone
        before: str = self._library.decode([previous], skip_special_tokens=False)
        both: str = self._library.decode([previous, token_id], skip_special_tokens=False)
        return both[len(before) :] if both.startswith(before) else alone

    def _encode(self, text: str, parse_special: bool) -> list[int]:
        text = _without_surrogates(text)
        if self._splitter is None or not parse_special:
            return self._encode_known(text, parse_special)
        ids: list[int] = []
        for part in self._splitter.split(text):
            if part in self._extra:
                ids.append(self._extra[part])
            elif part:
                ids.extend(self._encode_known(part, True))
        return ids

    def _encode_known(self, text: str, parse_special: bool) -> list[int]:
        with self._lock:  # the library keeps this choice in the tokenizer, not in the call
            self._library.encode_special_tokens = not parse_special
            try:
                if len(text) < LONG_CHARS:
                    return list(self._library.encode(text, add_special_tokens=False).ids)
                (encoded,) = self._library.encode_batch([text], add_special_tokens=False)  # lets other threads run
                return list(encoded.ids)
            except Exception as error:  # the library raises nothing narrower
                raise ModelFormatError(f"tokenizer.json cannot encode this text: {error}.", _WAY_OUT) from error

    def _token_id(self, text: str | None) -> int | None:
        if text is None:
            return None
        return self._extra.get(text, self._library.token_to_id(text))

    def _post_processor_adds_bos(self) -> bool:
        return self.bos_id is not None and self._library.encode("", add_special_tokens=True).ids[:1] == [self.bos_id]


def _open_library(path: Path) -> tokenizers.Tokenizer:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        message = f"{path.name} in {path.parent.name} cannot be read: {error.strerror}."
        raise ModelFormatError(message, _WAY_OUT) from error
    except UnicodeDecodeError as error:
        raise ModelFormatError(f"{path.name} in {path.parent.name} is not UTF-8 text.", _WAY_OUT) from error
    try:
        return tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing narrower
        raise ModelFormatError(f"{path.name} in {path.parent.name} is damaged: {error}.", _WAY_OUT) from error


def _rules(library: tokenizers.Tokenizer) -> PieceRules:
    decoder = library.decoder
    return rules_of_decoder(None if decoder is None else decoder.__getstate__())


def _splitter(texts: Iterable[str]) -> re.Pattern[str] | None:
    ordered: Sequence[str] = sorted(texts, key=len, reverse=True)  # the longest spelling wins
    return re.compile("(" + "|".join(map(re.escape, ordered)) + ")") if ordered else None


def _without_surrogates(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
