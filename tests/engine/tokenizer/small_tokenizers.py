"""Small tokenizers of every spelling, built on the spot, and the real ones that the shared folder has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as LibraryTokenizer

from engine.tokenizer.tokenizer import Tokenizer

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"
REAL_FOLDERS = [
    folder
    for folder in (
        SHARED / "data" / "models" / "stories260K" / "hf",
        SHARED / "data" / "tokenizers" / "minimind",
        SHARED / "models" / "demo-chat-hf",
        SHARED / "golden" / "llama-exl3",
    )
    if (folder / "tokenizer.json").exists()
]
BOS, EOS = "<s>", "</s>"


def byte_level() -> LibraryTokenizer:
    """A byte-level BPE with a few merges over Latin, Greek, emoji and spaces."""
    library = LibraryTokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(
        ["hello hello world \u03b1\u03b2\u03b3 \U0001f600\U0001f601 caf\u00e9  x\n\n"] * 4, trainer
    )
    library.add_tokens([AddedToken("<think>", special=False), AddedToken("\u00e9t\u00e9", special=False)])
    return library


def byte_fallback(strip: bool = True) -> LibraryTokenizer:
    """A sentencepiece-like BPE: marked spaces, unknown characters as byte tokens."""
    vocab = {"<unk>": 0, BOS: 1, EOS: 2}
    vocab |= {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    for token in ["\u2581", "h", "e", "l", "o", "he", "ll", "hell", "hello", "\u2581hello", "\u2581\u2581", "\u03b1"]:
        vocab[token] = len(vocab)
    pairs = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("\u2581", "hello"), ("\u2581", "\u2581")]
    library = LibraryTokenizer(models.BPE(vocab, pairs, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    library.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    steps: list[Any] = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    library.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if strip else steps)
    library.add_special_tokens(["<unk>", BOS, EOS])
    library.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 1)])
    return library


def metaspace() -> LibraryTokenizer:
    """Marked spaces through the Metaspace steps."""
    words = ["<unk>", BOS, EOS, "\u2581hello", "\u2581world", "\u2581", "h", "i", "\u03b1"]
    library = LibraryTokenizer(models.Unigram([(word, -1.0 - i) for i, word in enumerate(words)], 0, False))
    library.pre_tokenizer = pre_tokenizers.Metaspace()
    library.decoder = decoders.Metaspace()
    library.add_special_tokens(["<unk>", BOS, EOS])
    return library


def words() -> LibraryTokenizer:
    """Whole words and no decoder: the library joins them with spaces."""
    vocab = {word: index for index, word in enumerate(["<unk>", BOS, EOS, "hello", "world", "\u03b1"])}
    library = LibraryTokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.add_special_tokens([BOS, EOS])
    return library


def word_pieces() -> LibraryTokenizer:
    """Words in pieces, the later ones marked."""
    vocab = {word: index for index, word in enumerate(["[UNK]", BOS, EOS, "hel", "##lo", "world", "##s"])}
    library = LibraryTokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.decoder = decoders.WordPiece(cleanup=False)
    library.add_special_tokens([BOS, EOS])
    return library


SMALL = {"byte_level": byte_level, "byte_fallback": byte_fallback, "metaspace": metaspace, "words": words,
         "word_pieces": word_pieces}  # fmt: skip


def save(folder: Path, library: LibraryTokenizer, **files: Any) -> Path:
    """Writes tokenizer.json and further JSON files; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    library.save(str(folder / "tokenizer.json"))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def opened(folder: Path, library: LibraryTokenizer, **files: Any) -> Tokenizer:
    """`save` and open."""
    return Tokenizer.open(save(folder, library, **files))
