"""EXL3 in plain numpy, written apart from the engine: the oracle of its decoders, and a maker of test files.

Everything here follows the format's definition bit by bit with explicit loops over the stream, so that a mistake in
the engine's word arithmetic cannot be repeated. Imports nothing from the engine.

For other tests:

- `make_exl3_linear(in, out, bits, codebook, seed)` makes the tensors of one random, valid linear, keyed by the last
  part of their names (`trellis`, `suh`, `svh`, a marker, `bias`); every random trellis is decodable.
- `dequantize(parts, in, out)` is what those tensors mean: float64 [in, out].
- `write_safetensors(path, tensors)` writes a file as the reference's converter does: tensors back to back, no padding,
  so that data may start at odd offsets.

bf16 has no numpy dtype: wrap its bit patterns in `Bf16`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MARKERS = {"mcg": 0xCBAC1FED, "mul1": 0x83DCD12D}

_DTYPE_NAMES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "float16": "F16", "float32": "F32", "float64": "F64",
}  # fmt: skip


@dataclass(frozen=True)
class Bf16:
    """bf16 values as uint16 bit patterns."""

    bits: NDArray[np.uint16]

    @classmethod
    def of(cls, values: Array) -> Bf16:
        """Cuts float32 values to their upper half (no rounding; enough for tests)."""
        return cls((values.astype("<f4").view("<u4") >> 16).astype(np.uint16))


def codebook_table(codebook: str) -> Array:
    """The fp16 value of every 16-bit state."""
    states = np.arange(65536, dtype=np.uint64)
    if codebook == "mul1":
        product_bytes = (states * MARKERS["mul1"]).astype("<u4").view(np.uint8).reshape(-1, 4)
        byte_sum = product_bytes.sum(axis=1, dtype=np.uint16)
        base = (0x6400 + byte_sum).astype(np.uint16).view(np.float16).astype(np.float64)
        scale, offset = (np.uint16(bits).view(np.float16).astype(np.float64) for bits in (0x1EEE, 0xC931))
        return np.asarray(base * scale + offset, dtype=np.float16)
    product = states * 89226354 + 64248484 if codebook == "3inst" else states * MARKERS["mcg"]
    masked = (product.astype(np.uint32) & np.uint32(0x8FFF8FFF)) ^ np.uint32(0x3B603B60)
    halves = masked.view(np.float16).reshape(-1, 2).astype(np.float64)
    return np.asarray(halves.sum(axis=1), dtype=np.float16)


def tile_states(words: Array) -> Array:
    """States of tiles, [..., 16*K] stored 16-bit words to [..., 256] in stream order, one stream bit at a time."""
    bits = words.shape[-1] // 16
    # A big-endian view of the u32 words puts the stream's first bit first.
    u32 = np.ascontiguousarray(words).astype("<i2").view("<u4").astype(">u4")
    stream = np.unpackbits(u32.view(np.uint8), axis=-1)
    states = np.zeros((*words.shape[:-1], 256), dtype=np.uint16)
    for index in range(256):
        for bit in range(16):
            position = ((index + 1) * bits - 16 + bit) % (256 * bits)
            states[..., index] = states[..., index] * 2 + stream[..., position]
    return states


def decode_inner(trellis: Array, codebook: str) -> Array:
    """The decoded matrix in the rotated basis, fp16 [padded_in, padded_out]."""
    values = codebook_table(codebook)[tile_states(trellis)]
    inner = np.empty((trellis.shape[0], 16, trellis.shape[1], 16), dtype=np.float16)
    for index in range(256):
        lane, j = divmod(index, 8)
        row = 2 * (lane % 4) + j % 2 + 8 * (j // 2 % 2)
        column = lane // 4 + 8 * (j // 4)
        inner[:, row, :, column] = values[..., index]
    return inner.reshape(16 * trellis.shape[0], 16 * trellis.shape[1])


def hadamard() -> Array:
    """H_128/sqrt(128) in natural order, by its definition."""
    index = np.arange(128)
    parity = np.bitwise_count(index[:, None] & index[None, :]) % 2
    return np.asarray((1.0 - 2.0 * parity) / np.sqrt(128.0))


def expand_signs(words: Array) -> Array:
    """Legacy packed signs, int16 [n/16] to fp16 [n]."""
    bits = np.unpackbits(words.astype("<i2").view(np.uint8), bitorder="little")
    return np.where(bits == 1, -1.0, 1.0).astype(np.float16)


def codebook_of(parts: Mapping[str, Any]) -> str:
    """The codebook that the marker among a linear's tensors selects."""
    return next((name for name in MARKERS if name in parts), "3inst")


def dequantize(parts: Mapping[str, Any], in_features: int, out_features: int) -> Array:
    """The matrix in the original basis, float64 [in_features, out_features], without the bias."""
    suh = parts["suh"] if "suh" in parts else expand_signs(parts["su"])
    svh = parts["svh"] if "svh" in parts else expand_signs(parts["sv"])
    inner = decode_inner(parts["trellis"], codebook_of(parts)).astype(np.float64)
    rotation = hadamard()
    padded_in, padded_out = inner.shape
    inner = np.einsum("ij,bjn->bin", rotation, inner.reshape(-1, 128, padded_out)).reshape(padded_in, padded_out)
    inner = (inner.reshape(padded_in, -1, 128) @ rotation).reshape(padded_in, padded_out)
    weight: Array = inner * suh.astype(np.float64)[:, None] * svh.astype(np.float64)
    return weight[:in_features, :out_features]


def make_exl3_linear(
    in_features: int,
    out_features: int,
    bits: int,
    codebook: str,
    seed: int,
    legacy_signs: bool = False,
    bias: bool = False,
) -> dict[str, Array]:
    """The tensors of one random linear as a converter stores them, keyed by the last part of their names.

    Sizes are rounded up to 128 as in real files; padded outputs have `svh` and bias 0. Scales are sized so that
    outputs are about as large as inputs.

    Args:
        in_features: true input size.
        out_features: true output size.
        bits: K, 1 to 8.
        codebook: "3inst", "mcg" or "mul1".
        seed: same seed, same tensors.
        legacy_signs: packed `su`/`sv` in place of `suh`/`svh`.
        bias: add a bias.
    """
    random = np.random.default_rng(seed)
    padded_in, padded_out = (-(-size // 128) * 128 for size in (in_features, out_features))
    words = random.integers(-32768, 32768, (padded_in // 16, padded_out // 16, 16 * bits), dtype=np.int16)
    parts: dict[str, Array] = {"trellis": words}
    real = np.arange(padded_out) < out_features
    if legacy_signs:
        parts["su"] = random.integers(-32768, 32768, padded_in // 16, dtype=np.int16)
        parts["sv"] = random.integers(-32768, 32768, padded_out // 16, dtype=np.int16)
    else:
        suh = random.choice([-1.0, 1.0], padded_in) * random.uniform(0.5, 1.5, padded_in) / np.sqrt(in_features)
        svh = random.choice([-1.0, 1.0], padded_out) * random.uniform(0.8, 1.2, padded_out)
        parts["suh"] = suh.astype(np.float16)
        parts["svh"] = np.where(real, svh, 0.0).astype(np.float16)
    if codebook in MARKERS:
        parts[codebook] = np.array(MARKERS[codebook], dtype=np.uint32).view(np.int32)
    if bias:
        parts["bias"] = np.where(real, random.normal(0.0, 0.5, padded_out), 0.0).astype(np.float16)
    return parts


def with_prefix(key: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """`{"trellis": ...}` to `{"KEY.trellis": ...}`."""
    return {f"{key}.{part}": value for part, value in parts.items()}


def write_safetensors(path: Path, tensors: Mapping[str, Any], align: bool = False, pad_header: int = 0) -> None:
    """Writes numpy arrays, `Bf16`, or torch tensors (anything with `.numpy()`) in the order given.

    Args:
        path: the file to make.
        tensors: full tensor name -> values.
        align: pad the header to a multiple of 8 bytes, as most writers do; the EXL3 converter does not.
        pad_header: spaces to add to the header, to put the data at any offset wanted.
    """
    header: dict[str, Any] = {}
    chunks: list[bytes] = []
    position = 0
    for name, value in tensors.items():
        dtype, shape, data = _encode(value)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + len(data)]}
        position += len(data)
        chunks.append(data)
    text = json.dumps(header, separators=(",", ":")).encode() + b" " * pad_header
    if align:
        text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def _encode(value: Any) -> tuple[str, list[int], bytes]:
    if str(getattr(value, "dtype", "")) == "torch.bfloat16":
        value = Bf16.of(value.float().numpy())  # widening and cutting again is exact
    if isinstance(value, Bf16):
        return "BF16", list(value.bits.shape), value.bits.astype("<u2").tobytes()
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic) else value.numpy()
    return _DTYPE_NAMES[array.dtype.name], list(array.shape), array.tobytes()
