"""Where the codes and scales of a quantized cache lie: numbers that kernels, launchers and references share.

Format. 32 consecutive values of a head's row (padded with zeros to a multiple of 32) are a group. A group is rotated by
the 32-point Hadamard matrix over sqrt(32), which spreads an outlier over all of it; value j becomes the code c_j of
`bits` bits, which stands for (2 c_j + 1 - 2^bits) * scale / 2^bits: levels in equal steps, none of them zero, the scale
one fp16 number for the group, about its largest magnitude. The rotation is orthogonal, so attention rotates a query
once instead of every key back, and its output once instead of every value.

Layout. A page (256 tokens) of a key/value head is one run of 32-bit words: codes, then scales.
  Codes in cells: a cell is a step of 32 tokens times a group, a lane of a warp has `bits` words of it, which are what
  it needs for the operands of one step of attention (see `attention_ir`): 16 pairs of codes. Pair i has its first code
  in the low halves of the words and its second in the high halves, each from bit i * bits of the 16 * bits bits there.
  Of K a pair is two values of a token: lane 4 n + quad, pair 4 j + p: values 8 quad + 2 p (+ 1) of token
  8 (n / 2) + n % 2 + 2 j. Of V it is one value of two tokens: pair 4 p + d: value 8 d + n of tokens 8 quad + 2 p (+ 1).
  A cell's words lie in pieces of four, two and one word of a lane, lane after lane, so that a warp reads lines.
  Scales: fp16 [8 steps, groups, 32 tokens].
Imports nothing of numba.
"""

from __future__ import annotations

from gpu.kernels.page_layout import PAGE

GROUP = 32  # values that share a scale
STEP = 32  # tokens of a cell
PAGE_STEPS = PAGE // STEP
THREADS = 128  # of a block that writes or expands pages
WIDTHS = range(2, 9)  # bits of a code
# Of the steps of the grid that the largest magnitude takes: 4 levels do better when they leave the largest value out.
REACH = {bits: 0.85 if bits == 2 else 1.0 for bits in WIDTHS}


def pieces(bits: int) -> tuple[tuple[int, int], ...]:
    """(first word, words) of a lane's accesses to a cell: as few as there are, each 4, 2 or 1 words."""
    found, first = [], 0
    for size in (4, 4, 2, 1):
        if first + size <= bits:
            found.append((first, size))
            first += size
    return tuple(found)


def cell_words(bits: int) -> int:
    return 32 * bits


def code_words(padded: int, bits: int) -> int:
    """Words of the codes of a page's head; the scales follow."""
    return PAGE_STEPS * (padded // GROUP) * cell_words(bits)


def head_words(padded: int, bits: int) -> int:
    """32-bit words of a page's head of `padded` values."""
    return code_words(padded, bits) + PAGE * (padded // GROUP) // 2


def packed_parts(padded: int) -> int:
    """Into how many parts of whole groups, each a block's, attention's output of a head is divided for few rows."""
    groups = padded // GROUP
    if groups <= 3:
        return 1
    return 2 if groups % 2 == 0 else groups
