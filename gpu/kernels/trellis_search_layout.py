"""How the trellis search is spread over a block: which thread keeps which states, and where costs lie in shared memory.

A state is 16 bits; a node is its low 16 - K bits, the part that the next state holds too. With a state cut into
`j` (K bits), `mid` (16 - 2K bits) and `q` (K bits), it leads from node `(j, mid)` to node `(mid, q)`: for each `mid`
all 2**K costs meet all 2**K symbols. A thread keeps the values of 128 states in 64 registers of two halves for as long
as it runs, so that no step decodes anything; what moves is the row of the nodes' costs, which a step reads from shared
memory and writes there again.

Costs are fp16 in pairs. Up to K = 4 the halves of a register are two neighbours in `mid`, so that a pair of costs is
used as it is read, and two registers exchange halves before they are written. From K = 5 on they are two neighbours in
`j`; the halves of a minimum are compared in the end, and a row lies with `j` innermost. Pieces of 16 bytes are
exchanged so that a warp's accesses spread over the banks.

All functions of a thread's number are written with whole-number operators alone, and so serve numbers and tensors
(tests, launchers) as well as registers (kernels). Knows nothing of numba.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

THREADS = 512
REGISTERS = 64  # of a thread that hold values
WEIGHTS = 256
STATE_BITS = 16
APPROACH = 128  # steps before and behind a tile's seam that decide about it
QUICK_APPROACH = 32  # for estimates

_OUTPUTS = {1: 32, 2: 16, 3: 8, 4: 4, 5: 4, 6: 2, 7: 2, 8: 2}  # registers of minima that a thread writes
_KEPT_EVERY = {1: 8, 2: 4, 3: 2, 4: 2, 5: 1, 6: 1, 7: 1, 8: 1}  # steps
_SHARES = {7: 2, 8: 4}  # threads among which the costs of one minimum are divided
_SWIZZLE = {1: 1, 2: 3, 3: 1, 4: 0, 5: 3, 6: 7, 7: 3, 8: 0}
LIMIT = 8.0  # of targets: more than twice the largest value, so that no choice depends on what is beyond


@dataclass(frozen=True)
class Plan:
    """The layout for one K."""

    bits: int

    @property
    def node_bits(self) -> int:
        return STATE_BITS - self.bits

    @property
    def mid_bits(self) -> int:
        return STATE_BITS - 2 * self.bits

    @property
    def pairs_mids(self) -> bool:
        """Whether the halves of a register are neighbours in `mid`, and not in `j`."""
        return self.bits <= 4

    @property
    def row_bytes(self) -> int:
        """Of the costs of all nodes."""
        return 2 << self.node_bits

    @property
    def row_buffers(self) -> int:
        """Rows in shared memory: one to read and one to write, except where both are too large for common cards."""
        return 1 if self.bits == 1 else 2

    @property
    def shared_bytes(self) -> int:
        """Rows, targets as pairs of halves (and what is left of them), minima of rows."""
        return self.row_buffers * self.row_bytes + 4 * (2 * WEIGHTS + WEIGHTS)

    @property
    def kept_every(self) -> int:
        """Steps from one row that is kept in global memory to the next; between them paths are searched again."""
        return _KEPT_EVERY[self.bits]

    @property
    def span(self) -> int:
        """Bits of the symbols between two rows that are kept."""
        return self.kept_every * self.bits

    @property
    def tile_bytes(self) -> int:
        """Of the rows that are kept of a tile."""
        return WEIGHTS // self.kept_every * self.row_bytes

    @property
    def splits_targets(self) -> bool:
        """Whether a target is used to more bits than an fp16 has, where its rounding would show in the error."""
        return self.bits >= 7

    @property
    def scale(self) -> float:
        """What values and targets are multiplied with: squares stay clear of fp16's smallest and largest numbers."""
        return 8.0 if self.bits >= 6 else 4.0

    @property
    def num_outputs(self) -> int:
        return _OUTPUTS[self.bits]

    @property
    def num_terms(self) -> int:
        """Registers of values that each output is the minimum over."""
        return REGISTERS // self.num_outputs

    @property
    def num_costs(self) -> int:
        """Registers of costs that a thread reads."""
        return {1: 32, 2: 16, 3: 8, 4: 16, 5: 16}.get(self.bits, 32)

    @property
    def shares(self) -> int:
        """Neighbouring threads whose minima are joined."""
        return _SHARES.get(self.bits, 1)

    def place(self, node: Any) -> Any:
        """Where a node's cost is in a row, counted in halves."""
        mask = _SWIZZLE[self.bits]
        if self.pairs_mids:
            chunk = node >> 3
            return ((chunk ^ ((chunk >> 3) & mask)) << 3) | (node & 7)
        mid, j = node & ((1 << self.mid_bits) - 1), node >> self.mid_bits
        return (mid << self.bits) | (j ^ (self._turn(mid) << 3))

    def _turn(self, mid: Any) -> Any:
        return ((mid >> 1) if self.bits == 5 else mid) & _SWIZZLE[self.bits]

    def cost_words(self, thread: Any) -> tuple[Any, list[int], int]:
        """The words of a row that a thread reads: a base, offsets from it, and how many words follow each."""
        bits = self.bits
        if bits <= 2:
            base = (thread ^ ((thread >> 3) & _SWIZZLE[bits])) << 2
            groups = 4 if bits == 1 else 1
            offsets = [(j << (self.node_bits - bits - 1)) + 2048 * g for g in range(groups) for j in range(1 << bits)]
            return base, offsets, 4
        if bits == 3:
            base = (((thread >> 2) ^ ((thread >> 5) & 1)) << 2) | (thread & 3)
            return base, [512 * j for j in range(8)], 1
        if bits == 4:
            return thread >> 2, [128 * j for j in range(16)], 1
        share = thread & (self.shares - 1)
        base = (self._mid(thread) << (bits - 1)) + (share << 2)
        return base, [4 * self.shares * i for i in range(self.num_costs // 4)], 4

    def _mid(self, thread: Any) -> Any:
        """From K = 5 on, the thread's `mid`."""
        return thread >> (2 * self.bits - 7) if self.mid_bits else thread & 0

    def symbol(self, thread: Any, output: int) -> Any:
        """The symbol of an output; the first of two where halves are two symbols."""
        bits = self.bits
        if bits <= 3:
            return (thread & 0) + output % (1 << bits)
        if bits == 4:
            return ((thread & 3) << 2) + output
        if bits == 5:
            return (thread & 7) + 8 * output
        if bits == 6:
            return (thread & 31) + 32 * output
        if bits == 7:
            return ((thread >> 1) & 63) + 64 * output
        return ((thread >> 2) << 1) + output

    def middle(self, thread: Any, output: int, half: int) -> Any:
        """`mid` of an output."""
        if not self.pairs_mids:
            return self._mid(thread)
        if self.bits == 1:
            group, pair = divmod(output // 2, 4)
            pairs = (thread << 2) + (2048 * group + pair)
        elif self.bits == 2:
            pairs = (thread << 2) + output // 4
        else:
            pairs = thread if self.bits == 3 else thread >> 2
        return (pairs << 1) + half

    def cost_of(self, output: int, term: int) -> int:
        """The register of costs that a term of an output begins with."""
        if self.bits == 1:
            group, pair = divmod(output // 2, 4)
            return 8 * group + 4 * term + pair
        if self.bits == 2:
            return 4 * term + output // 4
        return term

    def state(self, thread: Any, register: int, half: int) -> Any:
        """The state whose value a half of a register of values holds."""
        output, term = divmod(register, self.num_terms)
        mid = self.middle(thread, output, half if self.pairs_mids else 0)
        if self.pairs_mids:
            j = (thread & 0) + term
        else:
            share = thread & (self.shares - 1)
            chunk = (share + (term // 4) * self.shares) ^ self._turn(mid)
            j = (chunk << 3) + (2 * (term % 4) + half)
        return (j << self.node_bits) | (mid << self.bits) | self.symbol(thread, output)

    def stores(self, thread: Any) -> list[tuple[Any, int, list[tuple[int, int]]]]:
        """Up to K = 4: what a thread writes, each a base and an offset in words, and what the words from there hold.

        A word holds a half of an even output and the same half of the next one: named by (even output, half).
        """
        if self.bits == 1:
            chunks = [((thread << 1) + k) ^ ((thread >> 2) & 1) for k in range(2)]
            return [
                (chunks[k] << 2, 4096 * group, [(8 * group + 4 * k + y, half) for y in (0, 2) for half in range(2)])
                for group in range(4)
                for k in range(2)
            ]
        if self.bits == 2:
            chunks = [((thread << 2) + k) ^ ((thread >> 1) & 3) for k in range(4)]
            return [(chunks[k] << 2, 0, [(4 * k + y, half) for half in range(2) for y in (0, 2)]) for k in range(4)]
        if self.bits == 3:
            chunks = [((thread << 1) + half) ^ ((thread >> 2) & 1) for half in range(2)]
            return [(chunks[half] << 2, 0, [(y, half) for y in (0, 2, 4, 6)]) for half in range(2)]
        word = ((thread >> 2) << 4) + ((thread & 3) << 1)
        return [(word, 8 * half, [(0, half), (2, half)]) for half in range(2)]

    def half_stores(self, thread: Any) -> list[tuple[Any, int]]:
        """For K = 5 and 6: the half of the row that each output is written to, as a base and an offset."""
        base = self.place((self._mid(thread) << self.bits) | self.symbol(thread, 0))
        return [(base, (256 if self.bits == 5 else 2) * output) for output in range(self.num_outputs)]

    def shared_store(self, thread: Any) -> Any:
        """For K = 7: the half of the row that a thread writes, its share's output; for K = 8 the first of two."""
        if self.bits == 7:
            share = thread & 1
            return self.place((self._mid(thread) << 7) | (((thread >> 1) & 63) + (share << 6)))
        return self.symbol(thread, 0)


PLANS = {bits: Plan(bits) for bits in range(1, 9)}
