"""A warp's stream of packed tiles through shared memory, several steps ahead of their use.

A step is TILES neighbouring tiles of one tile row. A product needs some 20 KB in flight on every multiprocessor to keep
memory busy; registers hold no more than a step or two of it, so tiles are copied asynchronously into a ring of stages
of the warp's own. No other warp touches the ring, so a warp barrier is all that it needs.
Source: asynchronous copies (cp.async) in the PTX manual.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.cuda.extending import intrinsic

from gpu.ptx import assembly, i32, i64
from gpu.trellis_ir import num_words, word_offsets

WARPS = 4
TILES = 8
RING_BYTES = 32768  # of all warps of a block together; the final reduction reuses it
MAX_STAGES = 8


def stages_of(bits: int) -> int:
    """Stages of each warp's ring, a power of two."""
    fitting = min(MAX_STAGES, RING_BYTES // (WARPS * step_bytes(bits)))
    return 1 << fitting.bit_length() - 1


def step_bytes(bits: int) -> int:
    return TILES * 32 * bits


class TileStream:
    """The stream's intrinsics for one width.

    `ring(array, warp)` gives the shared address of a warp's ring; `offsets(lane)` the byte offsets of the lane's words
    in a tile; `start(ring, stage, source, lane)` begins the copy of a step and `nothing()` begins none, in either case
    closing a group; `arrived()` waits until all but the newest `stages - 2` groups are there, for the whole warp;
    `words(ring, stage, offsets)` reads the lane's words of all tiles.
    """

    def __init__(self, bits: int) -> None:
        each, size, stages = num_words(bits), step_bytes(bits), stages_of(bits)
        words_type = types.UniTuple(types.uint32, TILES * each)
        offsets_type = types.UniTuple(types.uint32, each)

        def word(value: int) -> ir.Constant:
            return ir.Constant(i32, value)

        @intrinsic
        def ring(typingctx, array, warp):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                data = context.make_array(sig.args[0])(context, b, args[0]).data
                text = "{.reg .u64 a; cvta.to.shared.u64 a, $1; cvt.u32.u64 $0, a;}"
                first = assembly(b, i32, text, "=r,l", [b.ptrtoint(data, i64)])
                return b.add(first, b.mul(args[1], word(stages * size)))

            return types.uint32(array, types.int32), codegen

        @intrinsic
        def offsets(typingctx, lane):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, word_offsets(b, args[0], bits))

            return offsets_type(types.uint32), codegen

        @intrinsic
        def start(typingctx, ring, stage, source, lane):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                base = b.add(args[0], b.mul(args[1], word(size)))
                for first in range(0, size // 16, 32):
                    chunk = b.add(args[3], word(first))
                    offset = b.shl(chunk, word(4))
                    values = [b.add(base, offset), b.add(args[2], b.zext(offset, i64)), chunk]
                    text = (
                        f"{{.reg .pred p; setp.lt.u32 p, $2, {size // 16};"
                        " @p cp.async.cg.shared.global [$0], [$1], 16;}"
                    )
                    assembly(b, ir.VoidType(), text, "r,l,r,~{memory}", values, effects=True)
                assembly(b, ir.VoidType(), "cp.async.commit_group;", "~{memory}", [], effects=True)
                return context.get_dummy_value()

            return types.void(types.uint32, types.uint32, types.uint64, types.uint32), codegen

        @intrinsic
        def nothing(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                assembly(b, ir.VoidType(), "cp.async.commit_group;", "~{memory}", [], effects=True)
                return context.get_dummy_value()

            return types.void(), codegen

        @intrinsic
        def arrived(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                text = f"cp.async.wait_group {stages - 2}; bar.warp.sync -1;"
                assembly(b, ir.VoidType(), text, "~{memory}", [], effects=True)
                return context.get_dummy_value()

            return types.void(), codegen

        @intrinsic
        def words(typingctx, ring, stage, offsets):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                base = b.add(args[0], b.mul(args[1], word(size)))
                places = [b.add(base, b.extract_value(args[2], i)) for i in range(each)]
                read = []
                for tile in range(TILES):
                    for place in places:
                        text = f"ld.shared.u32 $0, [$1+{32 * bits * tile}];"
                        read.append(assembly(b, i32, text, "=r,r,~{memory}", [place], effects=True))
                return cgutils.pack_array(b, read)

            return words_type(types.uint32, types.uint32, offsets_type), codegen

        self.stages = stages
        self.ring: Any = ring
        self.offsets: Any = offsets
        self.start: Any = start
        self.nothing: Any = nothing
        self.arrived: Any = arrived
        self.words: Any = words
