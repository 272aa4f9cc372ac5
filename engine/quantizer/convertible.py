"""Whether a folder can be converted, and how large the result would be: all by config and headers, without torch.

The conversion itself and the window before it ask the same functions. Knows nothing of how tensors are quantized.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelFormatError, UnsupportedModelError
from engine.features import Feature
from engine.fit.estimate import CardMemory, FitModel
from engine.models.features import features_of
from engine.models.parts import block_linears, block_norms
from engine.models.registry import build_spec
from engine.models.sizes import tensor_keys, vision_bytes
from engine.models.spec import LinearSpec, ModelSpec
from engine.quant.foreign import FOREIGN_PARTS, padded
from engine.weights.config_reader import ConfigReader
from engine.weights.folder_scan import scan_folder
from engine.weights.safetensors_header import TensorEntry, quoted

PLAIN_DTYPES = ("F16", "BF16", "F32")
UNQUANTIZED_HEAD = 16  # bits
KNOWN_FEATURES = frozenset({Feature.POST_NORMS, Feature.GELU, Feature.QUERY_SCALING})  # of `streams`
BITS_STEP = 0.25  # between bitrates that are looked at for a card
LEAST_BITS, MOST_USEFUL_BITS = 2.0, 6.0  # below and above them a step is hardly worth its size

Entries = Mapping[str, TensorEntry]


def check_convertible(spec: ModelSpec, folder: Path, entries: Entries) -> None:
    """Looks at every header entry that a conversion will read.

    Raises:
        ModelFormatError: a tensor is missing or has another shape than config.json says.
        UnsupportedModelError: a tensor is quantized already, or the family's blocks are not known here.
    """
    if features_of(spec) - KNOWN_FEATURES:
        raise UnsupportedModelError(
            f"{spec.architecture} cannot be converted yet.", "Download an EXL3 version of the model."
        )
    checks = _Checks(folder, entries)
    for block in spec.blocks:
        for linear in block_linears(block):
            checks.linear(linear)
        for norm in block_norms(block):
            checks.tensor(norm.key, (norm.size,))
    checks.tensor(spec.embedding_key, (spec.vocab_size, spec.hidden_size))
    checks.tensor(spec.final_norm.key, (spec.hidden_size,))
    if not has_tied_head(spec, entries):
        checks.linear(spec.head)


def has_tied_head(spec: ModelSpec, entries: Entries) -> bool:
    """Whether the head is the embedding."""
    key = spec.head.key
    return spec.tied and f"{key}.weight" not in entries and f"{key}.trellis" not in entries


def unread_names(spec: ModelSpec, entries: Entries) -> list[str]:
    """Tensors that the spec does not name: a vision tower, say."""
    keys = set(tensor_keys(spec))
    return [
        name
        for name in entries
        if name not in keys and name.rpartition(".")[0] not in keys and "rotary_emb" not in name
    ]


@dataclass(frozen=True)
class ConvertibleModel:
    """A model folder that a conversion would accept, and what is needed to tell the result's size.

    Attributes:
        source_bytes: of all its tensors.
        num_parameters: of all its tensors.
        is_tied: the head is the embedding.
        plain_bytes: of what is copied and loaded: the embedding, norms, biases.
        other_bytes: of what is copied as it is and no part of the text model, as a vision tower.
        vision_bytes: of a vision tower, out of those.
    """

    folder: Path
    spec: ModelSpec
    source_bytes: int
    num_parameters: int
    is_tied: bool
    plain_bytes: int
    other_bytes: int
    vision_bytes: int = 0

    @classmethod
    def open(cls, folder: Path) -> ConvertibleModel:
        """Reads config and headers and makes sure that the model can be converted.

        Raises:
            ModelFormatError: the folder holds no model, or a damaged one.
            UnsupportedModelError: the family is not known, or it is quantized already.
        """
        config = ConfigReader.open(folder)
        entries = scan_folder(folder).entries
        spec = build_spec(config, entries)
        check_convertible(spec, folder, entries)
        others = {name: entries[name].num_bytes for name in unread_names(spec, entries)}
        keys = set(tensor_keys(spec))
        matrices = {f"{key}.weight" for key in (each.key for each in _linears(spec))}
        plain = [e for n, e in entries.items() if n not in matrices and (n in keys or n.rpartition(".")[0] in keys)]
        return cls(
            folder,
            spec,
            sum(entry.num_bytes for entry in entries.values()),
            sum(math.prod(entry.shape) for entry in entries.values()),
            has_tied_head(spec, entries),
            sum(map(_kept_bytes, plain)),
            sum(others.values()),
            vision_bytes(others),
        )

    @property
    def num_blocks(self) -> int:
        return len(self.spec.blocks)

    def output_bytes(self, bits: float, head_bits: int) -> int:
        """Of all tensors of the result; a little more than there will be, for whole bits seldom fill the target."""
        return self._loaded_bytes(bits, head_bits) + self.other_bytes

    def result(self, bits: float, head_bits: int) -> FitModel:
        """The result for an estimate of a card's memory, its tower included."""
        tensors = {self.spec.embedding_key: self._loaded_bytes(bits, head_bits)}
        if self.vision_bytes:
            tower = self.spec.vision
            tensors[(tower.prefix if tower is not None else "vision_tower.") + "weight"] = self.vision_bytes
        return FitModel(self.spec, tensors)

    def best_bits(self, memory: CardMemory, head_bits: int) -> float | None:
        """The highest useful bitrate that fits a card with a context of 8k; None when none does."""
        steps = round((MOST_USEFUL_BITS - LEAST_BITS) / BITS_STEP)
        rates = (MOST_USEFUL_BITS - step * BITS_STEP for step in range(steps + 1))
        return next((bits for bits in rates if self.result(bits, head_bits).fits_usefully(memory)), None)

    def _loaded_bytes(self, bits: float, head_bits: int) -> int:
        linears = [linear for block in self.spec.blocks for linear in block_linears(block)]
        total = self.plain_bytes + math.ceil(sum(map(_weights, linears)) * bits / 8) + sum(map(_scales, linears))
        head = self.spec.head
        if head_bits != UNQUANTIZED_HEAD:
            return total + _weights(head) * head_bits // 8 + _scales(head)
        return total if self.is_tied else total + 2 * head.in_features * head.out_features


@dataclass(frozen=True)
class _Checks:
    folder: Path
    entries: Entries

    def linear(self, linear: LinearSpec) -> None:
        key = linear.key
        for part, kind in {**FOREIGN_PARTS, "trellis": "EXL3"}.items():
            if f"{key}.{part}" in self.entries:
                raise UnsupportedModelError(
                    f"{self.folder}: {quoted(key)} is quantized already ({kind}).",
                    "Convert from the original model in fp16, bf16 or fp32.",
                )
        self.tensor(f"{key}.weight", (linear.out_features, linear.in_features))
        if linear.has_bias:
            self.tensor(f"{key}.bias", (linear.out_features,))

    def tensor(self, name: str, shape: tuple[int, ...]) -> None:
        entry = self.entries.get(name)
        if entry is None:
            raise ModelFormatError(
                f"{self.folder} has no tensor {quoted(name)}.",
                "A shard may be missing or the files may belong to different models; download the model again.",
            )
        if entry.shape != shape:
            raise ModelFormatError(
                f"{entry.path}: tensor {quoted(name)} has shape {list(entry.shape)}, expected {list(shape)}.",
                "config.json and the weights belong to different models; download the model again.",
            )
        if entry.dtype not in PLAIN_DTYPES:
            raise UnsupportedModelError(
                f"{entry.path}: tensor {quoted(name)} is stored as {entry.dtype}.",
                "Convert from the original model in fp16, bf16 or fp32.",
            )


def _linears(spec: ModelSpec) -> list[LinearSpec]:
    return [*(linear for block in spec.blocks for linear in block_linears(block)), spec.head]


def _weights(linear: LinearSpec) -> int:
    return padded(linear.in_features) * padded(linear.out_features)


def _scales(linear: LinearSpec) -> int:
    """Bytes of both scale vectors and of the codebook's marker."""
    return 2 * (padded(linear.in_features) + padded(linear.out_features)) + 4


def _kept_bytes(entry: TensorEntry) -> int:
    """What is float32 becomes float16."""
    return entry.num_bytes // 2 if entry.dtype == "F32" else entry.num_bytes
