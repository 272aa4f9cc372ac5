"""EXL3 products of medium numbers of rows and their inputs on tensors: inputs by size, launches, references.

Sizes of a case are padded ones, in multiples of 128. Outputs carry a margin that must stay NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gpu.kernels import catalogue
from gpu.kernels.medium_layout import Shape
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw, padded_size, poisoned
from gpu.reference import exl3 as reference
from gpu.reference.elementwise import rms_norm

Tensors = tuple[torch.Tensor, ...]
PREPARE_EPS = 1e-5
PREPARE_THREADS = 1024


@dataclass(frozen=True)
class ProductCase:
    """`in_size` and `out_sizes` (of up to three matrices) are multiples of 128; spare: rows of room besides."""

    bits: int
    codebook: str
    shape: Shape
    rows: int
    in_size: int
    out_sizes: tuple[int, ...]
    splits: int
    spare: int


@dataclass(frozen=True)
class ProductInputs:
    """words: int16 [in / 16, out / 16, 16 * bits] of each matrix; x: fp16 [M, rows + spare, in], NaN in the spare
    rows; scales: float32 [M, rows + spare].
    """

    case: ProductCase
    words: Tensors
    x: torch.Tensor
    scales: torch.Tensor


def product_inputs(case: ProductCase, draw: Draw) -> ProductInputs:
    tiles, unit, matrices = case.in_size // 16, 16 * case.bits, len(case.out_sizes)
    words = tuple(draw.integers(-32768, 32768, tiles, size // 16, unit, dtype=torch.int16) for size in case.out_sizes)
    x = draw.normal(matrices, case.rows + case.spare, case.in_size, dtype=torch.float16)
    scales = draw.uniform(1e-6, 1e-5, matrices, case.rows + case.spare)
    x[:, case.rows :], scales[:, case.rows :] = float("nan"), float("nan")
    return ProductInputs(case, words, x, scales)


def launch_product(kernels: KernelCache, inputs: ProductInputs) -> Tensors:
    case, words, shape = inputs.case, inputs.words, inputs.case.shape
    width = sum(case.out_sizes)
    blocks = [-(-size // shape.columns) for size in case.out_sizes]
    firsts = [sum(blocks[:i]) if i < len(blocks) else sum(blocks) for i in (1, 2)]
    partial = poisoned(case.splits + 1, case.rows, width, device=inputs.x.device)
    kernels.get(catalogue.exl3_medium(case.bits, case.codebook, shape))(
        (sum(blocks), case.splits, 1), shape.threads, *(words[min(i, len(words) - 1)].data_ptr() for i in range(3)),
        *(words[min(i, len(words) - 1)].shape[1] for i in range(3)), *firsts,
        inputs.x.data_ptr(), 2 * inputs.x.stride(0), 2 * case.in_size, inputs.scales.data_ptr(),
        4 * inputs.scales.stride(0), partial.data_ptr(), width, case.in_size // 16, case.rows,
    )  # fmt: skip
    return partial[:-1].double().sum(0), partial[-1]


def product_reference(inputs: ProductInputs) -> Tensors:
    rows = inputs.case.rows
    x = inputs.x[:, :rows].double() * inputs.scales[:, :rows, None].double()
    product = reference.matmul(inputs.words, x, inputs.case.codebook, is_rounded=True)
    return product, torch.full_like(product, float("nan"))


@dataclass(frozen=True)
class PrepareCase:
    """Inputs of `matrices` linears; norm: with an RMS norm before; offset: values that x begins after an alignment."""

    rows: int
    row_capacity: int
    in_features: int
    matrices: int
    norm: bool
    offset: int
    size: float = 1.0


@dataclass(frozen=True)
class PrepareInputs:
    """x: float32 [rows, in_features], NaN around it; suh: fp16 [M, padded]; norm: float32 [in_features]."""

    case: PrepareCase
    x: torch.Tensor
    suh: torch.Tensor
    norm: torch.Tensor


def prepare_inputs(case: PrepareCase, draw: Draw) -> PrepareInputs:
    padded = padded_size(case.in_features)
    values = draw.normal(case.rows, case.in_features, scale=case.size)
    values[1:2] = 0.0  # a row without a largest value
    values[2:3, 1:] *= 1e-4  # a row with one large value
    x = draw.padded(values, case.in_features + 5)
    if case.offset:
        x = torch.cat((poisoned(case.offset, device=x.device), x.flatten()))[case.offset :].view(x.shape)
    suh = draw.normal(case.matrices, padded, dtype=torch.float16, scale=0.1)
    return PrepareInputs(case, x[:, : case.in_features], suh, draw.normal(case.in_features))


def launch_prepare(kernels: KernelCache, inputs: PrepareInputs) -> Tensors:
    """The values that halves and scales stand for, for each row over its length; what is behind the last row."""
    case, padded, device = inputs.case, inputs.suh.shape[1], inputs.x.device
    out = poisoned(case.matrices, case.row_capacity, padded, device=device, dtype=torch.float16)
    scales = poisoned(case.matrices, case.row_capacity, device=device)
    kernels.get(catalogue.PREPARE_MEDIUM)(
        (case.rows, case.matrices, 1), PREPARE_THREADS, inputs.x.data_ptr(), inputs.x.stride(0), case.in_features,
        inputs.norm.data_ptr() if case.norm else 0, PREPARE_EPS, inputs.suh.data_ptr(), padded // 128,
        case.row_capacity, out.data_ptr(), scales.data_ptr(),
    )  # fmt: skip
    return _over_length(out.double() * scales.double()[..., None], inputs), scales[:, case.rows :]


def prepare_reference(inputs: PrepareInputs) -> Tensors:
    case, padded = inputs.case, inputs.suh.shape[1]
    x = rms_norm(inputs.x, inputs.norm, PREPARE_EPS) if case.norm else inputs.x
    wide = poisoned(case.matrices, case.row_capacity, padded, device=inputs.x.device, dtype=torch.float64)
    wide[:, : case.rows] = reference.rotate_input(x, inputs.suh)
    behind = poisoned(case.matrices, case.row_capacity - case.rows, device=inputs.x.device)
    return _over_length(wide, inputs), behind


def _over_length(values: torch.Tensor, inputs: PrepareInputs) -> torch.Tensor:
    """Each row over the length of its input, so that the error of every row counts."""
    length = inputs.x.double().norm(dim=-1)[:, None].clamp(min=1e-30) if not inputs.case.norm else 1.0
    known = values.clone()
    known[:, : inputs.case.rows] /= length
    return known
