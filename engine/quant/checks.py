"""Checks of single tensors that every weight format shares: dtype, shape and finite values.

Knows nothing of any particular format.
"""

from __future__ import annotations

from collections.abc import Collection

import torch

from engine.errors import ModelFormatError, UnsupportedModelError
from engine.weights.safetensors_header import DOWNLOAD_AGAIN, TensorEntry, quoted
from engine.weights.shards import ShardIndex

FLOAT_DTYPES = ("F16", "BF16", "F32")
MISMATCH = "config.json and the weights belong to different models, or a file is damaged; download the model again."


def check_dtype(entry: TensorEntry, dtypes: Collection[str]) -> None:
    """Raises `ModelFormatError` unless the tensor has one of the dtypes."""
    if entry.dtype not in dtypes:
        raise ModelFormatError(
            f"{entry.path}: tensor {quoted(entry.name)} has dtype {entry.dtype}, expected {' or '.join(dtypes)}.",
            DOWNLOAD_AGAIN,
        )


def check_float_dtype(entry: TensorEntry) -> None:
    """Raises `UnsupportedModelError` unless the tensor is plain 16 or 32-bit floating point."""
    if entry.dtype not in FLOAT_DTYPES:
        kind = "fp8" if entry.dtype.startswith("F8") else entry.dtype
        raise UnsupportedModelError(
            f"{entry.path}: tensor {quoted(entry.name)} is stored as {kind} ({entry.dtype}), which this program does "
            "not read.",
            "Choose an EXL3 version of the model, or one in fp16, bf16 or fp32.",
        )


def check_shape(entry: TensorEntry, *expected: tuple[int, ...]) -> None:
    """Raises `ModelFormatError` unless the tensor has one of the shapes."""
    if entry.shape not in expected:
        wanted = " or ".join(str(list(shape)) for shape in dict.fromkeys(expected))
        raise ModelFormatError(
            f"{entry.path}: tensor {quoted(entry.name)} has shape {list(entry.shape)}, expected {wanted}.", MISMATCH
        )


def read_finite(index: ShardIndex, name: str, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Reads a small tensor, converts it if asked, and raises `ModelFormatError` if a value is not finite then."""
    stored = index.read(name)
    values = stored if dtype is None else stored.to(dtype)
    bad = int((~torch.isfinite(values)).sum())
    if bad:
        range_note = "" if values.dtype == stored.dtype else f" as {str(values.dtype).removeprefix('torch.')}"
        raise ModelFormatError(
            f"{index.entry(name).path}: tensor {quoted(name)} has {bad} values that are not finite{range_note}.",
            "The model was converted wrongly or is damaged; download it again or choose another conversion.",
        )
    return values
