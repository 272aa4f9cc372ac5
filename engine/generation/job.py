"""One request on its way through the generator: its tokens, its place in the cache and what has been said of it.

Knows nothing of models or devices.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from engine.cache.page_table import PageSequence
from engine.events import FinishReason, GenerationFinished, GenerationStarted, TextDelta
from engine.generation.sights import Sights
from engine.generation.stop_conditions import StopConditions, StopMatcher
from engine.requests import SamplingSettings
from engine.sampling.pipeline import SamplerState
from engine.tokenizer.incremental import IncrementalDecoder
from engine.tokenizer.tokenizer import Tokenizer
from engine.vision.towers.placed import PlacedImages


@dataclass
class JobTimes:
    """Clock readings in seconds; None until it happened."""

    submitted: float = field(default_factory=time.perf_counter)
    started: float | None = None
    first_token: float | None = None
    last_token: float | None = None


class Job:
    """A request that is waiting or running.

    Args:
        prompt_ids: at least one token.
        max_new_tokens: the request's limit, already cut to what fits behind the prompt.
        vocab_size: tokens that may be chosen; the model's logits may be wider.
        continues: the reply continues a text, so its first space belongs to it.
        images: of the prompt, whose ids at their places name what they show.
        sights: images of the prompt that are still to be read; it has no names for them yet.

    Attributes:
        token_ids: prompt and reply so far.
        num_computed: how many of them, from the start, have K and V in the cache.
    """

    def __init__(
        self,
        request_id: int,
        prompt_ids: list[int],
        settings: SamplingSettings,
        max_new_tokens: int,
        tokenizer: Tokenizer,
        vocab_size: int,
        *,
        continues: bool,
        images: PlacedImages | None = None,
        sights: Sights | None = None,
    ) -> None:
        self.request_id = request_id
        self.num_prompt, self.images, self.sights = len(prompt_ids), images, sights
        self.is_named = sights is None
        self.token_ids = list(prompt_ids)
        self.max_tokens = len(prompt_ids) + max_new_tokens
        self.sampler = SamplerState(settings, vocab_size, prompt_ids)
        conditions = StopConditions.from_settings(settings, tokenizer.eos_ids)
        self._matcher = StopMatcher(
            StopConditions(conditions.eos_ids, conditions.stop_token_ids, conditions.stop_strings, max_new_tokens)
        )
        self._decoder = IncrementalDecoder(tokenizer, continues=continues)
        self.sequence: PageSequence | None = None
        self.num_computed = 0
        self.num_cached = 0
        self.skips = 0
        self.cancelled = False
        self.times = JobTimes()

    @property
    def is_prefilling(self) -> bool:
        return self.num_computed < self.num_prompt

    @property
    def is_begun(self) -> bool:
        """Whether it has its pages and all that it shows was looked at."""
        return self.times.started is not None

    def name_images(self) -> None:
        """Its files are read: from now on its prompt is found in the cache by what they show."""
        assert self.sights is not None
        self.token_ids = self.sights.named(self.token_ids)
        self.is_named = True

    def take(self, sequence: PageSequence) -> None:
        """Takes its pages."""
        assert self.is_named
        self.sequence = sequence
        self.num_computed = self.num_cached = sequence.num_cached
        if self.sights is not None:
            self.sights.begin(sequence.num_cached)

    def begin(self) -> GenerationStarted:
        """Says that it runs."""
        if self.sights is not None:
            self.images, self.sights = self.sights.placed, None
        self.times.started = time.perf_counter()
        return GenerationStarted(self.request_id, self.num_prompt, self.num_cached, self.sampler.seed)

    def accept(self, token_id: int) -> TextDelta | GenerationFinished:
        """Adds a sampled token and returns what it means for the reader."""
        now = time.perf_counter()
        self.times.first_token = self.times.first_token or now
        self.times.last_token = now
        self.token_ids.append(token_id)
        self.sampler.accept(token_id)
        step = self._matcher.push(token_id, self._decoder.push(token_id))
        if step.reason is None:
            return TextDelta(self.request_id, step.text, (token_id,))
        return self._finished(step.reason, step.text)

    def cancel(self) -> GenerationFinished:
        """The final event of a cancelled job, with the text that was held back."""
        if self.sights is not None:
            self.sights.stop()
        return self._finished("cancelled", self._matcher.flush())

    def _finished(self, reason: FinishReason, text: str) -> GenerationFinished:
        times, now = self.times, time.perf_counter()
        started = times.started or now
        first = times.first_token or now
        return GenerationFinished(
            request_id=self.request_id,
            reason=reason,
            prompt_tokens=self.num_prompt,
            cached_tokens=self.num_cached,
            new_tokens=len(self.token_ids) - self.num_prompt,
            queue_s=started - times.submitted,
            prefill_s=first - started,
            decode_s=(times.last_token or first) - first,
            text=text,
        )
