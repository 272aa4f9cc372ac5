"""One loaded model: submit, step, cancel, unload. The engine's face to the application and to scripts.

A session belongs to one thread. It joins templates, tokenizer, generator and model, and knows nothing of windows.
"""

from __future__ import annotations

import gc
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast, get_args

import torch

from engine.budget import pages_for
from engine.cache.page_table import PageTable
from engine.chat.fitting import FittedPrompt, fit_messages, reply_room
from engine.chat.template import require_template
from engine.chat.thinking import thinking_switch
from engine.errors import ContextTooLongError, InvalidRequestError, UnsupportedModelError
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
from engine.loading import IsCancelled, LoadedModel, OnProgress, load
from engine.requests import GenerateRequest, LoadRequest, Message, Role, SamplingSettings
from engine.speed import SpeedMeter
from engine.vision.mrope import mrope_positions
from engine.vision.prompt import ImageSpan
from engine.vision.towers.placed import FIRST_VIRTUAL, PlacedImages, with_virtual_ids
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
        self._template = loaded.template
        self._thinking_switch = thinking_switch(loaded.template)
        self._num_ids = loaded.model.spec.vocab_size
        self._model = loaded.model
        self.vocab_size = loaded.vocab_size
        self._executor = loaded.executor
        self._tower = loaded.tower
        self._pages = PageTable(loaded.model.num_pages)
        self._generator = Generator(self._executor, self._pages, loaded.model.copy_page)
        self._ids = itertools.count(SCRIPT_REQUEST_IDS)
        self._inboxes: dict[int, deque[GenerationEvent]] = {}  # of `generate` and `chat`, which run side by side
        self._dropped: dict[int, int] = {}  # messages that were left out of a request, until it starts
        self._speed = SpeedMeter()
        self._is_loaded = True

    @property
    def sees(self) -> bool:
        """Whether it takes images."""
        return self._tower is not None

    @property
    def has_work(self) -> bool:
        return self._generator.has_work

    def submit(self, request: GenerateRequest) -> None:
        """Queues a request; its events come from `step`.

        Raises:
            EngineError: the request cannot be served: too long, no chat template, ids out of range.
        """
        fitted = self._fitted(request)
        if request.when_full == "drop_oldest":
            self._check_last_turn(fitted.ids)
        if fitted.dropped_messages:
            self._dropped[request.request_id] = fitted.dropped_messages
        self.submit_tokens(request.request_id, fitted.ids, request.sampling, continues=request.continues)

    def count(self, request: GenerateRequest) -> PromptCounted:
        """How long the prompt of a request is and what would be left out of it; serves nothing.

        Touches only the template and the tokenizer, so it may run in any thread, beside a reply.

        Raises:
            EngineError: there is no prompt to count: no chat template, or one that refuses the conversation.
        """
        whole = self.prompt_ids(request)
        limit, room = self.info.context_tokens, self._reply_room(request.sampling)
        fitted = self._fitted(replace(request, when_full="drop_oldest"), whole)
        kept = len(fitted.ids)
        return PromptCounted(request.request_id, len(whole), limit, room, fitted.dropped_messages, kept)

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
        room = min(sampling.max_new_tokens, self.info.context_tokens - len(prompt_ids))
        self._generator.submit(
            Job(
                request_id, list(prompt_ids), sampling, room, self.tokenizer, self.vocab_size,
                continues=continues, images=images,
            )
        )  # fmt: skip

    def encode_image(self, image: ProcessedImage) -> ImageFeatures:
        """What the model sees in an image; a second or more on a CPU.

        Raises:
            InvalidRequestError: the model, or the device it is on, takes no images.
        """
        self._check_loaded()
        if self._tower is None:
            raise InvalidRequestError(
                f"{self.info.name} cannot see images on {self.info.device_name}.",
                "Load a model that sees, or this one on the CPU (device cpu), if it has a vision tower.",
            )
        return self._tower.encode(image)

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
        spec = self._model.spec
        has_three = bool(spec.blocks[0].attention.rope.sections)
        placed = PlacedImages(
            tuple(spans), tuple(features), mrope_positions(len(prompt_ids), spans) if has_three else None,
            spec.sees_both_ways,
        )  # fmt: skip
        if placed.longest_span > self._executor.max_prefill:
            raise UnsupportedModelError(
                f"An image takes {placed.longest_span} tokens that belong in one step, and a step has "
                f"{self._executor.max_prefill}.",
                "Choose another model for images.",
            )
        hashes = [image.content_hash for image in images]
        return with_virtual_ids(prompt_ids, spans, hashes, repr(spec.vision).encode()), placed

    def fits(self, tokens: int, batch: int) -> bool:
        """Whether the cache holds `batch` sequences of this many tokens at once."""
        return batch * pages_for(tokens) <= self._pages.num_pages

    def prompt_ids(self, request: GenerateRequest) -> list[int]:
        """The tokens that a request starts with. Raises `EngineError`."""
        self._check_loaded()
        if request.prompt is not None:
            ids = self.tokenizer.encode(request.prompt)
        else:
            template = require_template(self._template, self.info.name)
            turns = request.messages[:-1] if request.begun else request.messages
            switch, wish = self._thinking_switch, request.thinking
            variables: dict[str, Any] = {} if switch is None or wish is None else {switch: wish}
            ids = self.tokenizer.encode_rendered(template.render(turns, **variables) + request.begun)
        if not ids:
            raise InvalidRequestError("The prompt is empty.", "Write something first.")
        self._check_ids(ids)
        return ids

    def cancel(self, request_id: int) -> None:
        """Ends a request at the next step, which gives its `GenerationFinished` with the reason "cancelled"."""
        self._generator.cancel(request_id)

    def step(self) -> list[GenerationEvent]:
        """Advances every request by one chunk or token; nothing to do gives an empty list."""
        events = [self._with_dropped(event) for event in self._generator.step()]
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
        self, messages: Sequence[Message | dict[str, str]], sampling: SamplingSettings | None = None
    ) -> Iterator[GenerationEvent]:
        """The assistant's reply to a conversation, as `generate`."""
        turns = tuple(each if isinstance(each, Message) else _message(each) for each in messages)
        return self._run(GenerateRequest(next(self._ids), messages=turns, sampling=sampling or SamplingSettings()))

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
        self._check_ids(ids if images is None else [each for each in ids if each < FIRST_VIRTUAL])
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
        self._tower = None
        del self._model, self._executor, self._generator, self._pages
        gc.collect()
        backend.trim()
        return max(0, before - backend.memory_bytes()[0])

    def _fitted(self, request: GenerateRequest, whole: list[int] | None = None) -> FittedPrompt:
        """The prompt that a request is served with; `whole` is all of it, when that is known."""
        ids = whole if whole is not None else self.prompt_ids(request)
        if request.when_full == "refuse" or request.prompt is not None:
            return FittedPrompt(ids, 0)
        limit = self.info.context_tokens - self._reply_room(request.sampling)
        return fit_messages(
            request.messages, ids, limit, lambda messages: self.prompt_ids(replace(request, messages=messages))
        )

    def _reply_room(self, sampling: SamplingSettings) -> int:
        return reply_room(sampling.max_new_tokens, self.info.context_tokens)

    def _with_dropped(self, event: GenerationEvent) -> GenerationEvent:
        if self._dropped and isinstance(event, (GenerationStarted, GenerationFinished, RequestFailed)):
            dropped = self._dropped.pop(event.request_id, 0)
            if dropped and isinstance(event, GenerationStarted):
                return replace(event, dropped_messages=dropped)
        return event

    def _check_loaded(self) -> None:
        if not self._is_loaded:
            raise InvalidRequestError(f"{self.info.name} is unloaded.", "Load it again.")

    def _check_length(self, prompt_ids: Sequence[int]) -> None:
        limit = self.info.context_tokens
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

    def _check_ids(self, ids: Sequence[int]) -> None:
        size = self._num_ids
        for each in ids:
            if not 0 <= each < size:
                raise InvalidRequestError(
                    f"The token id {each} is outside the model's vocabulary of {size}.",
                    "The tokenizer's files may belong to another model; download the model again.",
                )

    def _run(self, request: GenerateRequest) -> Iterator[GenerationEvent]:
        prompt_ids = self.prompt_ids(request)
        self._check_length(prompt_ids)  # what cannot be served fails here, not while reading
        return self._events_of(request, prompt_ids)

    def _events_of(self, request: GenerateRequest, prompt_ids: list[int]) -> Iterator[GenerationEvent]:
        request_id, finished = request.request_id, False
        self.submit_tokens(request_id, prompt_ids, request.sampling, continues=request.continues)
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


def _message(each: dict[str, str]) -> Message:
    role, content = each.get("role"), each.get("content")
    if role not in get_args(Role) or not isinstance(content, str):
        raise InvalidRequestError(f"{each!r} is not a message.", "Give a role and a text as content.")
    return Message(cast(Role, role), content)
