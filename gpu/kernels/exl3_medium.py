"""EXL3 products of 17 to 128 rows on the tensor cores, straight from the packed trellis: each tile is decoded once.

`y_rotated[row, out] = x_rotated[row, in] W`, with x rotated and rounded to fp16 beforehand (`prepare_medium`) and the
sums finished afterwards (`hadamard.finish_kernel`). Up to three matrices that share their input size, width and
codebook are one launch. A warp decodes its own tiles to fp16 pairs, the A operand of mma.m16n8k16, and multiplies them
with all rows, eight in a B operand; inputs and words go through a ring in shared memory that the block fills together.
Each row has one scale, a power of two, so that sums stay in the tensor cores' registers to the end.

Floor, in issue slots of a quarter of a multiprocessor for each tile: about 40 to decode it and 9 for each mma.

Launch: grid (blocks of columns, splits of the inputs); `medium_layout.Shape` says the block. The copy of words begins
    before the kernel waits for the one in front of it.
Layout: inputs fp16 [M, capacity, in]; scales float32 [M, capacity]. A stage holds a run of 32 inputs of each row, whose
    16-byte pieces are exchanged so that eight rows of one column of pieces are in eight different banks, and the words
    of its tiles, tile row by tile row. partial float32 [splits, rows, width]: no atomics, so that the same input gives
    the same bits.
Source: sections 2, 3 and 5.2 of the format description; operand layouts of mma and ldmatrix in the PTX manual.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import cuda
from numba.core import types

from gpu.kernels.medium_layout import CHUNK, Shape
from gpu.ptx import (
    assembly,
    f32,
    global_load,
    i32,
    i64,
    instruction,
    items,
    let_next_start,
    mma_m16n8k16,
    shared_address,
    wait_for_inputs,
    word,
)
from gpu.trellis_ir import decode_weights, num_words, word_offsets

ROW_BYTES = 32 * CHUNK  # of a row's inputs in a stage
PIECES = ROW_BYTES // 16


def _copy(b: ir.IRBuilder, target: ir.Value, offset: int, source: ir.Value, wanted: ir.Value) -> None:
    """Begins a copy of 16 bytes from global to shared memory, if wanted."""
    text = f"{{.reg .pred p; setp.ne.u32 p, $2, 0; @p cp.async.cg.shared.global [$0+{offset}], [$1], 16;}}"
    assembly(b, ir.VoidType(), text, "r,l,r,~{memory}", [target, source, b.zext(wanted, i32)], effects=True)


def _load_matrices(b: ir.IRBuilder, address: ir.Value, offset: int) -> list[ir.Value]:
    """Four 8 x 8 matrices of fp16 from shared memory, spread as operands; a quarter of the lanes names rows of each."""
    result = ir.LiteralStructType([i32] * 4)
    text = f"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {{$0,$1,$2,$3}}, [$4+{offset}];"
    out = assembly(b, result, text, "=r,=r,=r,=r,r,~{memory}", [address], effects=True)
    return items(b, out, 4)


class _Steps:
    """The pieces of the kernel for one width, codebook and shape, as intrinsics."""

    def __init__(self, bits: int, codebook: str, shape: Shape) -> None:
        each, tiles, groups, threads = num_words(bits), shape.tiles, shape.groups, shape.threads
        count = 4 * tiles * groups
        tile_bytes, inputs_bytes = 32 * bits, shape.input_bytes()
        words_row = shape.warps * tiles * tile_bytes  # of a tile row of the block, in a stage
        places = -(-shape.max_rows * PIECES // threads)  # 16-byte pieces of inputs that a thread copies
        sums_type = types.UniTuple(types.float32, count)
        offsets_type = types.UniTuple(types.uint32, each)
        places_type = types.UniTuple(types.uint64, places)

        @instruction(offsets_type(types.uint32))
        def offsets(b: ir.IRBuilder, lane: ir.Value) -> list[ir.Value]:
            """Byte offsets of the lane's words in a tile."""
            return word_offsets(b, lane, bits)

        @instruction(places_type(types.uint64, types.uint32, types.uint32, types.uint32))
        def input_places(
            b: ir.IRBuilder, inputs: ir.Value, row_stride: ir.Value, rows: ir.Value, thread: ir.Value
        ) -> list[ir.Value]:
            """Where the thread's pieces of inputs are; a row that is not there is read as row 0, for nobody's use."""
            found = []
            for i in range(places):
                row = b.add(b.udiv(thread, word(PIECES)), word(i * threads // PIECES))
                row = b.select(b.icmp_unsigned("<", row, rows), row, word(0))
                piece = b.shl(b.urem(thread, word(PIECES)), word(4))
                offset = b.add(b.mul(b.zext(row, i64), b.zext(row_stride, i64)), b.zext(piece, i64))
                found.append(b.add(inputs, offset))
            return found

        @instruction(types.void(types.uint32, places_type, types.uint64, types.uint32, types.boolean))
        def start_inputs(
            b: ir.IRBuilder, target: ir.Value, places_: ir.Value, offset: ir.Value, thread: ir.Value, wanted: ir.Value
        ) -> None:
            """Begins the copies of a stage's inputs from `offset` bytes into the rows on, and closes a group of copies.

            target: shared address of the thread's first piece.
            """
            for i, place in enumerate(items(b, places_, places)):
                chosen, left = wanted, shape.max_rows * PIECES - i * threads
                if left < threads:
                    chosen = b.and_(chosen, b.icmp_unsigned("<", thread, word(left)))
                _copy(b, target, 16 * threads * i, b.add(place, offset), chosen)
            assembly(b, ir.VoidType(), "cp.async.commit_group;", "~{memory}", [], effects=True)

        @instruction(types.void(types.uint32, types.uint64, types.uint64, types.int32))
        def start_words(b: ir.IRBuilder, target: ir.Value, source: ir.Value, step: ir.Value, limit: ir.Value) -> None:
            """Begins the copies of a stage's words from `source` on, `step` bytes from one tile row to the next.

            Both addresses are of the thread's first piece; `limit`: bytes from there on that the tile row still has.
            """
            for tile_row in range(CHUNK):
                for first in range(0, words_row, 16 * threads):
                    wanted = b.icmp_signed("<", word(first), limit)
                    offset = inputs_bytes + tile_row * words_row + first
                    _copy(b, target, offset, b.add(source, ir.Constant(i64, first)), wanted)
                source = b.add(source, step)

        @instruction(types.void())
        def arrived(b: ir.IRBuilder) -> None:
            """Waits until the thread's copies are there, all but those of the newest groups."""
            text = f"cp.async.wait_group {shape.stages(bits) - 2};"
            assembly(b, ir.VoidType(), text, "~{memory}", [], effects=True)

        @instruction(sums_type(types.uint32, types.uint32, offsets_type, types.uint32, types.uint32, sums_type))
        def multiply_stage(
            b: ir.IRBuilder, stage: ir.Value, own: ir.Value, offsets_: ir.Value, shift: ir.Value, piece: ir.Value,
            sums: ir.Value,
        ) -> list[ir.Value]:  # fmt: skip
            """sums + W^T x over a stage's inputs.

            stage: shared address.  own: offset of the warp's words.  piece: offset of the lane's row of inputs.
            """
            at = [b.add(b.add(stage, own), offset) for offset in items(b, offsets_, each)]
            totals = items(b, sums, count)
            for step in range(CHUNK):
                operands = []
                for tile in range(tiles):
                    offset = inputs_bytes + step * words_row + tile * tile_bytes
                    text = f"ld.shared.u32 $0, [$1+{offset}];"
                    read = [assembly(b, i32, text, "=r,r,~{memory}", [place], effects=True) for place in at]
                    w = decode_weights(b, read, shift, bits, codebook)
                    operands.append([w[0], w[2], w[1], w[3]])
                row_at = b.add(stage, b.xor(piece, word(32 * step)))
                for group in range(0, groups, 2):
                    x = _load_matrices(b, row_at, 8 * ROW_BYTES * group)
                    for tile, operand in enumerate(operands):
                        for half in range(2):
                            i = 4 * (tile * groups + group + half)
                            totals[i : i + 4] = mma_m16n8k16(b, operand, x[2 * half : 2 * half + 2], totals[i : i + 4])
            return totals

        @instruction(sums_type())
        def no_sums(b: ir.IRBuilder) -> list[ir.Value]:
            return [ir.Constant(f32, 0.0)] * count

        @instruction(
            types.void(sums_type, types.uint64, types.uint32, types.uint64, types.uint32, types.uint32, types.int32)
        )
        def store_sums(
            b: ir.IRBuilder, sums: ir.Value, at: ir.Value, row_stride: ir.Value, scales: ir.Value, first_row: ir.Value,
            rows: ir.Value, left: ir.Value,
        ) -> None:  # fmt: skip
            """Writes the scaled sums of the rows and of the `left` tiles that there are.

            at: address of the lane's first column in row 0.  first_row: the lane's first of each group.
            """
            totals = items(b, sums, count)
            text = "{.reg .pred p; setp.ne.u32 p, $2, 0; @p st.global.f32 [$0], $1;}"
            for group in range(groups):
                for below in range(2):
                    row = b.add(first_row, word(8 * group + below))
                    is_row = b.icmp_unsigned("<", row, rows)
                    row = b.zext(b.select(is_row, row, word(0)), i64)
                    scale = global_load(b, b.add(scales, b.shl(row, ir.Constant(i64, 2))), f32, 4)
                    row_at = b.add(at, b.mul(row, b.zext(row_stride, i64)))
                    for tile in range(tiles):
                        is_wanted = b.zext(b.and_(is_row, b.icmp_signed("<", word(tile), left)), i32)
                        for right in range(2):
                            value = b.fmul(totals[4 * (tile * groups + group) + 2 * right + below], scale)
                            place = b.add(row_at, ir.Constant(i64, 64 * tile + 32 * right))
                            values = [place, value, is_wanted]
                            assembly(b, ir.VoidType(), text, "l,f,r,~{memory}", values, effects=True)

        self.offsets, self.input_places = offsets, input_places
        self.start_inputs, self.start_words, self.arrived = start_inputs, start_words, arrived
        self.multiply_stage, self.no_sums, self.store_sums = multiply_stage, no_sums, store_sums


@cache
def medium_kernel(bits: int, codebook: str, shape: Shape) -> Any:
    """The kernel for one width, codebook and shape.

    Arguments: addresses of the words of three matrices; int32 tiles in a row of each, first block of the second and of
    the third (beyond the grid if there is none); inputs, input_stride (bytes from matrix to matrix); int32 row_stride
    (bytes from row to row); scales (address), scale_stride (int32, bytes from matrix to matrix); partial; int32 width,
    tile_rows, rows.
    """
    steps = _Steps(bits, codebook, shape)
    offsets_of, input_places = steps.offsets, steps.input_places
    start_inputs, start_words, arrived = steps.start_inputs, steps.start_words, steps.arrived
    multiply_stage, no_sums, store_sums = steps.multiply_stage, steps.no_sums, steps.store_sums
    tiles, block_tiles, threads = shape.tiles, shape.tiles * shape.warps, shape.threads
    stage_bytes, ahead = shape.stage_bytes(bits), shape.stages(bits) - 1
    ring_bytes = shape.stages(bits) * stage_bytes
    ring_words, tile_bytes, row_piece_bytes = ring_bytes // 4, 32 * bits, 32 * bits * block_tiles

    def kernel(  # type: ignore[no-untyped-def]
        words0, words1, words2, tiles0, tiles1, tiles2, first1, first2, inputs, input_stride, row_stride, scales,
        scale_stride, partial, width, tile_rows, rows,
    ):  # fmt: skip
        staged = cuda.shared.array(ring_words, types.uint32, alignment=128)
        thread = types.uint32(cuda.threadIdx.x)
        lane, warp = types.uint32(thread & types.uint32(31)), types.uint32(thread >> types.uint32(5))
        block, split, splits = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.y)
        base, tiles_in_row, own, matrix, before = words0, tiles0, block, types.int32(0), types.int32(0)
        if block >= first2:
            base, tiles_in_row, own, matrix = words2, tiles2, types.int32(block - first2), types.int32(2)
            before = types.int32(tiles0 + tiles1)
        elif block >= first1:
            base, tiles_in_row, own, matrix = words1, tiles1, types.int32(block - first1), types.int32(1)
            before = tiles0
        chunks = types.int32(tile_rows // CHUNK)
        chunk, end = types.int32(chunks * split // splits), types.int32(chunks * (split + 1) // splits)
        first_tile = types.int32(own * block_tiles)
        step = types.uint64(tiles_in_row) * types.uint64(tile_bytes)
        source = base + types.uint64(first_tile) * types.uint64(tile_bytes) + types.uint64(16) * types.uint64(thread)
        source += types.uint64(CHUNK * chunk) * step
        # A matrix may end within its last block: the words that are not there are not read, and the sums not written.
        limit = types.int32(min((tiles_in_row - first_tile) * tile_bytes, row_piece_bytes) - 16 * types.int32(thread))
        ring = shared_address(staged)
        word_target = types.uint32(ring + types.uint32(16) * thread)
        for i in range(ahead):
            start_words(word_target + types.uint32(i * stage_bytes), source, step,
                        limit if chunk + i < end else types.int32(0))  # fmt: skip
            source += types.uint64(CHUNK) * step
        let_next_start()
        shift = types.uint32(-(8 * types.int32(lane) + 8) * bits & 31)
        offsets = offsets_of(lane)
        # Pieces of a row are exchanged by the row's place among eight, of which two share all banks.
        row_in = types.uint32(thread // types.uint32(PIECES))
        exchanged = types.uint32((thread % types.uint32(PIECES)) ^ ((row_in >> types.uint32(1)) & types.uint32(3)))
        input_target = types.uint32(ring + types.uint32(ROW_BYTES) * row_in + types.uint32(16) * exchanged)
        # The lane's row for ldmatrix: inputs from 0 and from 8 of a first group, then of a second.
        own_row = types.uint32((lane & types.uint32(7)) + ((lane >> types.uint32(1)) & types.uint32(8)))
        own_piece = types.uint32(
            ((lane >> types.uint32(3)) & types.uint32(1)) ^ ((own_row >> types.uint32(1)) & types.uint32(3))
        )
        piece = types.uint32(types.uint32(ROW_BYTES) * own_row + types.uint32(16) * own_piece)
        own_words = types.uint32(warp * types.uint32(tiles * tile_bytes))
        places = input_places(
            inputs + types.uint64(matrix) * input_stride, types.uint32(row_stride), types.uint32(rows), thread
        )
        offset = types.uint64(ROW_BYTES) * types.uint64(chunk)
        sums = no_sums()
        wait_for_inputs()
        for i in range(ahead):
            start_inputs(input_target + types.uint32(i * stage_bytes), places, offset, thread, chunk + i < end)
            offset += types.uint64(ROW_BYTES)
        stage, free = types.uint32(0), types.uint32(ahead * stage_bytes)
        while chunk < end:
            arrived()
            cuda.syncthreads()
            is_wanted = chunk + ahead < end
            start_words(word_target + free, source, step, limit if is_wanted else types.int32(0))
            start_inputs(input_target + free, places, offset, thread, is_wanted)
            source += types.uint64(CHUNK) * step
            offset += types.uint64(ROW_BYTES)
            sums = multiply_stage(types.uint32(ring + stage), own_words, offsets, shift, piece, sums)
            chunk = types.int32(chunk + 1)
            free = stage
            stage = types.uint32(stage + types.uint32(stage_bytes))
            if stage == types.uint32(ring_bytes):
                stage = types.uint32(0)
        quad = types.int32(lane & types.uint32(3))
        tile = types.int32(first_tile + types.int32(warp) * tiles)
        column = types.int32(16 * (before + tile) + types.int32(lane >> types.uint32(2)))
        at = partial + types.uint64(4) * (types.uint64(split * rows) * types.uint64(width) + types.uint64(column))
        scales_at = scales + types.uint64(matrix) * types.uint64(scale_stride)
        store_sums(sums, at, types.uint32(4 * width), scales_at, types.uint32(2 * quad), types.uint32(rows),
                   types.int32(tiles_in_row - tile))  # fmt: skip

    kernel.__name__ = kernel.__qualname__ = f"exl3_medium_{codebook}_k{bits}_{shape.name}"
    return cuda.jit(kernel, launch_bounds=(threads, shape.resident))
