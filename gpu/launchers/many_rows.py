"""What stands around a product of many rows, on tensors: inputs by size, the launch, the reference beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gpu.kernels import catalogue
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw, padded_size, poisoned
from gpu.reference import exl3, many_rows

Tensors = tuple[torch.Tensor, ...]
THREADS = 256
WARPS = THREADS // 32
EPS = 1e-5


def _warps_grid(rows: int, width: int) -> tuple[int, int, int]:
    return -(-rows * -(-width // 512) // WARPS), 1, 1


@dataclass(frozen=True)
class DecodeCase:
    """Decodes `tiles` tiles of each row from `first` on."""

    bits: int
    codebook: str
    in_size: int
    out_size: int
    first: int
    tiles: int


@dataclass(frozen=True)
class DecodeInputs:
    case: DecodeCase
    words: torch.Tensor


def decode_inputs(case: DecodeCase, draw: Draw) -> DecodeInputs:
    shape = (case.in_size // 16, case.out_size // 16, 16 * case.bits)
    return DecodeInputs(case, draw.integers(-32768, 32768, *shape, dtype=torch.int16))


def launch_decode(kernels: KernelCache, inputs: DecodeInputs) -> Tensors:
    case, words = inputs.case, inputs.words
    out = poisoned(16 * case.tiles + 1, case.in_size, device=words.device, dtype=torch.float16)
    kernels.get(catalogue.exl3_decode(case.bits, case.codebook))(
        (-(-case.tiles // WARPS), case.in_size // 128, 1), THREADS,
        words.data_ptr() + 32 * case.bits * case.first, out.data_ptr(), case.tiles, words.shape[1], case.in_size,
    )  # fmt: skip
    return (out,)


def decode_reference(inputs: DecodeInputs) -> Tensors:
    case = inputs.case
    out = poisoned(16 * case.tiles + 1, case.in_size, device=inputs.words.device, dtype=torch.float16)
    out[:-1] = many_rows.decode(inputs.words[:, case.first : case.first + case.tiles], case.codebook)
    return (out,)


@dataclass(frozen=True)
class PrepareCase:
    """spare: values between rows of x that are no one's."""

    rows: int
    in_features: int
    matrices: int
    norm: bool
    spare: int


@dataclass(frozen=True)
class PrepareInputs:
    """x: float32 [rows, in + spare], NaN behind the inputs; suh: fp16 [M, padded]; norm: float32 [in]."""

    case: PrepareCase
    x: torch.Tensor
    suh: torch.Tensor
    norm: torch.Tensor


def prepare_inputs(case: PrepareCase, draw: Draw) -> PrepareInputs:
    x = draw.normal(case.rows, case.in_features)
    x[1:2] = 0.0
    suh = draw.normal(case.matrices, padded_size(case.in_features), dtype=torch.float16)
    return PrepareInputs(case, draw.padded(x, case.in_features + case.spare), suh, draw.normal(case.in_features))


def launch_prepare(kernels: KernelCache, inputs: PrepareInputs) -> Tensors:
    case, padded, device = inputs.case, inputs.suh.shape[1], inputs.x.device
    out = poisoned(case.matrices * case.rows + 1, padded, device=device, dtype=torch.float16)
    suh = torch.tensor([row.data_ptr() for row in inputs.suh], dtype=torch.int64, device=device)
    kernels.get(catalogue.PREPARE_MANY)(
        (case.rows, 1, 1), THREADS, inputs.x.data_ptr(), inputs.x.stride(0), case.in_features,
        inputs.norm.data_ptr() if case.norm else 0, EPS, suh.data_ptr(), padded // 128, case.matrices, out.data_ptr(),
    )  # fmt: skip
    return (out,)


def prepare_reference(inputs: PrepareInputs) -> Tensors:
    case = inputs.case
    x = inputs.x[:, : case.in_features]
    values = many_rows.prepare(x, inputs.norm if case.norm else None, EPS, inputs.suh).flatten(0, 1)
    margin = poisoned(1, values.shape[1], device=x.device, dtype=torch.float64)
    return (torch.cat((values, margin)),)


@dataclass(frozen=True)
class FinishCase:
    """spare: values between rows of the output that are no one's; in_place: over the product, where they are none."""

    rows: int
    columns: int
    accumulate: bool
    spare: int
    in_place: bool = False


@dataclass(frozen=True)
class FinishInputs:
    """held: float32 [rows, columns], what the output holds before."""

    case: FinishCase
    product: torch.Tensor
    svh: torch.Tensor
    bias: torch.Tensor
    held: torch.Tensor


def finish_inputs(case: FinishCase, draw: Draw) -> FinishInputs:
    width = padded_size(case.columns)
    svh, bias = (draw.normal(width, dtype=torch.float16) for _ in range(2))
    return FinishInputs(case, draw.normal(case.rows, width), svh, bias, draw.normal(case.rows, case.columns))


def launch_finish(kernels: KernelCache, inputs: FinishInputs) -> Tensors:
    case, width = inputs.case, inputs.svh.shape[0]
    out = poisoned(case.rows + 1, case.columns + case.spare, device=inputs.svh.device)
    if case.accumulate:
        out[:-1, : case.columns] = inputs.held
    if case.in_place:
        out[:-1] = inputs.product
    product = out if case.in_place else inputs.product
    kernels.get(catalogue.FINISH_MANY)(
        _warps_grid(case.rows, width), THREADS, product.data_ptr(), case.rows, width, inputs.svh.data_ptr(),
        inputs.bias.data_ptr(), out.data_ptr(), out.stride(0), case.columns, int(case.accumulate),
    )  # fmt: skip
    return (out,)


def finish_reference(inputs: FinishInputs) -> Tensors:
    case = inputs.case
    values = exl3.finish_output(inputs.product[None], inputs.svh, inputs.bias)[:, : case.columns]
    out = poisoned(case.rows + 1, case.columns + case.spare, device=values.device, dtype=torch.float64)
    out[:-1, : case.columns] = values + inputs.held if case.accumulate else values
    return (out,)


@dataclass(frozen=True)
class GatedCase:
    """spare: values between rows of the output that are no one's, a multiple of 8; blocks: of the launch."""

    rows: int
    columns: int
    spare: int
    blocks: int


@dataclass(frozen=True)
class GatedInputs:
    """products: float32 [2, rows, width] of gate and up; svh, bias: fp16 [2, width]; suh: fp16 [width]."""

    case: GatedCase
    products: torch.Tensor
    svh: torch.Tensor
    bias: torch.Tensor
    suh: torch.Tensor


def gated_inputs(case: GatedCase, draw: Draw) -> GatedInputs:
    width = padded_size(case.columns)
    products = draw.normal(2, case.rows, width, scale=4.0)
    svh, bias = (draw.normal(2, width, dtype=torch.float16) for _ in range(2))
    return GatedInputs(case, products, svh, bias, draw.normal(width, dtype=torch.float16, scale=0.1))


def launch_gated(kernels: KernelCache, inputs: GatedInputs) -> Tensors:
    case, width = inputs.case, inputs.suh.shape[0]
    out = poisoned(case.rows + 1, width + case.spare, device=inputs.suh.device, dtype=torch.float16)
    kernels.get(catalogue.FINISH_GATED_MANY)(
        (case.blocks, 1, 1), THREADS, inputs.products[0].data_ptr(), inputs.products[1].data_ptr(),
        case.rows, width, case.columns, inputs.svh[0].data_ptr(), inputs.svh[1].data_ptr(), inputs.bias[0].data_ptr(),
        inputs.bias[1].data_ptr(), inputs.suh.data_ptr(), out.data_ptr(), out.stride(0),
    )  # fmt: skip
    return (out,)


def gated_reference(inputs: GatedInputs) -> Tensors:
    case = inputs.case
    values = many_rows.finish_gated(inputs.products, inputs.svh, inputs.bias, inputs.suh, case.columns)
    out = poisoned(case.rows + 1, values.shape[1] + case.spare, device=values.device, dtype=torch.float64)
    out[:-1, : values.shape[1]] = values
    return (out,)
