"""What may happen to attention's scores besides scale, mask and softmax: a soft cap on them, and sinks among them.

Both are options that a kernel is compiled with (`attention_layout.Scoring`). Scores and maxima are in powers of two. A
sink is a logit of a query head that takes part in the softmax's sum and has no value: it is added to the sum once,
where the output is divided by it, however many blocks have shared the keys. Knows nothing of tiles, splits or pages.
Source: the soft cap of Gemma 2, cap * tanh(score / cap), before the mask; the sinks of gpt-oss.
"""

from __future__ import annotations

from llvmlite import ir
from numba import cuda
from numba.core import types

from gpu.kernels.attention_layout import LOG2_E
from gpu.ptx import assembly, exp2_fast, f32, fma, load_float

Words = list[ir.Value]


def capped(b: ir.IRBuilder, scores: list[Words], slope: ir.Value, height: ir.Value) -> list[Words]:
    """height * tanh(score * slope / (2 log2 e)), as height * (1 - 2 / (1 + 2 ** (slope * score))).

    The card's own tanh is wrong by up to 5e-4, which at a cap of 50 is 3 % of a weight; this is wrong by 3e-7 or so of
    the cap. Powers that are too large or small for a float32 give the cap itself.
    """

    def one(score: ir.Value) -> ir.Value:
        power = assembly(b, f32, "ex2.approx.ftz.f32 $0, $1;", "=f,f", [b.fmul(score, slope)])
        share = assembly(b, f32, "rcp.approx.ftz.f32 $0, $1;", "=f,f", [b.fadd(power, ir.Constant(f32, 1.0))])
        return fma(b, share, low, height)

    low = b.fmul(height, ir.Constant(f32, -2.0))
    return [[one(score) for score in tile] for tile in scores]


@cuda.jit(device=True, inline=True)
def sink_weight(sinks, head, peak):  # type: ignore[no-untyped-def]
    """What a head's sink adds to a sum of weights whose maximum is `peak`; infinite if it outweighs all by far."""
    return exp2_fast(load_float(sinks + types.uint64(4) * types.uint64(head)) * types.float32(LOG2_E) - peak)
