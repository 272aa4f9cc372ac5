"""Reads EXL3 linears: packed trellis, scales with signs, codebook marker and bias, every one checked.

The bits per weight and the codebook come from the tensors alone; the JSON files only repeat them and may be wrong.
Decoding is not done here: backends multiply from the packed form, `exl3_decode` is the plain reference.
"""

from __future__ import annotations

from typing import NoReturn

import torch

from engine.errors import ModelFormatError, UnsupportedModelError
from engine.quant.checks import MISMATCH, check_dtype, check_shape, read_finite
from engine.quant.linear_request import LinearRequest, padded
from engine.quant.plain import wants_bias
from engine.quant.tensors import Codebook, Exl3Linear
from engine.weights.safetensors_header import DOWNLOAD_AGAIN, TensorEntry, quoted
from engine.weights.shards import ShardIndex

TILE = 16
MAX_BITS = 8
MCG_MULTIPLIER = 0xCBAC1FED
MUL1_MULTIPLIER = 0x83DCD12D

_MARKERS: tuple[tuple[Codebook, int], ...] = (("mcg", MCG_MULTIPLIER), ("mul1", MUL1_MULTIPLIER))
_OWN_PARTS = ("trellis", "suh", "svh", "su", "sv")


class Exl3Format:
    """The EXL3 format, K = 1 to 8 bits and all three codebooks."""

    def claims(self, index: ShardIndex, key: str) -> bool:
        """Whether any tensor that only EXL3 has is present, so that an incomplete group is named as such."""
        return any(f"{key}.{part}" in index for part in _OWN_PARTS)

    def read(self, index: ShardIndex, request: LinearRequest) -> Exl3Linear:
        """Reads one linear.

        Raises:
            ModelFormatError: a tensor is missing, of another shape or dtype than the config asks for, contradicts
                another, or has scales that are not finite.
            UnsupportedModelError: it was made by an experimental converter with constants of its own.
        """
        key = request.key
        if f"{key}.scale" in index:
            _fail(index.entry(f"{key}.scale"), "belongs to no released version of EXL3")
        padded_in, padded_out = padded(request.in_features), padded(request.out_features)
        trellis_entry = index.entry(f"{key}.trellis")
        bits = _check_trellis(trellis_entry, padded_in, padded_out)
        codebook = _read_codebook(index, key)
        return Exl3Linear(
            key=key,
            in_features=request.in_features,
            out_features=request.out_features,
            bits=bits,
            codebook=codebook,
            suh=_read_scales(index, f"{key}.suh", f"{key}.su", padded_in),
            svh=_read_scales(index, f"{key}.svh", f"{key}.sv", padded_out),
            bias=_read_bias(index, request, padded_out),
            trellis=index.read(trellis_entry.name),
        )


def expand_signs(words: torch.Tensor) -> torch.Tensor:
    """Expands packed signs: int16 [n/16] to float16 [n], -1 where a bit is set, least significant bit first."""
    shifts = torch.arange(TILE, dtype=torch.int32)
    bits = (words.to(torch.int32)[:, None] >> shifts) & 1
    return (1 - 2 * bits).flatten().to(torch.float16)


def _check_trellis(entry: TensorEntry, padded_in: int, padded_out: int) -> int:
    """Returns the bits per weight."""
    check_dtype(entry, ("I16",))
    if len(entry.shape) != 3:
        _fail(entry, f"has shape {list(entry.shape)}, expected three dimensions")
    depth = entry.shape[2]
    if depth % TILE or not TILE <= depth <= TILE * MAX_BITS:
        _fail(entry, f"has shape {list(entry.shape)}: its depth {depth} is not 16 times 1 to {MAX_BITS} bits")
    tiles = (padded_in // TILE, padded_out // TILE, depth)
    if entry.shape != tiles:
        raise ModelFormatError(
            f"{entry.path}: tensor {quoted(entry.name)} has shape {list(entry.shape)}, expected {list(tiles)} "
            f"for {padded_in} inputs and {padded_out} outputs.",
            MISMATCH,
        )
    return depth // TILE


def _read_codebook(index: ShardIndex, key: str) -> Codebook:
    present = [(codebook, multiplier) for codebook, multiplier in _MARKERS if f"{key}.{codebook}" in index]
    if not present:
        return "3inst"
    if len(present) > 1:
        _fail(index.entry(f"{key}.mul1"), f"stands beside {quoted(key + '.mcg')}; a linear has one codebook only")
    codebook, multiplier = present[0]
    entry = index.entry(f"{key}.{codebook}")
    check_dtype(entry, ("I32",))
    check_shape(entry, (), (1,))
    found = int(index.read(entry.name).item()) & 0xFFFFFFFF
    if found != multiplier:
        raise UnsupportedModelError(
            f"{entry.path}: tensor {quoted(entry.name)} is 0x{found:08X}, expected 0x{multiplier:08X}: the model was "
            "made with an experimental version of the EXL3 converter.",
            "Choose a conversion made with ExLlamaV3 0.0.9 or later.",
        )
    return codebook


def _read_scales(index: ShardIndex, name: str, packed_name: str, size: int) -> torch.Tensor:
    """Reads `suh` or `svh` [size], or expands the packed signs that very old files have in its place."""
    if packed_name not in index:
        entry = index.entry(name)
        check_dtype(entry, ("F16",))
        check_shape(entry, (size,))
        return read_finite(index, name)
    entry = index.entry(packed_name)
    if name in index:
        _fail(entry, f"stands beside {quoted(name)}; only one of the two can hold")
    check_dtype(entry, ("I16",))
    check_shape(entry, (size // TILE,))
    return expand_signs(index.read(packed_name))


def _read_bias(index: ShardIndex, request: LinearRequest, padded_out: int) -> torch.Tensor | None:
    if not wants_bias(index, request):
        return None
    entry = index.entry(f"{request.key}.bias")
    check_dtype(entry, ("F16", "BF16", "F32"))
    check_shape(entry, (padded_out,))
    return read_finite(index, entry.name, torch.float16)


def _fail(entry: TensorEntry, what: str) -> NoReturn:
    raise ModelFormatError(f"{entry.path}: tensor {quoted(entry.name)} {what}.", DOWNLOAD_AGAIN)
