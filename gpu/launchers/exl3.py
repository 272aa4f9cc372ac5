"""EXL3 products of few rows and their rotations on tensors: inputs by size, the launch, the reference beside it.

Sizes of a case are padded ones, in multiples of 128. Outputs carry a margin that must stay NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gpu.kernels import catalogue
from gpu.kernels.few_layout import PRODUCT_THREADS, Road, splits_of, units_of
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw, poisoned
from gpu.reference import exl3 as reference
from gpu.reference.elementwise import rms_norm

Tensors = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class ProductCase:
    """`in_size` and `out_sizes` (of up to three matrices) are multiples of 128."""

    bits: int
    codebook: str
    road: Road
    rows: int
    in_size: int
    out_sizes: tuple[int, ...]
    run: int  # tile rows of a warp

    @property
    def splits(self) -> int:
        return splits_of(self.run, self.in_size // 16)


@dataclass(frozen=True)
class ProductInputs:
    """words: int16 [in / 16, out / 16, 16 * bits] of each matrix; x: codes int16 or halves fp16 [M, rows, in]; scales:
    float32 [M, rows, in / 128, 2].
    """

    case: ProductCase
    words: Tensors
    x: torch.Tensor
    scales: torch.Tensor


def product_inputs(case: ProductCase, draw: Draw) -> ProductInputs:
    tiles, unit, matrices = case.in_size // 16, 16 * case.bits, len(case.out_sizes)
    words = tuple(draw.integers(-32768, 32768, tiles, size // 16, unit, dtype=torch.int16) for size in case.out_sizes)
    scales = draw.uniform(1e-6, 1e-5, matrices, case.rows, case.in_size // 128, 2)
    if case.road.is_bytes:
        x = reference.limbs_of(draw.integers(-32639, 32640, matrices, case.rows, case.in_size))
        scales[..., 1] = draw.normal(matrices, case.rows, case.in_size // 128)
    else:
        x = draw.normal(matrices, case.rows, case.in_size, dtype=torch.float16)
        scales[..., 1] = float("nan")
    # The kernel may read past the inputs, and must not use what it finds.
    held = poisoned(x.numel() + case.in_size + 16, device=x.device, dtype=torch.float16).view(x.dtype)
    held[: x.numel()] = x.flatten()
    return ProductInputs(case, words, held[: x.numel()].view(x.shape), scales)


def launch_product(kernels: KernelCache, inputs: ProductInputs) -> Tensors:
    case, words, road = inputs.case, inputs.words, inputs.case.road
    blocks = [size // road.columns for size in case.out_sizes]
    firsts = [sum(blocks[:i]) if i < len(blocks) else sum(blocks) for i in (1, 2)]
    partial = poisoned(case.splits + 1, case.rows, road.columns * sum(blocks), device=inputs.x.device)
    kernels.get(catalogue.exl3_product(case.bits, case.codebook, road))(
        (sum(blocks), case.splits, 1), PRODUCT_THREADS,
        *(words[min(i, len(words) - 1)].data_ptr() for i in range(3)),
        *(words[min(i, len(words) - 1)].shape[1] for i in range(3)), *firsts,
        inputs.x.data_ptr(), 2 * inputs.x.stride(0), inputs.scales.data_ptr(), 4 * inputs.scales.stride(0),
        2 * case.in_size, 4 * inputs.scales.stride(1), partial.data_ptr(), case.in_size // 16,
        *units_of(case.run), case.rows,
    )  # fmt: skip
    return partial[:-1].double().sum(0), partial[-1]


def product_reference(inputs: ProductInputs) -> Tensors:
    case, factors = inputs.case, inputs.scales[..., :1]
    if case.road.kind == "byte":
        codes = 256 * (reference.codes_of(inputs.x) + 128 >> 8)  # the high limbs alone
        zeros = -codes.view(*inputs.scales.shape[:3], 128).sum(-1, keepdim=True) * reference.MUL1_ZERO * factors
        product = reference.matmul_int(inputs.words, codes, torch.cat((factors, zeros), -1))
    elif case.road.kind == "bytes":
        product = reference.matmul_int(inputs.words, reference.codes_of(inputs.x), inputs.scales)
    else:
        matrices = len(inputs.words)
        x = (inputs.x.double().view(matrices, case.rows, -1, 128) * factors.double()).flatten(-2)
        product = reference.matmul(inputs.words, x, case.codebook, is_rounded=case.road.kind == "pairs")
    return product, torch.full_like(product, float("nan"))


@dataclass(frozen=True)
class InputSpace:
    """Room for the prepared inputs of `matrices` linears: `rows` of `row_capacity` rows are written.

    `codes`: two bytes each for the integer product, else fp16. One matrix more than asked for, which nobody may write.
    """

    matrices: int
    rows: int
    row_capacity: int
    padded: int
    codes: bool

    def buffers(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs [M + 1, row_capacity, padded] in 16 bits, float32 scales [M + 1, row_capacity, padded / 128, 2]."""
        shape = (self.matrices + 1, self.row_capacity, self.padded)
        out = poisoned(*shape, device=device, dtype=torch.float16)
        return out, poisoned(*shape[:2], self.padded // 128, 2, device=device)

    def meaning(self, out: torch.Tensor, scales: torch.Tensor) -> Tensors:
        """What a launch has written, for comparison with `expected`.

        Returns:
            The values that halves or codes stand for [M, rows, padded]; of codes what goes with them over what their
            sum asks for [M, rows, padded / 128], of halves what is there; both buffers where none was asked for.
        """
        written = slice(0, self.matrices), slice(0, self.rows)
        inputs, factors, shifts = out[written], scales[written][..., :1].double(), scales[written][..., 1]
        blocks = (self.matrices, self.rows, self.padded // 128, 128)
        if self.codes:
            factors = factors / reference.MUL1_SCALE
            units = reference.codes_of(inputs.view(torch.int16)).view(blocks)
            # The codes' own sum is what the product needs: that of the unrounded values can be near zero and far off.
            total = units.sum(-1)
            wanted = total * factors[..., 0] * reference.MUL1_OFFSET
            shifts = torch.where(total == 0, (shifts == 0).double(), shifts.double() / wanted)
        else:
            units = inputs.double().view(blocks)
        spare_inputs, spare_scales = out.clone(), scales.clone()
        spare_inputs[written], spare_scales[written] = float("nan"), float("nan")
        return (units * factors).flatten(-2), shifts, spare_inputs, spare_scales

    def expected(self, values: torch.Tensor) -> Tensors:
        """What `meaning` should give for values [M, rows, padded]."""
        shifts = torch.full((self.matrices, self.rows, self.padded // 128), 1.0 if self.codes else float("nan"))
        return values, shifts.to(values.device), *self.buffers(values.device)


@dataclass(frozen=True)
class PrepareCase:
    """Inputs of `matrices` linears; codes: for the integer product, else fp16; norm: with an RMS norm before."""

    rows: int
    row_capacity: int
    in_features: int
    matrices: int
    codes: bool
    norm: bool


@dataclass(frozen=True)
class PrepareInputs:
    """x: float32 [rows, x_stride], NaN behind the inputs; suh: fp16 [M, padded]; norm: float32 [in_features]."""

    case: PrepareCase
    x: torch.Tensor
    suh: torch.Tensor
    norm: torch.Tensor


PREPARE_EPS = 1e-5


def prepare_inputs(case: PrepareCase, draw: Draw) -> PrepareInputs:
    padded = -(-case.in_features // 128) * 128
    x = draw.normal(case.rows, case.in_features)
    x[1:2] = 0.0  # a row without a largest value
    suh = draw.normal(case.matrices, padded, dtype=torch.float16, scale=0.1)
    return PrepareInputs(case, draw.padded(x, case.in_features + 5), suh, draw.normal(case.in_features))


def _input_space(inputs: PrepareInputs) -> InputSpace:
    case = inputs.case
    return InputSpace(case.matrices, case.rows, case.row_capacity, inputs.suh.shape[1], case.codes)


def launch_prepare(kernels: KernelCache, inputs: PrepareInputs) -> Tensors:
    case, space = inputs.case, _input_space(inputs)
    out, scales = space.buffers(inputs.x.device)
    kernels.get(catalogue.prepare_input(case.codes))(
        (-(-space.padded // 1024), case.rows, case.matrices), 256, inputs.x.data_ptr(), inputs.x.stride(0),
        case.in_features, inputs.norm.data_ptr() if case.norm else 0, PREPARE_EPS, inputs.suh.data_ptr(),
        space.padded // 128, case.row_capacity, out.data_ptr(), scales.data_ptr(),
    )  # fmt: skip
    return space.meaning(out, scales)


def prepare_reference(inputs: PrepareInputs) -> Tensors:
    x = inputs.x[:, : inputs.case.in_features]
    if inputs.case.norm:
        x = rms_norm(x, inputs.norm, PREPARE_EPS)
    return _input_space(inputs).expected(reference.rotate_input(x, inputs.suh))


@dataclass(frozen=True)
class FinishCase:
    """`known`: for each block of 128 columns, how many go to its output; accumulate: are added to what is there."""

    rows: int
    splits: int
    known: tuple[int, ...]
    accumulate: bool


@dataclass(frozen=True)
class FinishInputs:
    """held: float32 [rows, width], what the outputs hold before."""

    case: FinishCase
    partial: torch.Tensor
    svh: torch.Tensor
    bias: torch.Tensor
    held: torch.Tensor


def finish_inputs(case: FinishCase, draw: Draw) -> FinishInputs:
    width = 128 * len(case.known)
    return FinishInputs(
        case,
        draw.normal(case.splits, case.rows, width),
        draw.normal(width, dtype=torch.float16),
        draw.normal(width, dtype=torch.float16),
        draw.normal(case.rows, width),
    )


def launch_finish(kernels: KernelCache, inputs: FinishInputs) -> Tensors:
    case, width = inputs.case, inputs.svh.shape[0]
    # Each block to a tensor of its own, with rows of another length.
    outs = [poisoned(case.rows, 128 + 3 * i, device=inputs.svh.device) for i in range(len(case.known))]
    if case.accumulate:
        for i, (out, known) in enumerate(zip(outs, case.known)):
            out[:, :known] = inputs.held[:, 128 * i : 128 * i + known]
    table = [[out.data_ptr(), out.stride(0), known] for out, known in zip(outs, case.known)]
    outputs = torch.tensor(table, dtype=torch.int64, device=inputs.svh.device)
    is_split = case.splits > 1
    grid = (width // 128 if is_split else -(-width // 512), case.rows, 1)
    kernels.get(catalogue.finish_output(is_split))(
        grid, 128, inputs.partial.data_ptr(), case.splits, case.rows, width,
        inputs.svh.data_ptr(), inputs.bias.data_ptr(), outputs.data_ptr(), len(case.known),
        int(case.accumulate),
    )  # fmt: skip
    return tuple(outs)


def finish_reference(inputs: FinishInputs) -> Tensors:
    case = inputs.case
    whole = reference.finish_output(inputs.partial, inputs.svh, inputs.bias)
    if case.accumulate:
        whole = whole + inputs.held
    outs = [poisoned(case.rows, 128 + 3 * i, device=whole.device) for i in range(len(case.known))]
    for i, known in enumerate(case.known):
        outs[i][:, :known] = whole[:, 128 * i : 128 * i + known].float()
    return tuple(outs)
