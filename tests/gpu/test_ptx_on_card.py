"""Each PTX instruction of `gpu.ptx` in a kernel of its own, on a card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from gpu.launch import KernelCache, KernelSource

pytestmark = pytest.mark.gpu
WARP = 32


@pytest.fixture(scope="module")
def kernels() -> KernelCache:
    return KernelCache(None, torch.cuda.get_device_capability())


def _run(kernels: KernelCache, name: str, build: Callable[[], Any], out: torch.Tensor, *inputs: torch.Tensor) -> None:
    """One warp with the addresses of the inputs and, last, of the output."""
    kernel = kernels.get(KernelSource(f"try_{name}", "u" * (len(inputs) + 1), build))
    kernel((1, 1, 1), WARP, *[tensor.data_ptr() for tensor in inputs], out.data_ptr())
    torch.cuda.synchronize()


def _random(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7 + len(shape) + shape[0])
    return torch.randn(shape, generator=generator).to(dtype).cuda()


def _random_words(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(-(2**31), 2**31, (count,), generator=generator).to(torch.int32).cuda()


def _unary(load: str, store: str, size_in: int, size_out: int, between: str | None = None) -> Callable[[], Any]:
    """A kernel that loads a value a lane, passes it through a function and stores it."""

    def build() -> Any:
        from numba import cuda
        from numba.core import types

        from gpu import ptx

        load_value, store_value = getattr(ptx, load), getattr(ptx, store)
        if between is None:

            def plain(source, out):  # type: ignore[no-untyped-def]
                lane = cuda.threadIdx.x
                store_value(out + types.uint64(size_out * lane), load_value(source + types.uint64(size_in * lane)))

            return cuda.jit(plain)
        change = getattr(ptx, between)

        def changed(source, out):  # type: ignore[no-untyped-def]
            lane = cuda.threadIdx.x
            value = load_value(source + types.uint64(size_in * lane))
            store_value(out + types.uint64(size_out * lane), change(value))

        return cuda.jit(changed)

    return build


@pytest.mark.parametrize(
    ("load", "dtype"), [("load_float", torch.float32), ("load_half", torch.float16), ("load_bfloat", torch.bfloat16)]
)
def test_loads_become_float32(load: str, dtype: torch.dtype, kernels: KernelCache) -> None:
    values, out = _random(WARP, dtype=dtype), torch.full((WARP + 1,), float("nan")).cuda()
    _run(kernels, load, _unary(load, "store_float", values.element_size(), 4), out, values)
    assert torch.equal(out[:WARP], values.float())
    assert out[WARP].isnan()


def test_store_half_rounds_to_nearest_even(kernels: KernelCache) -> None:
    values = _random(WARP)
    values[:4] = torch.tensor([1.00048828125, 1.00146484375, 1e-6, 70000.0])  # two ties, a subnormal, too large
    out = torch.full((WARP + 1,), float("nan"), dtype=torch.float16).cuda()
    _run(kernels, "store_half", _unary("load_float", "store_half", 4, 2), out, values)
    assert torch.equal(out[:WARP], values.half())
    assert out[WARP].isnan()


def test_exp2_fast(kernels: KernelCache) -> None:
    values = _random(WARP) * 10
    values[0], values[1] = -1e30, 0.0
    out = torch.full((WARP,), float("nan")).cuda()
    _run(kernels, "exp2_fast", _unary("load_float", "store_float", 4, 4, "exp2_fast"), out, values)
    torch.testing.assert_close(out.double(), values.double().exp2(), rtol=4e-7, atol=1e-37)
    assert out[0] == 0
    assert out[1] == 1


def test_round_to_int_takes_the_even_one_of_two(kernels: KernelCache) -> None:
    def build() -> Any:
        from numba import cuda
        from numba.core import types

        from gpu.ptx import load_float, round_to_int, store_word

        def kernel(source, out):  # type: ignore[no-untyped-def]
            at = types.uint64(4 * cuda.threadIdx.x)
            store_word(out + at, types.uint32(round_to_int(load_float(source + at))))

        return cuda.jit(kernel)

    values = _random(WARP) * 1000
    values[:5] = torch.tensor([0.5, 1.5, -2.5, -0.5000001, float("nan")])
    out = torch.full((WARP,), 99, dtype=torch.int32).cuda()
    _run(kernels, "round_to_int", build, out, values)
    assert torch.equal(out, values.nan_to_num(0.0).round().to(torch.int32))


def test_load_int_and_store_word_keep_all_bits(kernels: KernelCache) -> None:
    def build() -> Any:
        from numba import cuda
        from numba.core import types

        from gpu.ptx import load_int, store_word

        def kernel(source, out):  # type: ignore[no-untyped-def]
            at = types.uint64(4 * cuda.threadIdx.x)
            store_word(out + at, types.uint32(load_int(source + at) - 3))

        return cuda.jit(kernel)

    values = _random_words(WARP)
    values[0] = -5
    out = torch.zeros(WARP, dtype=torch.int32).cuda()
    _run(kernels, "load_int", build, out, values)
    assert torch.equal(out, values - 3)


def test_load_long(kernels: KernelCache) -> None:
    def build() -> Any:
        from numba import cuda
        from numba.core import types

        from gpu.ptx import load_long, store_word

        def kernel(source, out):  # type: ignore[no-untyped-def]
            value = load_long(source + types.uint64(8 * cuda.threadIdx.x))
            at = out + types.uint64(8 * cuda.threadIdx.x)
            store_word(at, types.uint32(value & types.uint64(0xFFFFFFFF)))
            store_word(at + types.uint64(4), types.uint32(value >> types.uint64(32)))

        return cuda.jit(kernel)

    values = _random_words(2 * WARP).view(torch.int64)
    out = torch.zeros_like(values)
    _run(kernels, "load_long", build, out, values)
    assert torch.equal(out, values)


def test_load_floats_and_halves_from_floats(kernels: KernelCache) -> None:
    def build() -> Any:
        from numba import cuda
        from numba.core import types

        from gpu.ptx import halves_from_floats, load_floats, store_word

        def kernel(source, out):  # type: ignore[no-untyped-def]
            a, b, c, d = load_floats(source + types.uint64(16 * cuda.threadIdx.x))
            at = out + types.uint64(8 * cuda.threadIdx.x)
            store_word(at, halves_from_floats(a, b))
            store_word(at + types.uint64(4), halves_from_floats(c, d))

        return cuda.jit(kernel)

    values = _random(4 * WARP)
    out = torch.full((4 * WARP,), float("nan"), dtype=torch.float16).cuda()
    _run(kernels, "load_floats", build, out, values)
    assert torch.equal(out, values.half())


def _emitter(emit: Callable[..., Any], result: str, *arguments: str) -> Any:
    """An intrinsic of an emitter that takes and gives single values."""
    from numba.core import types
    from numba.cuda.extending import intrinsic

    kinds = [getattr(types, kind) for kind in arguments]

    @intrinsic
    def function(typingctx, x, y, z):  # type: ignore[no-untyped-def]
        def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
            return emit(b, *args)

        return getattr(types, result)(*kinds), codegen

    return function


def _loader() -> Any:
    """load_words of one word as an intrinsic."""
    from numba.core import types
    from numba.cuda.extending import intrinsic

    from gpu import ptx

    @intrinsic
    def load(typingctx, address):  # type: ignore[no-untyped-def]
        def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
            return ptx.load_words(b, args[0], 1)[0]

        return types.uint32(types.uint64), codegen

    return load


def _word_kernel(name: str) -> Callable[[], Any]:
    """out = an emitter of three words, one of each input."""

    def build() -> Any:
        from numba import cuda
        from numba.core import types

        from gpu import ptx

        emitters: dict[str, Callable[..., Any]] = {
            "unsigned": lambda b, x, y, z: ptx.dot_bytes(b, x, y, z),
            "signed": lambda b, x, y, z: ptx.dot_bytes(b, x, y, z, signed=True),
            "permute_bytes": lambda b, x, y, z: ptx.permute_bytes(b, x, y, 0x5432),
        }
        combine, load = _emitter(emitters[name], "uint32", "uint32", "uint32", "uint32"), _loader()
        store_word = ptx.store_word

        def kernel(x, y, z, out):  # type: ignore[no-untyped-def]
            at = types.uint64(4 * cuda.threadIdx.x)
            store_word(out + at, combine(load(x + at), load(y + at), load(z + at)))

        return cuda.jit(kernel)

    return build


@pytest.mark.parametrize("name", ["unsigned", "signed", "permute_bytes"])
def test_byte_instructions(name: str, kernels: KernelCache) -> None:
    x, y, z = _random_words(WARP), _random_words(WARP + 1)[:WARP].clone(), _random_words(WARP + 2)[:WARP].clone()
    out = torch.zeros(WARP, dtype=torch.int32).cuda()
    _run(kernels, name, _word_kernel(name), out, x, y, z)
    x_bytes, y_bytes = x.view(torch.uint8).view(WARP, 4), y.view(torch.uint8).view(WARP, 4)
    if name == "permute_bytes":
        expected = torch.cat((x_bytes[:, 2:], y_bytes[:, :2]), dim=1).contiguous().view(torch.int32)[:, 0]
    else:
        factors = y.view(torch.int8).view(WARP, 4) if name == "signed" else y_bytes
        expected = ((x_bytes.long() * factors.long()).sum(1) + z.long()).to(torch.int32)
    assert torch.equal(out, expected)


def test_fma_rounds_once(kernels: KernelCache) -> None:
    def build() -> Any:
        from numba import cuda
        from numba.core import types

        from gpu import ptx

        fma = _emitter(ptx.fma, "float32", "float32", "float32", "float32")
        load_float, store_float = ptx.load_float, ptx.store_float

        def kernel(x, y, z, out):  # type: ignore[no-untyped-def]
            at = types.uint64(4 * cuda.threadIdx.x)
            store_float(out + at, fma(load_float(x + at), load_float(y + at), load_float(z + at)))

        return cuda.jit(kernel)

    x, y = _random(WARP), _random(WARP, 1).flatten()
    z = -(x * y)  # what is left is the product's rounding error, which two roundings would lose
    out = torch.full((WARP,), float("nan")).cuda()
    _run(kernels, "fma", build, out, x, y, z)
    assert torch.equal(out, (x.double() * y.double() + z.double()).float())
    assert out.abs().max() > 0


def test_load_words_of_every_size(kernels: KernelCache) -> None:
    def build() -> Any:
        from numba import cuda
        from numba.core import cgutils, types
        from numba.cuda.extending import intrinsic

        from gpu import ptx

        all_words = types.UniTuple(types.uint32, 7)

        @intrinsic
        def load(typingctx, address):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                step = args[0].type(16)
                four, two = ptx.load_words(b, args[0], 4), ptx.load_words(b, b.add(args[0], step), 2)
                one = ptx.load_words(b, b.add(args[0], args[0].type(24)), 1)
                return cgutils.pack_array(b, [*four, *two, *one])

            return all_words(types.uint64), codegen

        store_word = ptx.store_word

        def kernel(source, out):  # type: ignore[no-untyped-def]
            at = types.uint64(32 * cuda.threadIdx.x)
            words = load(source + at)
            for i in range(7):
                store_word(out + at + types.uint64(4 * i), words[i])

        return cuda.jit(kernel)

    values = _random_words(8 * WARP)
    out = torch.zeros_like(values)
    _run(kernels, "load_words", build, out, values)
    kept = values.view(WARP, 8).clone()
    kept[:, 7] = 0
    assert torch.equal(out.view(WARP, 8), kept)


def _mma_kernel(name: str) -> Callable[[], Any]:
    """out = a b + c for a [16, 32 bytes], b^T [8, 32 bytes] and 32-bit c [16, 8]."""

    def build() -> Any:
        from llvmlite import ir
        from numba import cuda
        from numba.core import cgutils, types
        from numba.cuda.extending import intrinsic

        from gpu import ptx

        emit, is_float = getattr(ptx, name), name == "mma_m16n8k16"
        sums_kind = ir.FloatType() if is_float else ir.IntType(32)
        operands_type, words_type = types.UniTuple(types.uint32, 6), types.UniTuple(types.uint32, 4)

        @intrinsic
        def multiply(typingctx, operands, sums):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                registers = [b.extract_value(args[0], i) for i in range(6)]
                totals = [b.bitcast(b.extract_value(args[1], i), sums_kind) for i in range(4)]
                result = emit(b, registers[:4], registers[4:], totals)
                return cgutils.pack_array(b, [b.bitcast(value, ir.IntType(32)) for value in result])

            return words_type(operands_type, words_type), codegen

        load, store_word = _loader(), ptx.store_word

        def kernel(a, b, c, out):  # type: ignore[no-untyped-def]
            group, quad = cuda.threadIdx.x >> 2, cuda.threadIdx.x & 3
            left = a + types.uint64(32 * group + 4 * quad)
            right = b + types.uint64(32 * group + 4 * quad)
            at = types.uint64(32 * group + 8 * quad)
            one, half, low = types.uint64(4), types.uint64(16), types.uint64(256)  # next word, half of k, row 8
            operands = (
                load(left), load(left + low), load(left + half), load(left + low + half),
                load(right), load(right + half),
            )  # fmt: skip
            sums = (load(c + at), load(c + at + one), load(c + at + low), load(c + at + low + one))
            result = multiply(operands, sums)
            store_word(out + at, result[0])
            store_word(out + at + one, result[1])
            store_word(out + at + low, result[2])
            store_word(out + at + low + one, result[3])

        return cuda.jit(kernel)

    return build


def test_mma_of_halves(kernels: KernelCache) -> None:
    a, b_transposed, c = _random(16, 16, dtype=torch.float16), _random(8, 16, dtype=torch.float16), _random(16, 8)
    out = torch.full((16, 8), float("nan")).cuda()
    _run(kernels, "mma_halves", _mma_kernel("mma_m16n8k16"), out, a, b_transposed, c)
    torch.testing.assert_close(out.double(), c.double() + a.double() @ b_transposed.double().T, rtol=1e-5, atol=1e-5)


def test_mma_of_bytes(kernels: KernelCache) -> None:
    a, b_transposed = _random_words(16 * 8).view(torch.uint8).view(16, 32), _random_words(8 * 8).view(torch.int8)
    c, out = _random_words(16 * 8).view(16, 8) // 4, torch.zeros(16, 8, dtype=torch.int32).cuda()
    _run(kernels, "mma_bytes", _mma_kernel("mma_m16n8k32"), out, a, b_transposed, c)
    product = (a.double() @ b_transposed.view(8, 32).double().T).long()
    assert torch.equal(out.long(), product + c)


def test_four_words_of_a_lane(kernels: KernelCache) -> None:
    def build() -> Any:
        from numba import cuda
        from numba.core import types

        from gpu.ptx import load_quad, store_word

        def kernel(source, out):  # type: ignore[no-untyped-def]
            lane = cuda.threadIdx.x
            words = load_quad(source + types.uint64(16 * lane))
            for i in range(4):
                store_word(out + types.uint64(4 * (4 * lane + 3 - i)), words[i])

        return cuda.jit(kernel)

    words = _random_words(4 * WARP)
    out = torch.zeros(4 * WARP + 1, dtype=torch.int32).cuda()
    _run(kernels, "load_quad", build, out, words)
    assert torch.equal(out[:-1].view(WARP, 4), words.view(WARP, 4).flip(1))
    assert out[-1] == 0
