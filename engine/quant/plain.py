"""Reads unquantized tensors: linears stored as a `.weight` in fp16, bf16 or fp32, norms and embeddings.

A linear that went through the EXL3 converter may still carry the converter's padding to 128; it is trimmed here, so
that callers see true sizes only. Values keep their stored dtype. Knows nothing of quantization.
"""

from __future__ import annotations

from collections.abc import Collection

import torch

from engine.errors import ModelFormatError
from engine.quant.checks import FLOAT_DTYPES, check_dtype, check_float_dtype, check_shape, read_finite
from engine.quant.linear_request import LinearRequest, padded
from engine.quant.tensors import PlainLinear
from engine.weights.safetensors_header import DOWNLOAD_AGAIN, quoted
from engine.weights.shards import ShardIndex


class PlainFormat:
    """The format of linears that are not quantized."""

    def claims(self, index: ShardIndex, key: str) -> bool:
        """Whether there is a `.weight`."""
        return f"{key}.weight" in index

    def read(self, index: ShardIndex, request: LinearRequest) -> PlainLinear:
        """Reads `.weight` [out, in] and the bias, and trims padding.

        Raises:
            ModelFormatError: a wrong shape, a required bias missing, a bias that is not finite.
            UnsupportedModelError: a dtype other than fp16, bf16 and fp32.
        """
        name, rows, columns = f"{request.key}.weight", request.out_features, request.in_features
        entry = index.entry(name)
        check_float_dtype(entry)
        shapes = [(r, c) for r in (rows, padded(rows)) for c in (columns, padded(columns))]
        check_shape(entry, *shapes)
        weight = trimmed(index.read(name), (rows, columns))
        return PlainLinear(request.key, columns, rows, weight, self._bias(index, request))

    def _bias(self, index: ShardIndex, request: LinearRequest) -> torch.Tensor | None:
        name = f"{request.key}.bias"
        if not wants_bias(index, request):
            return None
        entry = index.entry(name)
        check_float_dtype(entry)
        check_shape(entry, (request.out_features,), (padded(request.out_features),))
        return trimmed(read_finite(index, name), (request.out_features,))


def wants_bias(index: ShardIndex, request: LinearRequest) -> bool:
    """Whether to read `.bias`; raises `ModelFormatError` when it is required and missing."""
    name = f"{request.key}.bias"
    if request.has_bias and name not in index:
        raise ModelFormatError(
            f"{index.folder} has no tensor {quoted(name)}, which config.json asks for.", DOWNLOAD_AGAIN
        )
    return request.has_bias is not False and name in index


def read_tensor(
    index: ShardIndex,
    name: str,
    shape: tuple[int, ...],
    dtypes: Collection[str] = FLOAT_DTYPES,
    *,
    rows_may_be_padded: bool = False,
) -> torch.Tensor:
    """Reads a norm weight, an embedding or another tensor that is never quantized.

    Args:
        index: the model's tensors.
        name: full tensor name.
        shape: the true shape.
        dtypes: accepted dtypes in safetensors spelling.
        rows_may_be_padded: also accept the first dimension rounded up to 128, and trim it.

    Returns:
        A tensor of `shape` in the stored dtype, in memory of its own.

    Raises:
        ModelFormatError: missing, another shape or dtype, or a vector with values that are not finite.
    """
    entry = index.entry(name)
    check_dtype(entry, dtypes)
    accepted = [shape, (padded(shape[0]), *shape[1:])] if rows_may_be_padded and shape else [shape]
    check_shape(entry, *accepted)
    # A vector is small and scales everything after it; a matrix would cost a pass over memory.
    values = read_finite(index, name) if len(shape) == 1 and entry.dtype in FLOAT_DTYPES else index.read(name)
    return trimmed(values, shape)


def trimmed(values: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """The leading part of `values` of the given shape: the tensor itself if it has it, else a copy of that size."""
    if tuple(values.shape) == shape:
        return values
    return values[tuple(slice(size) for size in shape)].clone(memory_format=torch.contiguous_format)
