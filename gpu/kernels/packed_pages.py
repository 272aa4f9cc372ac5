"""Keys and values into a quantized cache, and pages of it back to fp16.

`append_packed` quantizes the keys and values of a step's tokens, which an fp16 kernel has left in staging pages;
`expand_packed` writes one sequence's keys and values as fp16 pages, for attention of many rows.

Launch, THREADS threads, a warp a group of 32 values: `append_packed`: grid (rows, KVH, 2); `expand_packed`: grid (any,
    KVH, 2), blocks take steps of 32 tokens in turn. K where blockIdx.z is 0, V where it is 1.
Layout: packed pages int32 [P, KVH, head_words] as in `packed_layout`; fp16 pages as in `attention`.
Source: the quantized cache's section of the format description, with a scale fitted to the codes by least squares.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda
from numba.core import types

from gpu.kernels.attention_layout import ALL_KEYS
from gpu.kernels.packed_ir import floor_to_int, replace_bits, warp_largest, warp_total
from gpu.kernels.packed_layout import GROUP, REACH, STEP, THREADS, code_words, head_words
from gpu.kernels.page_layout import PAGE
from gpu.kernels.warps import ALL_LANES
from gpu.ptx import let_next_start, load_half, load_int, round_to_int, store_half, store_word, wait_for_inputs

WARPS = THREADS // 32
BLOCKS = 8  # of a multiprocessor that `append_packed` leaves room for
ROOT = 32**-0.5
LARGEST = 65504.0
FINE = 256.0  # parts of a grid step in which the scale's fit counts
WHOLE = 0xFFFFFFFF


@cuda.jit(device=True, inline=True)
def rotate_32(value, lane):  # type: ignore[no-untyped-def]
    """A group with one value a lane, rotated; float32 throughout, strides ascending."""
    mask = 1
    while mask < 32:
        other = cuda.shfl_xor_sync(ALL_LANES, value, mask)
        value = other - value if lane & mask else value + other
        mask *= 2
    return value * types.float32(ROOT)


def _quantizer(bits: int) -> Any:
    """(value of a lane, lane) -> (its code, the group's scale)."""
    half, ratio = 2 ** (bits - 1), 2 ** (bits - 1) / REACH[bits]
    most, span = 2 * half - 1, 2 * REACH[bits] / FINE

    @cuda.jit(device=True, inline=True)
    def quantize(x, lane):  # type: ignore[no-untyped-def]
        h = rotate_32(x, lane)
        peak = warp_largest(abs(h))
        steps = types.float32(0.0)
        if peak > types.float32(0.0):
            steps = h * (types.float32(ratio) / peak)
        code = types.int32(floor_to_int(steps) + half)
        code = types.int32(0) if code < 0 else code
        code = types.int32(most) if code > most else code
        odd = types.int32(2 * code + 1 - 2 * half)
        shared = warp_total(types.int32(round_to_int(steps * types.float32(FINE)) * odd))
        fit = types.float32(shared) / types.float32(warp_total(types.int32(odd * odd)))
        return code, min(peak * types.float32(span) * fit, types.float32(LARGEST))

    return quantize


def _word_place(bits: int) -> Any:
    """(number, lane) -> where in its cell word `number` of a lane is; see `packed_layout.pieces`."""
    fours = bits // 4 * 4
    twos = fours + (bits & 2)

    @cuda.jit(device=True, inline=True)
    def word_place(number, lane):  # type: ignore[no-untyped-def]
        first, size = types.int32(twos), types.int32(1)
        if number < fours:
            first, size = types.int32(number & ~3), types.int32(4)
        elif number < twos:
            first, size = types.int32(fours), types.int32(2)
        return types.int32(32 * first + lane * size + number - first)

    return word_place


@cuda.jit(device=True, inline=True)
def _part(field, shift):  # type: ignore[no-untyped-def]
    """16 bits of a field, from bit -shift on or moved up by shift."""
    if shift >= 0:
        return types.uint32(types.uint32(field << types.uint32(shift)) & types.uint32(0xFFFF))
    return types.uint32(types.uint32(field >> types.uint32(-shift)) & types.uint32(0xFFFF))


def _writer(padded: int, bits: int, transposed: bool) -> Any:
    """(address of a page's head, slot, group, value of a lane, lane): quantizes a token's group into its place."""
    quantize, word_place = _quantizer(bits), _word_place(bits)
    groups, scales = padded // GROUP, 4 * code_words(padded, bits)
    full = (1 << 4 * bits) - 1  # a token's codes in one half of a lane's words

    @cuda.jit(device=True, inline=True)
    def write(page, slot, group, x, lane):  # type: ignore[no-untyped-def]
        code, scale = quantize(x, lane)
        step, t = types.int32(types.uint32(slot) // types.uint32(STEP)), types.int32(slot & (STEP - 1))
        cell = types.int32(step * groups + group)
        first_bit = types.int32((t >> 1 & 3) * 4 * bits)
        if transposed:
            target = types.int32(4 * (lane & 7) + (t >> 3))
            field = types.int32(code << types.int32((lane >> 3) * bits))
            field = types.int32(field | cuda.shfl_xor_sync(ALL_LANES, field, 8))
            field = types.int32(field | cuda.shfl_xor_sync(ALL_LANES, field, 16))
            low = high = types.uint32(field)
            number = types.int32((first_bit >> 4) + (lane >> 3))
            low_mask = types.uint32(0 if t & 1 else full)
            high_mask = types.uint32(full if t & 1 else 0)
        else:
            target = types.int32(4 * (2 * (t >> 3) + (t & 1)) + (lane >> 3))
            field = types.int32(code << types.int32((lane >> 1 & 3) * bits))
            field = types.int32(field | cuda.shfl_xor_sync(ALL_LANES, field, 2))
            field = types.int32(field | cuda.shfl_xor_sync(ALL_LANES, field, 4))
            other = types.uint32(cuda.shfl_xor_sync(ALL_LANES, field, 1))
            low, high = types.uint32(field), other
            if lane & 1:
                low, high = other, types.uint32(field)
            number = types.int32((first_bit >> 4) + (lane & 7))
            low_mask = high_mask = types.uint32(full)
        if 16 * number < first_bit + 4 * bits:
            shift = types.int32(first_bit - 16 * number)
            mask = types.uint32(_part(low_mask, shift) | _part(high_mask, shift) << types.uint32(16))
            word = types.uint32(_part(low, shift) | _part(high, shift) << types.uint32(16)) & mask
            at = page + types.uint64(4) * types.uint64(types.uint32(cell * 32 * bits + word_place(number, target)))
            if mask == types.uint32(WHOLE):
                store_word(at, types.uint32(word))
            else:
                replace_bits(at, mask, types.uint32(word))
        if lane == 0:
            store_half(page + types.uint64(types.uint32(scales + 2 * (cell * STEP + t))), scale)

    return write


@cache
def append_kernel(padded: int, k_bits: int, v_bits: int) -> Any:
    """`append_packed` for heads of `padded` values.

    Arguments: k, v (fp16 staging pages), staged (int32 [B, staged_width], pages of tokens there), positions and
    sequences int32 [T], table int32 [B, table_width], k_pages, v_pages, head_dim.
    """
    write_k, write_v = _writer(padded, k_bits, False), _writer(padded, v_bits, True)
    groups, k_size, v_size = padded // GROUP, 4 * head_words(padded, k_bits), 4 * head_words(padded, v_bits)

    def kernel(  # type: ignore[no-untyped-def]
        k, v, staged, staged_width, positions, sequences, table, table_width, k_pages, v_pages, head_dim
    ):
        let_next_start()
        lane, warp = types.int32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
        row, head, kv_heads = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.y)
        # What a step does not change can be read before its keys and values are there.
        row_at = types.uint64(types.uint32(4 * row))
        position, sequence = load_int(positions + row_at), load_int(sequences + row_at)
        slot, number = types.int32(position & (PAGE - 1)), types.int32(types.uint32(position) // types.uint32(PAGE))
        source_at = types.uint64(types.uint32(types.int32(sequence * staged_width) + number))
        target_at = types.uint64(types.uint32(types.int32(sequence * table_width) + number))
        source, target = load_int(staged + types.uint64(4) * source_at), load_int(table + types.uint64(4) * target_at)
        begin = types.uint64(types.uint32(source * kv_heads + head)) * types.uint64(2 * PAGE * padded)
        place = types.uint64(types.uint32(target * kv_heads + head))
        wait_for_inputs()
        group = warp
        while group < groups:
            i = types.int32(GROUP * group + lane)
            x = types.float32(0.0)
            if cuda.blockIdx.z == 0:
                if i < head_dim:
                    x = load_half(k + begin + types.uint64(types.uint32(2 * types.int32(slot * padded + i))))
                write_k(k_pages + place * types.uint64(k_size), slot, group, x, lane)
            else:
                if i < head_dim:
                    x = load_half(v + begin + types.uint64(types.uint32(2 * types.int32(i * PAGE + slot))))
                write_v(v_pages + place * types.uint64(v_size), slot, group, x, lane)
            group = types.int32(group + WARPS)

    kernel.__name__ = kernel.__qualname__ = f"append_packed_{padded}_k{k_bits}v{v_bits}"
    return cuda.jit(kernel, launch_bounds=(THREADS, BLOCKS))


def _reader(padded: int, bits: int, transposed: bool) -> Any:
    """(address of a page's head, step of the page, token of the step, group, lane) -> the lane's value."""
    word_place = _word_place(bits)
    groups, scales = padded // GROUP, 4 * code_words(padded, bits)

    @cuda.jit(device=True, inline=True)
    def read(page, step, t, group, lane):  # type: ignore[no-untyped-def]
        cell = types.int32(step * groups + group)
        if transposed:
            source, second = types.int32(4 * (lane & 7) + t // 8), types.int32(t & 1)
            pair = types.int32(4 * ((t & 7) // 2) + lane // 8)
        else:
            source, second = types.int32(4 * (2 * (t // 8) + (t & 1)) + lane // 8), types.int32(lane & 1)
            pair = types.int32(4 * ((t & 7) // 2) + (lane & 7) // 2)
        number, offset = types.int32(pair * bits // 16), types.int32(pair * bits % 16)
        words = page + types.uint64(4 * cell * 32 * bits)
        here = types.int64(load_int(words + types.uint64(4 * word_place(number, source)))) >> (16 * second) & 0xFFFF
        after = types.int64(0)
        if offset + bits > 16:
            number = types.int32(number + 1)
            after = types.int64(load_int(words + types.uint64(4 * word_place(number, source)))) >> (16 * second)
        code = types.int32((here | (after & 0xFFFF) << 16) >> offset & ((1 << bits) - 1))
        scale = load_half(page + types.uint64(scales + 2 * (cell * STEP + t)))
        value = rotate_32(types.float32(2 * code + 1 - 2**bits) * (scale * types.float32(2.0**-bits)), lane)
        return min(max(value, types.float32(-LARGEST)), types.float32(LARGEST))

    return read


@cache
def expand_kernel(padded: int, k_bits: int, v_bits: int) -> Any:
    """`expand_packed` for heads of `padded` values: the pages of one sequence in order, from its first needed step on.

    Arguments: k_pages, v_pages, positions (int32 [T], ascending), rows T, sequences, table, table_width, window (keys
    that a row sees, 0: all), k, v (fp16 pages, number n for the sequence's n-th).
    """
    read_k, read_v = _reader(padded, k_bits, False), _reader(padded, v_bits, True)
    groups, k_size, v_size = padded // GROUP, 4 * head_words(padded, k_bits), 4 * head_words(padded, v_bits)
    stride = GROUP + 1  # of a token's values in shared memory: no bank conflicts
    shared_size = WARPS * STEP * stride

    def kernel(k_pages, v_pages, positions, rows, sequences, table, table_width, window, k, v):  # type: ignore[no-untyped-def]
        tiles = cuda.shared.array(shared_size, types.float32)
        lane, warp = types.int32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
        head, kv_heads = types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.y)
        behind = types.int32(window - 1 if window > 0 else ALL_KEYS)
        first = types.int32(max(0, load_int(positions) - behind) // STEP)
        end = types.int32(load_int(positions + types.uint64(4 * (rows - 1))) // STEP + 1)
        pages = table + types.uint64(4 * load_int(sequences) * table_width)
        tile = types.int32(warp * STEP * stride)
        for whole_step in range(first + types.int32(cuda.blockIdx.x), end, types.int32(cuda.gridDim.x)):
            number, step = types.int32(whole_step * STEP // PAGE), types.int32(whole_step % (PAGE // STEP))
            place = types.int64(load_int(pages + types.uint64(4 * number))) * kv_heads + head
            out = (types.int64(number) * kv_heads + head) * PAGE * padded
            for group in range(warp, groups, WARPS):
                if cuda.blockIdx.z == 0:
                    at = k + types.uint64(2 * (out + step * STEP * padded + GROUP * group + lane))
                    for t in range(STEP):
                        page = k_pages + types.uint64(place * k_size)
                        value = read_k(page, step, types.int32(t), types.int32(group), lane)
                        store_half(at + types.uint64(2 * t * padded), value)
                else:
                    page = v_pages + types.uint64(place * v_size)
                    for t in range(STEP):
                        value = read_v(page, step, types.int32(t), types.int32(group), lane)
                        tiles[tile + t * stride + lane] = value
                    cuda.syncwarp()
                    at = v + types.uint64(2 * (out + GROUP * group * PAGE + step * STEP + lane))
                    for i in range(GROUP):
                        store_half(at + types.uint64(2 * i * PAGE), tiles[tile + lane * stride + i])
                    cuda.syncwarp()

    kernel.__name__ = kernel.__qualname__ = f"expand_packed_{padded}_k{k_bits}v{v_bits}"
    return cuda.jit(kernel)
