"""One loaded model: submit, step, cancel, unload. The engine's face to the application and to scripts.

A session belongs to one thread. It joins templates, tokenizer, generator and model, and knows nothing of windows.
"""

from __future__ import annotations

import gc
import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from engine.budget import pages_for
from engine.cache.page_table import PageTable
from engine.chat.fitting import kept_messages, reply_room
from engine.chat.parts import MessageReader
from engine.chat.prompt_writer import PromptWriter, WrittenPrompt
from engine.errors import ContextTooLongError, InvalidRequestError
from engine.events import (
    EngineStatus,
    GenerationEvent,
    GenerationFinished,
    GenerationStarted,
    PromptCounted,
    RequestFailed,
)
from engine.generation.generator import Generator
from engine.generation.job import Job
from engine.generation.sights import Scene, Sights, nameless
from engine.loading import IsCancelled, LoadedModel, OnProgress, load
from engine.requests import GenerateRequest, LoadRequest, Message, SamplingSettings
from engine.speed import SpeedMeter
from engine.vision.prompt import ImageSpan
from engine.vision.towers.placed import FIRST_VIRTUAL, ImageLayout, PlacedImages, with_virtual_ids
from engine.vision.towers.types import ImageFeatures
from engine.vision.types import ProcessedImage

SCRIPT_REQUEST_IDS = 1 << 40  # ids of `generate` and `chat` start here, away from the application's


def open_session(
    request: LoadRequest,
    on_progress: OnProgress = lambda _: None,
    is_cancelled: IsCancelled = lambda: False,
) -> Session:
    """Loads a model.

    Args:
        on_progress: called often, from this thread, with a `LoadProgress`.
        is_cancelled: asked often; True ends the load with `Cancelled`.

    Raises:
        EngineError: what went wrong and what to do.
    """
    return Session(load(request, on_progress, is_cancelled))


@dataclass(frozen=True)
class _Served:
    """What is served of a request.

    Attributes:
        dropped_messages: the oldest, which did not fit.
        left_out_images: of what is served, for the model sees none.
    """

    prompt: WrittenPrompt
    dropped_messages: int = 0
    left_out_images: int = 0


class Session:
    """A loaded model that takes requests; made by `open_session` or `engine.load_model`.

    Attributes:
        info: what there is to say about the model.
        load_times, memory: where the seconds of the load went; memory planned and measured.
        tokenizer: `encode` and `decode`.
        vocab_size: tokens that may be chosen.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.info, self.load_times, self.memory = loaded.info, loaded.times, loaded.memory
        self.tokenizer = loaded.tokenizer
        spec, self._sight = loaded.model.spec, loaded.sight
        self._writer = PromptWriter(
            self.info.name, self.tokenizer, loaded.template, spec.vocab_size, self._sight.eyes, self._sight.why_blind
        )
        self._model = loaded.model
        self.vocab_size = loaded.vocab_size
        self._executor = loaded.executor
        self._layout = ImageLayout(
            bool(spec.blocks[0].attention.rope.sections), spec.sees_both_ways, self._executor.max_prefill
        )
        self._pages = PageTable(loaded.model.num_pages)
        self._generator = Generator(self._executor, self._pages, loaded.model.copy_page)
        self._messages = MessageReader()
        self._ids = itertools.count(SCRIPT_REQUEST_IDS)
        self._inboxes: dict[int, deque[GenerationEvent]] = {}  # of `generate` and `chat`, which run side by side
        self._lessened: dict[int, _Served] = {}  # requests of which something was left out, until they start
        self._speed = SpeedMeter()
        self._is_loaded = True

    @property
    def sees(self) -> bool:
        """Whether `encode_image` works; whether chats may have images is `info.sees`."""
        return self._sight.tower is not None

    @property
    def has_work(self) -> bool:
        return self._generator.has_work

    def submit(self, request: GenerateRequest) -> None:
        """Queues a request; its events come from `step`.

        Raises:
            EngineError: the request cannot be served: too long, no chat template, ids out of range, an image that is
                none or that the model cannot see. Whether an image's pixels are whole shows later, in `step`.
        """
        self._queue(request, self._served(request))

    def count(self, request: GenerateRequest) -> PromptCounted:
        """How long the prompt of a request is and what would be left out of it; serves nothing.

        Touches only the template, the tokenizer and the headers of image files, so it may run in any thread, beside
        a reply.

        Raises:
            EngineError: there is no prompt to count: no chat template, or one that refuses the conversation; an image
                that is none or that the model cannot see.
        """
        self._check_loaded()
        whole = self._writer.write(request)
        limit, room = self.info.context_tokens, self._reply_room(request.sampling)
        fitted = self._writer.fitted(replace(request, when_full="drop_oldest"), limit - room, whole)
        return PromptCounted(
            request.request_id, len(whole), limit, room, fitted.dropped_messages, len(fitted.prompt),
            image_tokens=whole.image_tokens,
        )  # fmt: skip

    def submit_tokens(
        self,
        request_id: int,
        prompt_ids: Sequence[int],
        sampling: SamplingSettings,
        *,
        continues: bool = True,
        images: PlacedImages | None = None,
    ) -> None:
        """Queues a prompt that is tokens already; as `submit`.

        Args:
            images: of the prompt, from `place_images`, whose ids go with them.
        """
        self._check_length(prompt_ids)
        self._generator.submit(self._job(request_id, prompt_ids, sampling, continues=continues, images=images))

    def encode_image(self, image: ProcessedImage) -> ImageFeatures:
        """What the model sees in an image; a second or more on a CPU.

        Raises:
            InvalidRequestError: the model, or the device it is on, takes no images.
        """
        self._check_loaded()
        if self._sight.tower is None:
            raise InvalidRequestError(
                f"{self.info.name} cannot see images on {self.info.device_name}.",
                "Load a model that sees, or this one on the CPU (device cpu), if it has a vision tower.",
            )
        return self._sight.tower.encode(image)

    def place_images(
        self,
        prompt_ids: Sequence[int],
        spans: Sequence[ImageSpan],
        images: Sequence[ProcessedImage],
        features: Sequence[ImageFeatures],
    ) -> tuple[list[int], PlacedImages]:
        """A prompt with its images, for `submit_tokens` and `logits`.

        Args:
            prompt_ids: with the image token at every place of the spans.
            spans: from `engine.vision.prompt.find_images`.
            images: of the prompt, in order.
            features: of each, from `encode_image`.

        Returns:
            The ids, with names of what is seen in place of the image token, and what goes with them.

        Raises:
            UnsupportedModelError: an image needs more rows at once than a step has.
        """
        placed = replace(self._layout, max_rows=self._executor.max_prefill).place(len(prompt_ids), spans, features)
        hashes = [image.content_hash for image in images]
        return with_virtual_ids(prompt_ids, spans, hashes, self._sight.fingerprint), placed

    def fits(self, tokens: int, batch: int) -> bool:
        """Whether the cache holds `batch` sequences of this many tokens at once."""
        return batch * pages_for(tokens) <= self._pages.num_pages

    def prompt_ids(self, request: GenerateRequest) -> list[int]:
        """The tokens that a request starts with, the image token where images stand. Raises `EngineError`."""
        self._check_loaded()
        return self._writer.write(request).ids

    def cancel(self, request_id: int) -> None:
        """Ends a request at the next step, which gives its `GenerationFinished` with the reason "cancelled"."""
        self._generator.cancel(request_id)

    def step(self) -> list[GenerationEvent]:
        """Advances every request by one chunk or token; nothing to do gives an empty list."""
        events = [self._with_lessened(event) for event in self._generator.step()]
        self._speed.note(events)
        for event in events:
            if event.request_id in self._inboxes:
                self._inboxes[event.request_id].append(event)
        return events

    def status(self) -> EngineStatus:
        """Live figures of memory, context and speed."""
        used, total = self._model.backend.memory_bytes()
        return EngineStatus(
            device_name=self.info.device_name,
            memory_used_bytes=used,
            memory_total_bytes=total,
            context_used_tokens=self._generator.longest_context,
            context_tokens=self.info.context_tokens,
            tokens_per_s=self._speed.tokens_per_s if self.has_work else 0.0,
        )

    def generate(self, prompt: str, sampling: SamplingSettings | None = None) -> Iterator[GenerationEvent]:
        """Continues a text; joining the events' `text` gives the continuation.

        Raises:
            EngineError: the request cannot be served.
        """
        return self._run(GenerateRequest(next(self._ids), prompt=prompt, sampling=sampling or SamplingSettings()))

    def chat(
        self,
        messages: Sequence[Message | Mapping[str, Any]],
        sampling: SamplingSettings | None = None,
        *,
        image_pixels: int | None = None,
    ) -> Iterator[GenerationEvent]:
        """The assistant's reply to a conversation, as `generate`.

        Args:
            messages: dictionaries have a role and, as content, a text or a list of parts: `{"type": "image", "path":
                ...}`, `{"type": "image", "image": ...}` with an image of Pillow's, and `{"type": "text", "text": ...}`.
                Images are shown before the text of their message.
            image_pixels: see `GenerateRequest`.
        """
        turns = tuple(each if isinstance(each, Message) else self._messages.read(each) for each in messages)
        settings = sampling or SamplingSettings()
        return self._run(GenerateRequest(next(self._ids), turns, sampling=settings, image_pixels=image_pixels))

    def logits(
        self, token_ids: Sequence[int], *, by_token: bool = False, images: PlacedImages | None = None
    ) -> torch.Tensor:
        """Logits of every position, float32 [tokens, vocab_size] on the CPU; leaves nothing in the cache.

        Args:
            by_token: each position in a step of its own, through the kernels that a single reply is generated with;
                else in chunks, as a prompt is read.
            images: of the prompt, from `place_images`, whose ids go with them.

        Raises:
            InvalidRequestError: no tokens, an id outside the vocabulary, or too many tokens.
        """
        self._check_loaded()
        ids = [int(each) for each in token_ids]
        if not ids:
            raise InvalidRequestError("There are no tokens.", "Give at least one.")
        self._writer.check_ids(ids if images is None else [each for each in ids if each < FIRST_VIRTUAL])
        if len(ids) > self.info.context_tokens:
            raise ContextTooLongError(
                f"There are {len(ids)} tokens and the context holds {self.info.context_tokens}.",
                "Load the model with a larger cache_tokens.",
            )
        sequence = self._pages.allocate_fresh(len(ids))
        if sequence is None:
            raise InvalidRequestError("Running requests use the whole cache.", "Wait for them to finish.")
        try:
            return self._executor.all_logits(ids, sequence, by_token=by_token, images=images)
        finally:
            self._pages.forget(sequence)

    def unload(self) -> int:
        """Frees the model; the session takes no requests afterwards. Returns the bytes that were freed, measured."""
        self._check_loaded()
        self._is_loaded = False
        backend = self._model.backend
        before = backend.memory_bytes()[0]
        if self._sight.eyes is not None:
            self._sight.eyes.close()
        self._sight = replace(self._sight, tower=None)
        del self._model, self._executor, self._generator, self._pages
        gc.collect()
        backend.trim()
        return max(0, before - backend.memory_bytes()[0])

    def _served(self, request: GenerateRequest) -> _Served:
        """The prompt that a request is served with. Raises `EngineError`."""
        self._check_loaded()
        limit = self.info.context_tokens - self._reply_room(request.sampling)
        fitted = self._writer.fitted(request, limit)
        if request.when_full == "drop_oldest":
            self._check_last_turn(fitted.prompt.ids)
        self._check_length(fitted.prompt.ids, fitted.prompt.image_tokens)
        kept = kept_messages(request.messages, fitted.dropped_messages)
        left_out = sum(len(message.images) for message in kept) - len(fitted.prompt.images)
        return _Served(fitted.prompt, fitted.dropped_messages, left_out)

    def _queue(self, request: GenerateRequest, served: _Served) -> None:
        prompt, sights, ids = served.prompt, None, served.prompt.ids
        if prompt.images:
            assert self._sight.eyes is not None
            layout = replace(self._layout, max_rows=self._executor.max_prefill)
            placed = layout.place(len(ids), prompt.spans)
            sights = Sights(request.request_id, Scene(self._sight.eyes, prompt.images, placed, self._sight.fingerprint))
            ids = nameless(ids, prompt.spans)
        if served.dropped_messages or served.left_out_images:
            self._lessened[request.request_id] = served
        self._generator.submit(
            self._job(request.request_id, ids, request.sampling, continues=request.continues, sights=sights)
        )

    def _job(
        self, request_id: int, prompt_ids: Sequence[int], sampling: SamplingSettings, *, continues: bool,
        images: PlacedImages | None = None, sights: Sights | None = None,
    ) -> Job:  # fmt: skip
        room = min(sampling.max_new_tokens, self.info.context_tokens - len(prompt_ids))
        return Job(
            request_id, list(prompt_ids), sampling, room, self.tokenizer, self.vocab_size,
            continues=continues, images=images, sights=sights,
        )  # fmt: skip

    def _reply_room(self, sampling: SamplingSettings) -> int:
        return reply_room(sampling.max_new_tokens, self.info.context_tokens)

    def _with_lessened(self, event: GenerationEvent) -> GenerationEvent:
        if self._lessened and isinstance(event, (GenerationStarted, GenerationFinished, RequestFailed)):
            served = self._lessened.pop(event.request_id, None)
            if served is not None and isinstance(event, GenerationStarted):
                dropped, left_out = served.dropped_messages, served.left_out_images
                return replace(event, dropped_messages=dropped, left_out_images=left_out)
        return event

    def _check_loaded(self) -> None:
        if not self._is_loaded:
            raise InvalidRequestError(f"{self.info.name} is unloaded.", "Load it again.")

    def _check_length(self, prompt_ids: Sequence[int], image_tokens: int = 0) -> None:
        limit = self.info.context_tokens
        if len(prompt_ids) >= limit > len(prompt_ids) - image_tokens:
            raise ContextTooLongError(
                f"The conversation has {len(prompt_ids)} tokens, {image_tokens} of them for images, and the context "
                f"holds {limit}.",
                "Use smaller or fewer images, or load the model with a larger context.",
            )
        if len(prompt_ids) >= limit:
            raise ContextTooLongError(
                f"The conversation has {len(prompt_ids)} tokens and the context holds {limit}.",
                "Start a new chat, shorten the conversation, or load the model with a larger context.",
            )

    def _check_last_turn(self, ids: Sequence[int]) -> None:
        if len(ids) >= self.info.context_tokens:
            raise ContextTooLongError(
                f"The last message with the system prompt has {len(ids):,} tokens and the context holds "
                f"{self.info.context_tokens:,}, so leaving out older turns does not help.",
                "Shorten it, or load the model with a larger context.",
                can_be_cut=False,
            )

    def _run(self, request: GenerateRequest) -> Iterator[GenerationEvent]:
        return self._events_of(request, self._served(request))  # what cannot be served fails here, not while reading

    def _events_of(self, request: GenerateRequest, served: _Served) -> Iterator[GenerationEvent]:
        request_id, finished = request.request_id, False
        self._queue(request, served)
        inbox = self._inboxes[request_id] = deque[GenerationEvent]()
        try:
            while not finished:
                while not inbox:  # a step that another reply asked for may have filled it
                    self.step()
                event = inbox.popleft()
                finished = isinstance(event, (GenerationFinished, RequestFailed))
                if isinstance(event, RequestFailed):
                    raise event.error
                yield event
        finally:
            del self._inboxes[request_id]
            if not finished:  # the caller lost interest
                self.cancel(request_id)
                self.step()
