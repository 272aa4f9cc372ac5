"""What a load will ask of a device's memory, computed before anything is loaded, and what is missing in words.

The loader's own check and the preview before a download are this one plan. Knows nothing of files or of devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.budget import FP16_CACHE, PAGE_TOKENS, DeviceBudget, pages_for
from engine.errors import InvalidRequestError, NotEnoughMemoryError
from engine.models.sizes import cache_bytes_per_token, longest_context, staging_bytes, weights_bytes, working_bytes
from engine.models.spec import ModelSpec
from engine.units import memory_gb

PACKED_WIDTHS = range(2, 9)  # bits of a quantized cache
SCALE_BITS = 0.5  # of a quantized value's share in its scale
LEAST_BYTES = 100_000_000  # the smallest amount that is worth asking for


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes that a load will ask for.

    Attributes:
        weights_bytes: of the tensors as stored.
        bytes_per_token: of K and V over all layers.
        cache_tokens: whole pages.
        working_bytes: step buffers, kernels and graphs, at most.
        cache_bits: of K and V.
    """

    weights_bytes: int
    bytes_per_token: int
    cache_tokens: int
    working_bytes: int
    cache_bits: tuple[int, int] = FP16_CACHE

    @property
    def cache_bytes(self) -> int:
        """With the spare page that idle rows of a step write to."""
        return self.bytes_per_token * (self.cache_tokens + PAGE_TOKENS)

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.cache_bytes + self.working_bytes

    def check(self, free_bytes: int) -> None:
        """Raises `NotEnoughMemoryError` unless the plan fits."""
        missing = self.total_bytes - free_bytes
        if missing > 0:
            free = f"{memory_gb(max(free_bytes, 0))} GB are free"
            raise self._error(f"{self._needs()} and {free}: {memory_gb(missing)} GB are missing.", missing)

    def ran_out(self, taken_bytes: int, free_bytes: int) -> NotEnoughMemoryError:
        """The error for memory that ran out in the middle of a load that fitted when it began.

        Args:
            taken_bytes: what the load had taken by then.
            free_bytes: what was free then.
        """
        missing = max(self.total_bytes - taken_bytes - free_bytes, LEAST_BYTES)
        return self._error(
            f"The memory ran out while the model was loading: {self._needs()}, had taken {memory_gb(taken_bytes)} GB, "
            f"and {memory_gb(free_bytes)} GB were free: at least {memory_gb(missing)} GB are missing.",
            missing,
        )

    def _needs(self) -> str:
        return (
            f"The model needs {memory_gb(self.total_bytes)} GB ({memory_gb(self.weights_bytes)} GB of weights, "
            f"{memory_gb(self.cache_bytes)} GB of cache, {memory_gb(self.working_bytes)} GB to work with)"
        )

    def _error(self, message: str, missing_bytes: int) -> NotEnoughMemoryError:
        pages_too_many = -(-missing_bytes // (self.bytes_per_token * PAGE_TOKENS))
        fitting = self.cache_tokens - pages_too_many * PAGE_TOKENS
        if fitting >= PAGE_TOKENS:
            smaller = f"Use a context of {fitting:,} tokens instead of {self.cache_tokens:,}"
            way_out = f"{smaller}{self._narrower_cache(missing_bytes)}, or close other programs."
            return NotEnoughMemoryError(message, way_out, fitting)
        ways = f"Close other programs{self._narrower_cache(missing_bytes)}"
        return NotEnoughMemoryError(message, f"{ways}, or choose a smaller model or a lower bitrate.")

    def _narrower_cache(self, missing_bytes: int) -> str:
        """The widest common cache that would save so many bytes, as a thing to do; '' if none would."""
        for bits in (8, 4):
            share = (bits + SCALE_BITS) * 2 / sum(each + SCALE_BITS * (each < 16) for each in self.cache_bits)
            if share < 1 and self.cache_bytes * (1 - share) >= missing_bytes:
                return f", use a cache of {bits} bits"
        return ""


def check_cache_bits(bits: tuple[int, int]) -> None:
    """Raises `InvalidRequestError` for widths of keys and values that there are not."""
    k, v = bits
    if bits != FP16_CACHE and not (k in PACKED_WIDTHS and v in PACKED_WIDTHS):
        raise InvalidRequestError(
            f"There is no cache with keys of {k} and values of {v} bits.",
            "Use 2 to 8 bits for both, each its own, or 16 bits for both.",
        )


def plan_load(
    spec: ModelSpec,
    tensors: Mapping[str, int],
    budget: DeviceBudget,
    cache_tokens: int,
    cache_bits: tuple[int, int] = FP16_CACHE,
) -> MemoryPlan:
    """What loading a model with a cache for so many tokens takes.

    Args:
        tensors: bytes of every tensor of the checkpoint, by full name.
        budget: of the device.
        cache_tokens: rounded up to whole pages; may hold several of the longest contexts.
    """
    spec = spec if budget.sees else spec.blind
    num_pages = pages_for(cache_tokens)
    context_pages = min(pages_for(longest_context(spec)), num_pages)
    num_positions = min(longest_context(spec), num_pages * PAGE_TOKENS)
    return MemoryPlan(
        weights_bytes=weights_bytes(spec, tensors),
        bytes_per_token=cache_bytes_per_token(spec, cache_bits),
        cache_tokens=num_pages * PAGE_TOKENS,
        working_bytes=working_bytes(spec, budget, num_positions) + staging_bytes(spec, context_pages, cache_bits),
        cache_bits=cache_bits,
    )
