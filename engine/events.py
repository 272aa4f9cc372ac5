"""What the engine tells the application: frozen dataclasses, each complete in itself.

Generation events all have `text`, so that joining the texts of a request's events gives its reply. Knows nothing of
torch or Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import EngineError
from engine.requests import SamplingSettings

FinishReason = Literal["stop_token", "stop_string", "length", "cancelled"]
LoadPhase = Literal["reading", "preparing", "warming up"]


@dataclass(frozen=True)
class LoadProgress:
    """Loading goes on: `done` of `total` in `unit` ("bytes" while reading, "kernels" while preparing)."""

    phase: LoadPhase
    done: int
    total: int
    unit: Literal["bytes", "kernels"] = "bytes"


@dataclass(frozen=True)
class LoadMemory:
    """What a load took of its device's memory, beside what it was expected to take.

    Attributes:
        planned_bytes: of all together, by the estimate that the load was checked with.
        weights_bytes, cache_bytes: measured.
        total_bytes: by how much the memory in use grew, without the driver's own part.
    """

    planned_bytes: int
    weights_bytes: int
    cache_bytes: int
    total_bytes: int

    @property
    def working_bytes(self) -> int:
        """All that is neither weights nor cache."""
        return max(self.total_bytes - self.weights_bytes - self.cache_bytes, 0)


AUTOMATIC_IMAGE_TOKENS = 1400


@dataclass(frozen=True)
class ImageBudget:
    """Within what a chat may choose the most pixels of one image, after resizing.

    Attributes:
        least: below it the model takes no image; a smaller choice counts as this.
        most: what the model's files allow at most, and what holds where nothing is chosen.
        pixels_per_token: that one token of the prompt stands for.
    """

    least: int
    most: int
    pixels_per_token: int

    def automatic(self, context_tokens: int) -> int:
        """Where nobody chose: about 1000 x 1000, and no image takes more than a quarter of the context."""
        tokens = min(AUTOMATIC_IMAGE_TOKENS, context_tokens // 4)
        return min(self.most, max(self.least, tokens * self.pixels_per_token))


@dataclass(frozen=True)
class ModelInfo:
    """What the window may say about a loaded model."""

    name: str
    path: Path
    architecture: str
    format: str  # "EXL3 4.0 bpw", "float16"
    device: str  # "cpu", "cuda:0"
    device_name: str
    context_tokens: int  # the longest prompt plus reply: cache and model limit
    num_parameters: int
    weights_bytes: int
    cache_bytes: int
    load_s: float
    has_chat_template: bool
    recommended: SamplingSettings  # defaults with the model's own generation_config applied
    thinks_by_default: bool | None = None  # None: its template has no switch for thinking
    memory: LoadMemory | None = None  # None where nothing was measured
    sees: bool = False  # whether it takes images
    why_blind: str = ""  # a sentence for people; empty when it sees
    image_budget: ImageBudget | None = None  # None: every image costs what the model's files say, or it is blind


@dataclass(frozen=True)
class ModelLoaded:
    info: ModelInfo


@dataclass(frozen=True)
class LoadFailed:
    path: Path
    error: EngineError


@dataclass(frozen=True)
class ModelUnloaded:
    freed_bytes: int


@dataclass(frozen=True)
class EngineStatus:
    """The live figures of the status strip; emitted at most a few times a second."""

    device_name: str
    memory_used_bytes: int  # of this process on the CPU, of the card on a GPU
    memory_total_bytes: int
    context_used_tokens: int
    context_tokens: int
    tokens_per_s: float  # 0 while idle


@dataclass(frozen=True)
class EncodingImages:
    """A request's images are being read and looked at, before it starts: `done` of `total`.

    Comes only where there is something to do: not for images that are in the cache with the prompt before them.
    """

    request_id: int
    done: int
    total: int
    text: str = ""


@dataclass(frozen=True)
class GenerationStarted:
    request_id: int
    prompt_tokens: int
    cached_tokens: int  # of the prompt, found in the cache
    seed: int  # reproduces the reply
    text: str = ""
    dropped_messages: int = 0  # the oldest, after the system's, that did not fit and were left out
    left_out_images: int = 0  # of earlier turns, which this model cannot see


@dataclass(frozen=True)
class PrefillProgress:
    request_id: int
    done_tokens: int
    total_tokens: int
    text: str = ""


@dataclass(frozen=True)
class TextDelta:
    """More of the reply. `token_ids` are the tokens taken since the last delta; text may lag behind them."""

    request_id: int
    text: str
    token_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class GenerationFinished:
    """The reply is complete; `text` is what was held back and now certain."""

    request_id: int
    reason: FinishReason
    prompt_tokens: int
    cached_tokens: int
    new_tokens: int
    queue_s: float  # submitted to first prefill chunk
    prefill_s: float  # first prefill chunk to first token
    decode_s: float  # first token to last token
    text: str = ""

    @property
    def tokens_per_s(self) -> float:
        """Decode speed: the first token belongs to the prefill."""
        return (self.new_tokens - 1) / self.decode_s if self.decode_s > 0 and self.new_tokens > 1 else 0.0

    @property
    def first_token_s(self) -> float:
        return self.queue_s + self.prefill_s


@dataclass(frozen=True)
class RequestFailed:
    request_id: int
    error: EngineError
    text: str = ""


@dataclass(frozen=True)
class PromptCounted:
    """How long a request's prompt would be and where it would be cut; the same sums as when it is served.

    Attributes:
        request_id: of the question.
        prompt_tokens: of all that was given.
        context_tokens: what prompt and reply share.
        reply_tokens: of these, what is kept free for a reply when the oldest turns are left out.
        dropped_messages: how many of the oldest, after the system's, would be left out; 0 when all fit.
        kept_tokens: of the prompt without them; more than there is room for when even the last turn is too long.
        error: why it could not be counted; the figures are 0 then.
        image_tokens: what the images take of `prompt_tokens`, without the markers around them.
    """

    request_id: int
    prompt_tokens: int
    context_tokens: int
    reply_tokens: int = 0
    dropped_messages: int = 0
    kept_tokens: int = 0
    error: EngineError | None = None
    image_tokens: int = 0

    @property
    def fits(self) -> bool:
        """Whether all of it fits beside a reply."""
        return self.prompt_tokens + self.reply_tokens <= self.context_tokens

    @property
    def can_be_cut(self) -> bool:
        """Whether leaving out the oldest turns makes it fit."""
        return self.dropped_messages > 0 and self.kept_tokens + self.reply_tokens <= self.context_tokens


GenerationEvent = EncodingImages | GenerationStarted | PrefillProgress | TextDelta | GenerationFinished | RequestFailed
Event = LoadProgress | ModelLoaded | LoadFailed | ModelUnloaded | EngineStatus | GenerationEvent
