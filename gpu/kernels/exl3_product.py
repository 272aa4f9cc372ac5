"""EXL3 products of a few rows on the tensor cores, straight from the packed trellis.

`y_rotated[row, out] = x_rotated[row, in] W`, with x rotated and rounded beforehand (`hadamard`) and the sums finished
afterwards. Up to three matrices that share their input size, width and codebook are one launch (query, key, value).

A weight's product with its codebook's multiplier is an operand of the tensor cores as it stands, because both meet the
same activation in all their parts: four unsigned bytes for mul1 (integer mma), two halves for mcg and 3inst (fp16 mma).
So a weight costs its state, one multiplication and a quarter of an mma, whatever the number of rows that share the mma:
  bytes: activations are 16-bit integers in two signed bytes (high and low limb), two columns of the B operand a row:
      four rows a group, exact integer sums that become float32 once per 128 inputs.
  halves: activations are fp16, eight rows a group. The sum of a weight's two halves is not rounded to fp16 as the
      format's own definition does: it is closer to the codebook's intention and differs by 2**-12 relative at most.
  pairs: decoded to fp16 first, more instructions a weight but half the mma: for mul1 from five rows on.
  byte: as bytes with the high limb alone, 8-bit activations: one row, by dp4a, which costs less than an mma then.
Activations have a scale for each row and 128 inputs.

Launch: grid (blocks of 16 * tiles columns, splits of the inputs), 128 threads. Every warp takes a run of tile rows, all
    runs equally long, and the block adds them up. The copy of weights begins before the kernel waits for the one in
    front of it.
Layout: codes int16 [M, capacity, in], high byte and low byte signed; halves fp16 of the same shape; scales float32
    [M, capacity, in / 128, 2]: the factor of the sum, and what 128 weights of code zero would add (bytes only).
    partial float32 [splits, rows, columns]: no atomics, so that the same input gives the same bits.
Source: sections 2, 3 and 5.2 of the format description; operand layouts of mma.m16n8k32 and m16n8k16 in the PTX manual.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda
from numba.core import types

from gpu.kernels.exl3_product_ir import adder_of, steps_of
from gpu.kernels.few_layout import PRODUCT_THREADS, PRODUCT_WARPS, UNIT_ROWS, Road
from gpu.kernels.tile_stream import TileStream
from gpu.ptx import let_next_start, store_float, wait_for_inputs


def _row_addresses(road: Road) -> tuple[Any, Any]:
    """Device functions that give a lane the addresses of its inputs and scales, one (or two) for each group.

    A row that is not there is read as row 0: its sums stay in columns of their own, which nobody reads.
    """
    is_bytes, groups = road.kind == "bytes", road.groups

    @cuda.jit(device=True, inline=True)
    def at(base, stride, row, rows):  # type: ignore[no-untyped-def]
        return base + types.uint64(stride * (row if row < rows else types.int32(0)))

    @cuda.jit(device=True, inline=True)
    def only(base, stride, lane, rows):  # type: ignore[no-untyped-def]
        return (base,)

    @cuda.jit(device=True, inline=True)
    def inputs_one(base, stride, lane, rows):  # type: ignore[no-untyped-def]
        return (at(base, stride, types.int32(lane >> 3 if is_bytes else lane >> 2), rows),)

    @cuda.jit(device=True, inline=True)
    def inputs_two(base, stride, lane, rows):  # type: ignore[no-untyped-def]
        row = types.int32(lane >> 3 if is_bytes else lane >> 2)
        return at(base, stride, row, rows), at(base, stride, types.int32(row + (4 if is_bytes else 8)), rows)

    @cuda.jit(device=True, inline=True)
    def scales_one(base, stride, lane, rows):  # type: ignore[no-untyped-def]
        quad = types.int32(lane & 3)
        if is_bytes:
            return (at(base, stride, quad, rows),)
        return at(base, stride, types.int32(2 * quad), rows), at(base, stride, types.int32(2 * quad + 1), rows)

    @cuda.jit(device=True, inline=True)
    def scales_two(base, stride, lane, rows):  # type: ignore[no-untyped-def]
        quad = types.int32(lane & 3)
        if is_bytes:
            return at(base, stride, quad, rows), at(base, stride, types.int32(quad + 4), rows)
        return (
            at(base, stride, types.int32(2 * quad), rows), at(base, stride, types.int32(2 * quad + 1), rows),
            at(base, stride, types.int32(2 * quad + 8), rows), at(base, stride, types.int32(2 * quad + 9), rows),
        )  # fmt: skip

    if road.kind == "byte":
        return only, only
    return (inputs_one, scales_one) if groups == 1 else (inputs_two, scales_two)


@cache
def product_kernel(bits: int, codebook: str, road: Road) -> Any:
    """The kernel for one width, codebook and road.

    Arguments: addresses of the words of three matrices; int32 tiles in a row of each, first block of the second and of
    the third (beyond the grid if there is none); inputs (a row and 32 bytes behind them must be readable), input_stride
    (bytes from matrix to matrix), scales, scale_stride; row_stride, scale_row_stride (int32, bytes from row to row);
    partial; int32 tile_rows, units and unit_rows (a warp's run is their product; unit_rows is 8, or less with one
    unit), rows.
    """
    tiles, columns, max_rows = road.tiles, road.columns, road.max_rows
    steps, stream = steps_of(bits, codebook, road), TileStream(bits, tiles)
    load_inputs, load_scales, is_late = steps.load_inputs, steps.load_scales, road.kind == "pairs"
    spread_inputs, multiply_tiles = steps.spread_inputs, steps.multiply_tiles
    no_parts, no_sums, add_unit, store_sums = steps.no_parts, steps.no_sums, steps.add_unit, steps.store_sums
    input_rows, scale_rows = _row_addresses(road)
    ring_of, offsets_of, start = stream.ring, stream.offsets, stream.start
    arrived, read_words = stream.arrived, stream.words
    stages, ahead, stage_bytes = stream.stages, stream.stages - 1, stream.step_bytes
    # Sums of a block before the last addition: one set of a warp, or one of each of a quad's lanes. Sets of lanes that
    # write together begin in different banks.
    sets, set_values = PRODUCT_WARPS * steps.sets, columns * max_rows + (8 if steps.sets > 1 else 0)
    shared_size = max(PRODUCT_WARPS * stream.stages * stream.step_bytes // 4, sets * set_values)
    rows_at_once, tile_bytes = PRODUCT_THREADS // columns, 32 * bits
    add_sets, is_bytes = adder_of(sets, set_values), road.kind == "bytes"

    @cuda.jit(device=True, inline=True)
    def least(x, y):  # type: ignore[no-untyped-def]
        return x if x < y else y

    def kernel(  # type: ignore[no-untyped-def]
        words0, words1, words2, tiles0, tiles1, tiles2, first1, first2, inputs, input_stride, scales, scale_stride,
        row_stride, scale_row_stride, partial, tile_rows, units, unit_rows, rows,
    ):  # fmt: skip
        staged = cuda.shared.array(shared_size, types.float32)
        thread = types.int32(cuda.threadIdx.x)
        lane, warp = types.uint32(thread & 31), types.int32(thread >> 5)
        block, split = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y)
        base, width, own, matrix = words0, tiles0, block, types.uint64(0)
        if block >= first2:
            base, width, own, matrix = words2, tiles2, types.int32(block - first2), types.uint64(2)
        elif block >= first1:
            base, width, own, matrix = words1, tiles1, types.int32(block - first1), types.uint64(1)
        # In 32 bits wherever numbers allow it: the card knows no others, and a block lives a few microseconds.
        run = types.int32(units * unit_rows)
        row = types.int32(types.int32(split * PRODUCT_WARPS + warp) * run)
        end = least(tile_rows, types.int32(row + run))
        row_bytes = types.uint64(types.uint32(width * tile_bytes))
        source = base + types.uint64(types.uint32(own * (tiles * tile_bytes) + 16 * types.int32(lane)))
        source += types.uint64(types.uint32(row)) * row_bytes
        ring = ring_of(staged, warp)
        target = types.uint32(ring + types.uint32(16) * lane)
        coming = row
        for i in range(ahead):
            start(types.uint32(target + types.uint32(i * stage_bytes)), source, lane, coming < end)
            coming = types.int32(coming + 1)
            source += row_bytes
        let_next_start()
        shift = types.uint32(-(8 * types.int32(lane) + 8) * bits & 31)
        offsets = offsets_of(lane)
        if is_bytes:  # columns of the B operand alternate between low and high limb
            selector = types.uint32(0x1111) if lane & 4 else types.uint32(0)
        else:
            selector = types.uint32(0x1010)
        # A warp behind the last row reads what is there and adds nothing: so all warps make the same turns.
        begin = least(row, types.int32(tile_rows - unit_rows))
        x_at = input_rows(
            inputs + matrix * input_stride + types.uint64(types.uint32(4 * types.int32(lane & 3) + 32 * begin)),
            row_stride, lane, rows,
        )  # fmt: skip
        scales_at = scale_rows(scales + matrix * scale_stride, scale_row_stride, lane, rows)
        last_row = types.int32(tile_rows - 1)
        sums = no_sums()
        stage, free = types.uint32(0), types.uint32(ahead * stage_bytes)
        wait_for_inputs()
        x = load_inputs(x_at, types.uint64(0))
        x_offset = types.uint64(32)
        units_left = units
        while units_left > 0:
            unit = types.uint32(least(row, last_row)) >> types.uint32(3)
            unit_scales = load_scales(scales_at, types.uint64(types.uint32(unit * types.uint32(8))))
            parts = no_parts()
            rows_left = unit_rows
            while True:  # once at least: a test in front would cost every unit what one in front of all costs once
                arrived()
                start(types.uint32(target + free), source, lane, coming < end)
                coming = types.int32(coming + 1)
                source += row_bytes
                read = read_words(types.uint32(ring + stage), offsets)
                spread = spread_inputs(x, selector)
                if not is_late:
                    x = load_inputs(x_at, x_offset)
                parts = multiply_tiles(read, shift, spread, parts)
                if (
                    is_late
                ):  # pairs are used as they are, to the end: where the next went meanwhile, they would be moved
                    x = load_inputs(x_at, x_offset)
                x_offset += types.uint64(32)
                free = stage
                stage = types.uint32(stage + types.uint32(stage_bytes))
                if stage == types.uint32(stages * stage_bytes):
                    stage = types.uint32(0)
                rows_left = types.int32(rows_left - 1)
                if rows_left == 0:
                    break
            if row < end:
                sums = add_unit(sums, parts, unit_scales, row & (UNIT_ROWS - 1) == 0)
            row = types.int32(row + unit_rows)
            units_left = types.int32(units_left - 1)
        cuda.syncthreads()
        store_sums(staged, warp, lane, sums)
        cuda.syncthreads()
        column, own_row = types.int32(thread & (columns - 1)), types.int32(thread // columns)
        all_columns = types.int32(cuda.gridDim.x * columns)
        at = types.int32(types.int32(split * rows + own_row) * all_columns + block * columns + column)
        place = types.int32(own_row * columns + column)
        while own_row < rows:
            total = add_sets(staged, place)
            store_float(partial + types.uint64(4) * types.uint64(types.uint32(at)), total)
            own_row = types.int32(own_row + rows_at_once)
            place = types.int32(place + PRODUCT_THREADS)
            at = types.int32(at + rows_at_once * all_columns)

    kernel.__name__ = kernel.__qualname__ = f"exl3_product_{codebook}_k{bits}_{road.name}"
    return cuda.jit(kernel)
