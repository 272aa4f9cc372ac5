"""What the memory of a device is spent on besides weights, as numbers that need no device: pages, rows, fixed costs.

The backends take their sizes from here and the estimate before a load takes the same. Knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PAGE_TOKENS = 256
FP16_CACHE = (16, 16)  # bits of K and V
LEAST_STAGING = 16  # fp16 pages beside a quantized cache: one for each sequence of a step that decodes
MAX_LOGIT_ROWS = 64  # rows of logits a step computes at a time
DECODED_VALUES = 64 * 2**20  # of a slice: 128 MB hold any matrix of an 8B model; larger matrices go in equal slices
PRODUCT_COLUMNS = 8192  # of a slice that is not written straight to its output: 64 MB for 2048 rows
ROOMY_BYTES = 40_000_000_000  # free when a model is loaded: then speed is worth more than a gigabyte


@dataclass(frozen=True)
class DeviceBudget:
    """What a loaded model takes of a device besides its weights, its cache and what its own sizes ask for.

    Attributes:
        prefill_rows: rows of a prefill chunk, which size the buffers of a step.
        other_bytes: kernels, libraries, graphs, small buffers.
        decodes_slices: many rows are multiplied with matrices decoded to fp16, slice by slice.
        has_dense_attention: prefill attention keeps fp16 copies of a chunk.
        least_bytes: what is counted at least for all that is neither weights nor cache.
        sees: vision towers are loaded; else the model is one without eyes.
    """

    prefill_rows: int
    other_bytes: int
    decodes_slices: bool = False
    has_dense_attention: bool = False
    least_bytes: int = 0
    sees: bool = False

    def with_correction(self, num_bytes: int) -> DeviceBudget:
        """The same, with what earlier loads took more than planned, or less."""
        return replace(self, other_bytes=max(self.other_bytes + num_bytes, 0))


CPU_BUDGET = DeviceBudget(prefill_rows=512, other_bytes=100_000_000, least_bytes=300_000_000, sees=True)
# Fixed costs are the middle of what loads of 1B, 8B and 70B shapes took on an H200, 2 to 6 bits, contexts of 4k to 64k,
# cache of 4 and 16 bits: they differ by 80 MB either way. Nothing is allocated after a load.
CARD_BUDGET = DeviceBudget(prefill_rows=2048, other_bytes=400_000_000, decodes_slices=True, sees=True)
ROOMY_BUDGET = DeviceBudget(
    prefill_rows=4096, other_bytes=345_000_000, decodes_slices=True, has_dense_attention=True, sees=True
)  # fmt: skip


def card_budget(free_bytes: int) -> DeviceBudget:
    """Of a card with so much free memory when a model is loaded."""
    return ROOMY_BUDGET if free_bytes >= ROOMY_BYTES else CARD_BUDGET


def pages_for(tokens: int) -> int:
    """Whole pages that hold a number of tokens."""
    return -(-tokens // PAGE_TOKENS)
