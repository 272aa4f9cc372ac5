"""A warp's stream of packed tiles through shared memory, several steps ahead of their use.

A step is some neighbouring tiles of one tile row. A product needs some 20 KB in flight on every multiprocessor to keep
memory busy; registers hold no more than a step or two of it, so tiles are copied asynchronously into a ring of stages
of the warp's own. No other warp touches the ring, so a warp barrier is all that it needs.
Source: asynchronous copies (cp.async) in the PTX manual.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.cuda.extending import intrinsic

from gpu.kernels.few_layout import PRODUCT_WARPS
from gpu.ptx import assembly, i32, i64, items, word
from gpu.trellis_ir import num_words, word_offsets

RING_BYTES = 16384  # of all warps of a block together, more only where a ring needs it for its fewest stages
MIN_STAGES, MAX_STAGES = 4, 8


class TileStream:
    """The stream's intrinsics for one width and number of tiles.

    `ring(array, warp)` gives the shared address of a warp's ring; `offsets(lane)` the byte offsets of the lane's words
    in a tile; `start(target, source, lane, wanted)` begins the lane's copies of a step from its own addresses on (those
    of the step plus 16 bytes a lane), or none, and closes a group; `arrived()` waits until all but the newest
    `stages - 2` groups are there, for the whole warp; `words(step, offsets)` reads the lane's words of all tiles.
    """

    def __init__(self, bits: int, tiles: int) -> None:
        each, size = num_words(bits), tiles * 32 * bits
        fitting = min(MAX_STAGES, max(MIN_STAGES, RING_BYTES // (PRODUCT_WARPS * size)))
        stages = 1 << fitting.bit_length() - 1
        words_type = types.UniTuple(types.uint32, tiles * each)
        offsets_type = types.UniTuple(types.uint32, each)

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
        def start(typingctx, target, source, lane, wanted):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                for first in range(0, size // 16, 32):
                    chosen = args[3]
                    if size // 16 - first < 32:
                        chosen = b.and_(chosen, b.icmp_unsigned("<", args[2], word(size // 16 - first)))
                    text = (
                        "{.reg .pred p; setp.ne.u32 p, $2, 0;"
                        f" @p cp.async.cg.shared.global [$0+{16 * first}], [$1+{16 * first}], 16;}}"
                    )
                    values = [args[0], args[1], b.zext(chosen, i32)]
                    assembly(b, ir.VoidType(), text, "r,l,r,~{memory}", values, effects=True)
                assembly(b, ir.VoidType(), "cp.async.commit_group;", "~{memory}", [], effects=True)
                return context.get_dummy_value()

            return types.void(types.uint32, types.uint64, types.uint32, types.boolean), codegen

        @intrinsic
        def arrived(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                text = f"cp.async.wait_group {stages - 2}; bar.warp.sync -1;"
                assembly(b, ir.VoidType(), text, "~{memory}", [], effects=True)
                return context.get_dummy_value()

            return types.void(), codegen

        @intrinsic
        def words(typingctx, step, offsets):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                places = [b.add(args[0], offset) for offset in items(b, args[1], each)]
                read = []
                for tile in range(tiles):
                    for place in places:
                        text = f"ld.shared.u32 $0, [$1+{32 * bits * tile}];"
                        read.append(assembly(b, i32, text, "=r,r,~{memory}", [place], effects=True))
                return cgutils.pack_array(b, read)

            return words_type(types.uint32, offsets_type), codegen

        self.stages, self.step_bytes = stages, size
        self.ring: Any = ring
        self.offsets: Any = offsets
        self.start: Any = start
        self.arrived: Any = arrived
        self.words: Any = words
