"""What ExLlamaV3 1.4.1, built for the card, reaches on one H200: the figures that stand beside ours.

Products in microseconds, its Hadamards and scales included, in a CUDA graph over weights larger than the cache. Models
in tokens per second, of synthetic checkpoints with a 6-bit head: decode of one sequence is its bare forward pass, of
more its generator. Knows nothing of our own measurements.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SOURCE = "ExLlamaV3 1.4.1 on one H200"


@dataclass(frozen=True)
class PublishedProduct:
    """exact: with 16-bit activations; otherwise its default, which is 8-bit for mul1 and few rows."""

    in_features: int
    out_features: int
    bits: int
    codebook: str
    rows: int
    microseconds: float
    exact: bool = False


def _gate_up(codebook: str, times: dict[int, float], *, exact: bool = False) -> tuple[PublishedProduct, ...]:
    """One row of the 4096 x 14336 product, by K."""
    return tuple(PublishedProduct(4096, 14336, bits, codebook, 1, time, exact) for bits, time in times.items())


PRODUCTS = (
    *_gate_up("mul1", {2: 26.7, 3: 27.1, 4: 27.5, 6: 30.5}),
    *_gate_up("mul1", {4: 31.5, 3: 36.6}, exact=True),
    *_gate_up("mcg", {2: 34.3, 3: 40.1, 4: 33.6, 6: 41.2}),
    PublishedProduct(4096, 4096, 4, "mul1", 1, 15.2),
    PublishedProduct(14336, 4096, 4, "mul1", 1, 33.2),
    PublishedProduct(4096, 1024, 4, "mul1", 1, 13.4),
    PublishedProduct(8192, 28672, 4, "mul1", 1, 68.8),
    PublishedProduct(4096, 128256, 6, "mul1", 1, 197.8),
    *(
        PublishedProduct(4096, 14336, 4, "mul1", rows, time)
        for rows, time in ((2, 31.0), (4, 31.0), (8, 31.0), (16, 40.0), (32, 75.0), (64, 146.0), (128, 289.0))
    ),
)


@dataclass(frozen=True)
class PublishedModel:
    """Tokens per second.

    Attributes:
        forward: decode of one sequence by context, the forward pass alone.
        generator: decode by batch size at context 0.
        prefill: by number of tokens.
    """

    shape: str
    bits: int
    codebook: str
    forward: dict[int, float]
    generator: dict[int, float]
    prefill: dict[int, float] = field(default_factory=dict)

    def decode(self, context: int, batch: int) -> float | None:
        """The figure to compare a decode with: the faster of the two where both exist."""
        found = [self.forward.get(context)] if batch == 1 else []
        if context == 0:
            found.append(self.generator.get(batch))
        return max((each for each in found if each is not None), default=None)


def _by_batch(one: float, four: float, eight: float, sixteen: float) -> dict[int, float]:
    return {1: one, 4: four, 8: eight, 16: sixteen}


MODELS = (
    PublishedModel("llama-8b", 4, "mul1", {0: 168, 4096: 144}, _by_batch(151, 561, 1081, 1514),
                   {512: 14200, 2048: 28800, 8192: 24800}),
    PublishedModel("llama-8b", 4, "mcg", {0: 147, 4096: 128}, _by_batch(135, 530, 1028, 772), {2048: 28700}),
    PublishedModel("llama-8b", 2, "mul1", {0: 172, 4096: 149}, _by_batch(159, 545, 1015, 832), {2048: 28400}),
    PublishedModel("llama-70b-8layers", 3, "mul1", {0: 299, 4096: 269}, _by_batch(279, 789, 1414, 2227),
                   {2048: 31300}),
)  # fmt: skip
# With exact activations its 2-bit mul1 checkpoint decodes at 157 (context 0) and 137 (4096) tokens per second.
EXACT_2_BITS = PublishedModel("llama-8b", 2, "mul1", {0: 157, 4096: 137}, {})


def published_model(shape: str, bits: int, codebook: str) -> PublishedModel | None:
    """The figures of a checkpoint, if there are any."""
    wanted = (shape, bits, codebook)
    return next((each for each in MODELS if (each.shape, each.bits, each.codebook) == wanted), None)
