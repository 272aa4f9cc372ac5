"""Norm, SiLU and GELU products, and embedding on tensors: inputs by size, the launch, the reference beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gpu.kernels import catalogue
from gpu.launch import KernelCache, KernelSource
from gpu.launchers.draw import Draw, poisoned
from gpu.reference import elementwise as reference

Tensors = tuple[torch.Tensor, ...]
MARGIN = 7  # values behind an output that must stay NaN
EPS = 1e-5
TABLE_KINDS = {torch.float16: 0, torch.bfloat16: 1, torch.float32: 2}


@dataclass(frozen=True)
class NormCase:
    rows: int
    size: int
    in_place: bool = False


@dataclass(frozen=True)
class NormInputs:
    case: NormCase
    x: torch.Tensor
    weight: torch.Tensor


def norm_inputs(case: NormCase, draw: Draw) -> NormInputs:
    return NormInputs(case, draw.normal(case.rows, case.size, scale=3.0), draw.normal(case.size))


def launch_norm(kernels: KernelCache, inputs: NormInputs) -> Tensors:
    case, x = inputs.case, inputs.x
    out = poisoned(x.numel() + MARGIN, device=x.device)
    if case.in_place:
        out[: x.numel()] = x.flatten()
    source = out if case.in_place else x
    kernels.get(catalogue.RMS_NORM)(
        (case.rows, 1, 1), 256, source.data_ptr(), inputs.weight.data_ptr(), EPS, case.size, out.data_ptr()
    )
    return out[: x.numel()].view_as(x), out[x.numel() :]


def norm_reference(inputs: NormInputs) -> Tensors:
    return reference.rms_norm(inputs.x, inputs.weight, EPS), poisoned(MARGIN, device=inputs.x.device)


@dataclass(frozen=True)
class PairCase:
    """An operation of two arrays of `count` values, by `blocks` thread blocks."""

    count: int
    blocks: int


@dataclass(frozen=True)
class PairInputs:
    case: PairCase
    x: torch.Tensor
    y: torch.Tensor


def pair_inputs(case: PairCase, draw: Draw) -> PairInputs:
    x = draw.normal(case.count, scale=8.0)
    x[:2] = torch.tensor([-200.0, 200.0])[: x.numel()]  # where the exponential overflows and where it vanishes
    return PairInputs(case, x, draw.normal(case.count))


def launch_gated_silu(kernels: KernelCache, inputs: PairInputs) -> Tensors:
    return _launch_gated(kernels, catalogue.GATED_SILU, inputs)


def launch_gated_gelu(kernels: KernelCache, inputs: PairInputs) -> Tensors:
    return _launch_gated(kernels, catalogue.GATED_GELU, inputs)


def _launch_gated(kernels: KernelCache, source: KernelSource, inputs: PairInputs) -> Tensors:
    case = inputs.case
    out = poisoned(case.count + MARGIN, device=inputs.x.device)
    out[: case.count] = inputs.x
    kernels.get(source)((case.blocks, 1, 1), 256, out.data_ptr(), inputs.y.data_ptr(), case.count)
    return out[: case.count], out[case.count :]


def gated_silu_reference(inputs: PairInputs) -> Tensors:
    return reference.gated_silu(inputs.x, inputs.y), poisoned(MARGIN, device=inputs.x.device)


def gated_gelu_reference(inputs: PairInputs) -> Tensors:
    return reference.gated_gelu(inputs.x, inputs.y), poisoned(MARGIN, device=inputs.x.device)


@dataclass(frozen=True)
class EmbedCase:
    dtype: torch.dtype
    vocab_size: int
    size: int
    tokens: int


@dataclass(frozen=True)
class EmbedInputs:
    case: EmbedCase
    table: torch.Tensor
    token_ids: torch.Tensor


def embed_inputs(case: EmbedCase, draw: Draw) -> EmbedInputs:
    token_ids = draw.integers(0, case.vocab_size, case.tokens)
    token_ids[-1] = case.vocab_size - 1
    return EmbedInputs(case, draw.normal(case.vocab_size, case.size, dtype=case.dtype), token_ids)


def launch_embed(kernels: KernelCache, inputs: EmbedInputs) -> Tensors:
    case, table = inputs.case, inputs.table
    out = poisoned(case.tokens + 1, case.size, device=table.device)
    kernels.get(catalogue.EMBED)(
        (case.tokens, -(-case.size // 256), 1), 256, table.data_ptr(), TABLE_KINDS[case.dtype],
        inputs.token_ids.data_ptr(), case.size, out.data_ptr(),
    )  # fmt: skip
    return out[:-1], out[-1]


def embed_reference(inputs: EmbedInputs) -> Tensors:
    return reference.embed(inputs.table, inputs.token_ids), poisoned(inputs.case.size, device=inputs.table.device)
