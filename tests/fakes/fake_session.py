"""A session that needs no model: it says a scripted text at a given rate, and fails when told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.chat.fitting import FittedPrompt, fit_messages, reply_room
from engine.errors import Cancelled, ContextTooLongError, EngineError, InvalidRequestError, NotEnoughMemoryError
from engine.events import (
    EncodingImages,
    EngineStatus,
    GenerationEvent,
    GenerationFinished,
    GenerationStarted,
    ImageBudget,
    LoadMemory,
    LoadProgress,
    ModelInfo,
    PrefillProgress,
    PromptCounted,
    RequestFailed,
    TextDelta,
)
from engine.requests import GenerateRequest, LoadRequest, Message, SamplingSettings

FAKE_SEED = 7
BLIND = "This model has no vision tower, so it cannot see images."
DEFAULT_REPLY = "A bicycle stays upright because it *steers* into every fall. "


@dataclass
class Script:
    """How the fake behaves; tests change it while it runs."""

    reply: str = DEFAULT_REPLY * 3
    tokens_per_s: float = 400.0
    token_length: int = 4
    load_steps: int = 3
    load_step_s: float = 0.005
    load_error: EngineError | None = None
    load_bug: Exception | None = None
    submit_error: EngineError | None = None
    step_error: EngineError | None = None
    step_bug: Exception | None = None
    fail_after_tokens: int = 0
    context_tokens: int = 4096
    num_parameters: int = 27_795_968
    requests: list[GenerateRequest] = field(default_factory=list)
    loads: list[LoadRequest] = field(default_factory=list)
    unloads: int = 0
    threads: set[int] = field(default_factory=set)
    hold_load: threading.Event | None = None
    num_kernels: int = 0  # that a load makes ready
    thinks_by_default: bool | None = None
    recommended: SamplingSettings = field(
        default_factory=lambda: SamplingSettings(temperature=0.5, top_p=0.9, top_k=40)
    )  # fmt: skip
    counts: list[GenerateRequest] = field(default_factory=list)
    count_error: EngineError | None = None
    hold_count: threading.Event | None = None
    why_blind: str = BLIND  # empty: it sees
    image_budget: ImageBudget | None = field(default_factory=lambda: ImageBudget(784, 1_003_520, 784))
    tokens_per_image: int = 64
    encode_s: float = 0.005  # of one image
    image_error: EngineError | None = None  # that a request with an image ends with, at its first one
    fitting_tokens: int | None = None  # a load with more, or without a wish, does not fit

    def open_session(
        self, request: LoadRequest, on_progress: Callable[[LoadProgress], None], is_cancelled: Callable[[], bool]
    ) -> FakeSession:
        """The session factory that the worker gets."""
        self.loads.append(request)
        self.threads.add(threading.get_ident())
        total = 500_000_000
        for step in range(self.load_steps):
            on_progress(LoadProgress("reading", total * (step + 1) // self.load_steps, total))
            time.sleep(self.load_step_s)
            while self.hold_load is not None and not self.hold_load.is_set() and not is_cancelled():
                time.sleep(0.002)
            if is_cancelled():
                raise Cancelled("The load was cancelled.")
        for done in range(self.num_kernels):
            on_progress(LoadProgress("preparing", done, self.num_kernels, "kernels"))
            time.sleep(0.04)  # longer than the worker keeps progress back
        if self.load_error is not None:
            raise self.load_error
        if self.fitting_tokens is not None and (request.cache_tokens or self.fitting_tokens + 1) > self.fitting_tokens:
            way_out = f"Use a context of {self.fitting_tokens} tokens instead, or close other programs."
            raise NotEnoughMemoryError("The model needs 13.1 GB and 10.9 GB are free.", way_out, self.fitting_tokens)
        if self.load_bug is not None:
            raise self.load_bug
        return FakeSession(self, request)


@dataclass
class _Job:
    request: GenerateRequest
    tokens: list[str]
    start_s: float
    started: bool = False
    done: int = 0
    dropped: int = 0
    images: int = 0  # that it shows
    seen: int = 0
    left_out: int = 0


class FakeSession:
    """Says `script.reply` to every request."""

    def __init__(self, script: Script, request: LoadRequest) -> None:
        path, on_card = request.path, request.device.startswith("cuda")
        self._script = script
        self._jobs: dict[int, _Job] = {}
        self._cancelled: list[int] = []
        self._used_tokens = 0
        self.info = ModelInfo(
            name=path.name,
            path=path,
            architecture="LlamaForCausalLM",
            format="EXL3 4.0 bpw",
            device=request.device if on_card else "cpu",
            device_name="NVIDIA GeForce RTX 4070" if on_card else "AMD Ryzen 7 7700",
            context_tokens=script.context_tokens,
            num_parameters=script.num_parameters,
            weights_bytes=23_500_000,
            cache_bytes=16_000_000,
            load_s=0.4,
            has_chat_template=True,
            recommended=script.recommended,
            thinks_by_default=script.thinks_by_default,
            memory=LoadMemory(700_000_000, 23_600_000, 16_500_000, 640_000_000) if on_card else None,
            sees=not script.why_blind,
            why_blind=script.why_blind,
            image_budget=None if script.why_blind else script.image_budget,
        )

    @property
    def has_work(self) -> bool:
        return bool(self._jobs or self._cancelled)

    def submit(self, request: GenerateRequest) -> None:
        if self._script.submit_error is not None:
            raise self._script.submit_error
        self._check_images(request)
        self._script.requests.append(request)
        whole, fitted, _ = self._fitted(request)
        cut = request.when_full == "drop_oldest"
        if len(fitted.prompt if cut else whole) >= self.info.context_tokens:
            raise ContextTooLongError(f"The conversation has {len(whole)} tokens.", "Shorten the conversation.")
        self._script.threads.add(threading.get_ident())
        text, length = self._script.reply, self._script.token_length
        tokens = [text[i : i + length] for i in range(0, len(text), length)]
        dropped = fitted.dropped_messages if cut else 0
        shown, left_out = (request.num_images, 0) if self.info.sees else (0, request.num_images)
        self._jobs[request.request_id] = _Job(
            request, tokens, time.monotonic(), dropped=dropped, images=shown, left_out=left_out
        )

    def count(self, request: GenerateRequest) -> PromptCounted:
        if self._script.hold_count is not None:
            self._script.hold_count.wait(5)
        if self._script.count_error is not None:
            raise self._script.count_error
        self._check_images(request)
        self._script.counts.append(request)
        self._script.threads.add(threading.get_ident())
        whole, fitted, room = self._fitted(request)
        context = self.info.context_tokens
        return PromptCounted(
            request.request_id, len(whole), context, room, fitted.dropped_messages, len(fitted.prompt),
            image_tokens=request.num_images * self._image_tokens,
        )  # fmt: skip

    @property
    def _image_tokens(self) -> int:
        return self._script.tokens_per_image if self.info.sees else 0

    def _check_images(self, request: GenerateRequest) -> None:
        """A model that cannot see refuses images of the last turn, and leaves out those of earlier ones."""
        asked = max((i for i, each in enumerate(request.messages) if each.role == "user"), default=0)
        if not self.info.sees and any(each.images for each in request.messages[asked:]):
            raise InvalidRequestError(
                self.info.why_blind, "Load a model that sees, or take the image out of the message."
            )

    def _fitted(self, request: GenerateRequest) -> tuple[list[int], FittedPrompt[list[int]], int]:
        """A word is a token."""
        whole = self._ids(request.messages)
        room = reply_room(request.sampling.max_new_tokens, self.info.context_tokens)
        return whole, fit_messages(request.messages, whole, self.info.context_tokens - room, self._ids), room

    def _ids(self, messages: Sequence[Message]) -> list[int]:
        return _words(messages) + [0] * (self._image_tokens * sum(len(each.images) for each in messages))

    def cancel(self, request_id: int) -> None:
        if request_id in self._jobs:
            self._cancelled.append(request_id)

    def step(self) -> list[GenerationEvent]:
        if self._script.step_bug is not None:
            raise self._script.step_bug
        stopped = [self._jobs.pop(request_id) for request_id in self._cancelled]
        events: list[GenerationEvent] = [self._finish(job, "cancelled") for job in stopped]
        self._cancelled = []
        if self._jobs:
            time.sleep(1 / self._script.tokens_per_s)
        for job in list(self._jobs.values()):
            events.extend(self._advance(job))
        return events

    def status(self) -> EngineStatus:
        speed = self._script.tokens_per_s if self._jobs else 0.0
        context = self._script.context_tokens
        return EngineStatus(self.info.device_name, 1_300_000_000, 34_000_000_000, self._used_tokens, context, speed)

    def unload(self) -> int:
        self._script.unloads += 1
        return 39_500_000

    def _advance(self, job: _Job) -> list[GenerationEvent]:
        request_id = job.request.request_id
        if job.seen < job.images:
            return self._look(job)
        if not job.started:
            job.started = True
            seed = job.request.sampling.seed if job.request.sampling.seed is not None else FAKE_SEED
            started = GenerationStarted(
                request_id, 12, 0, seed, dropped_messages=job.dropped, left_out_images=job.left_out
            )
            return [started, PrefillProgress(request_id, 12, 12)]
        failing = self._script.step_error is not None and job.done >= self._script.fail_after_tokens
        if failing and self._script.step_error is not None:
            del self._jobs[request_id]
            return [RequestFailed(request_id, self._script.step_error)]
        if job.done < min(len(job.tokens), job.request.sampling.max_new_tokens):
            job.done += 1
            self._used_tokens = 12 + job.done
            return [TextDelta(request_id, job.tokens[job.done - 1], (job.done,))]
        del self._jobs[request_id]
        return [self._finish(job, "stop_token")]

    def _look(self, job: _Job) -> list[GenerationEvent]:
        """One more image of a job."""
        request_id = job.request.request_id
        if self._script.image_error is not None:
            del self._jobs[request_id]
            return [RequestFailed(request_id, self._script.image_error)]
        before: list[GenerationEvent] = [EncodingImages(request_id, 0, job.images)] if job.seen == 0 else []
        time.sleep(self._script.encode_s)
        job.seen += 1
        return [*before, EncodingImages(request_id, job.seen, job.images)]

    def _finish(self, job: _Job, reason: str) -> GenerationFinished:
        assert reason in ("stop_token", "cancelled")
        decode_s = max(time.monotonic() - job.start_s - 0.02, 0.001)
        return GenerationFinished(
            job.request.request_id,
            "cancelled" if reason == "cancelled" else "stop_token",
            prompt_tokens=12,
            cached_tokens=0,
            new_tokens=job.done,
            queue_s=0.01,
            prefill_s=0.3,
            decode_s=decode_s,
        )


def _words(messages: Sequence[Message]) -> list[int]:
    return [len(word) for each in messages for word in each.content.split()]
