"""Measures a loaded model's speed through the same generator that serves chats.

Prefill at several lengths, decode at several contexts and batch sizes, each with random tokens so that nothing is
found in the cache. Prints nothing and writes nothing.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from engine.events import GenerationFinished, RequestFailed, TextDelta
from engine.footprint import MemoryUse
from engine.loading import LoadTimes
from engine.requests import SamplingSettings
from engine.session import Session

PREFILL_TOKENS = (512, 2048, 8192)
DECODE_CONTEXTS = (0, 4096)
DECODE_BATCHES = (1, 4, 8, 16)
BENCH_CACHE_TOKENS = (16 * (4096 + 256), 8192 + 256, 2048 + 256)  # the first that fits in memory
DECODE_STEPS = 64
MAX_MEASUREMENT_S = 150.0  # a single figure that would take longer is left out

Report = Callable[[str], None]


@dataclass(frozen=True)
class PrefillSpeed:
    tokens: int
    tokens_per_s: float


@dataclass(frozen=True)
class DecodeSpeed:
    context: int
    batch: int
    tokens_per_s: float  # of all sequences together


@dataclass(frozen=True)
class SpeedResult:
    """Everything `bench` reports. Memory in bytes.

    Attributes:
        times: the parts of `load_s`.
        memory: planned, and measured when the model was loaded.
        grown_bytes: by how much the memory in use grew from then to the end of the measurements.
        skipped: which figures are missing and why.
    """

    model: str
    architecture: str
    format: str
    device: str
    device_name: str
    load_s: float
    weights_bytes: int
    cache_bytes: int
    memory_used_bytes: int
    times: LoadTimes
    memory: MemoryUse
    grown_bytes: int
    prefill: list[PrefillSpeed] = field(default_factory=list)
    decode: list[DecodeSpeed] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Plain data for a JSON file."""
        return asdict(self)


class SpeedBench:
    """Runs the measurements on one session."""

    def __init__(self, session: Session, report: Report = lambda _: None) -> None:
        self._session, self._report = session, report
        self._random = random.Random(0)
        self._next_id = 1
        self._prefill_rate = 0.0

    def run(self) -> SpeedResult:
        """All figures that fit the model's context and the time limit."""
        info, used_bytes = self._session.info, self._used_bytes()
        self._prefill(64, repeats=1)  # first-use costs are not speed
        prefill: list[PrefillSpeed] = []
        decode: list[DecodeSpeed] = []
        skipped: list[str] = []
        for tokens in PREFILL_TOKENS:
            reason = self._obstacle(tokens + 1, tokens)
            if reason:
                skipped.append(f"prefill {tokens}: {reason}")
                continue
            self._prefill_rate = self._prefill(tokens, repeats=3 if tokens <= 512 else 1)
            prefill.append(PrefillSpeed(tokens, self._prefill_rate))
            self._report(f"prefill {tokens:5d} tokens: {self._prefill_rate:9.1f} tokens/s")
        for context in DECODE_CONTEXTS:
            for batch in DECODE_BATCHES:
                name = f"decode at context {context}, batch {batch}"
                reason = self._obstacle(context + DECODE_STEPS + 2, batch * context, batch)
                if reason:
                    skipped.append(f"{name}: {reason}")
                    continue
                rate = self._decode(context, batch)
                decode.append(DecodeSpeed(context, batch, rate))
                self._report(f"{name:31s}: {rate:9.1f} tokens/s")
        now_bytes = self._used_bytes()
        return SpeedResult(
            info.name, info.architecture, info.format, info.device, info.device_name, info.load_s, info.weights_bytes,
            info.cache_bytes, now_bytes, self._session.load_times, self._session.memory, now_bytes - used_bytes,
            prefill, decode, skipped,
        )  # fmt: skip

    def _used_bytes(self) -> int:
        return self._session.status().memory_used_bytes

    def _obstacle(self, tokens_each: int, prompt_tokens: int, batch: int = 1) -> str:
        if tokens_each > self._session.info.context_tokens:
            return f"the context holds {self._session.info.context_tokens} tokens"
        if not self._session.fits(tokens_each, batch):
            return "the cache is too small"
        expected = prompt_tokens / self._prefill_rate if self._prefill_rate else 0.0
        if expected > MAX_MEASUREMENT_S:
            return f"would take about {expected:.0f} s"
        return ""

    def _ids(self, count: int) -> list[int]:
        return [self._random.randrange(self._session.vocab_size) for _ in range(count)]

    def _submit(self, count: int, new_tokens: int) -> int:
        request_id, self._next_id = self._next_id, self._next_id + 1
        settings = SamplingSettings(temperature=0.0, max_new_tokens=new_tokens, ignore_eos=True)
        self._session.submit_tokens(request_id, self._ids(count), settings)
        return request_id

    def _prefill(self, tokens: int, repeats: int) -> float:
        rates = []
        for _ in range(repeats):
            self._submit(tokens, 1)
            rates.append(tokens / self._finished()[0].prefill_s)
        return statistics.median(rates)

    def _finished(self) -> list[GenerationFinished]:
        ended = []
        while self._session.has_work:
            for event in self._session.step():
                if isinstance(event, RequestFailed):
                    raise event.error
                if isinstance(event, GenerationFinished):
                    ended.append(event)
        return ended

    def _decode(self, context: int, batch: int) -> float:
        """Times the steps in which every sequence takes a token and none is read."""
        for _ in range(batch):
            self._submit(max(context, 1), DECODE_STEPS + 2)
        times: list[float] = []
        while self._session.has_work:
            began = time.perf_counter()
            events = self._session.step()
            took = time.perf_counter() - began
            for event in events:
                if isinstance(event, RequestFailed):
                    raise event.error
            if len(events) == batch and all(isinstance(event, TextDelta) for event in events):
                times.append(took)
        return batch / statistics.median(times)
