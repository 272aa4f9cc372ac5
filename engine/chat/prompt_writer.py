"""From a request to the tokens that a model starts with, images at their places.

Touches only the template, the tokenizer and the headers of image files, so it may be used from any thread. Knows
nothing of caches and nothing of how a prompt is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.chat.fitting import FittedPrompt, fit_messages
from engine.chat.sight import visible
from engine.chat.template import ChatTemplate, require_template
from engine.chat.thinking import thinking_switch
from engine.errors import InvalidRequestError
from engine.requests import GenerateRequest
from engine.tokenizer.tokenizer import Tokenizer
from engine.vision.eyes import Eyes
from engine.vision.prompt import ImageSpan, find_images, with_images
from engine.vision.reading import PlannedImage


@dataclass(frozen=True)
class WrittenPrompt:
    """The tokens of a prompt.

    Attributes:
        ids: with the image token at every place of the spans.
        images: of the prompt, in order.
        spans: where their tiles stand.
    """

    ids: list[int]
    images: tuple[PlannedImage, ...] = ()
    spans: tuple[ImageSpan, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def image_tokens(self) -> int:
        """That the images take, without the markers around them."""
        return sum(image.plan.num_tokens for image in self.images)


class PromptWriter:
    """Writes the prompts of one model.

    Args:
        name: of the model, for messages.
        num_ids: of its vocabulary.
        eyes: None for a blind model.
        why_blind: a sentence then.
    """

    def __init__(
        self,
        name: str,
        tokenizer: Tokenizer,
        template: ChatTemplate | None,
        num_ids: int,
        eyes: Eyes | None = None,
        why_blind: str = "",
    ) -> None:
        self.name, self.num_ids = name, num_ids
        self._tokenizer, self._template = tokenizer, template
        self._eyes, self._why_blind = eyes, why_blind
        self._switch = thinking_switch(template)

    def write(self, request: GenerateRequest) -> WrittenPrompt:
        """All of a request's prompt.

        Raises:
            EngineError: no template, or one that refuses the conversation; an image that cannot be read, or seen.
        """
        if request.prompt is not None:
            prompt = WrittenPrompt(self._tokenizer.encode(request.prompt))
        else:
            prompt = self._conversation(request)
        if not prompt.ids:
            raise InvalidRequestError("The prompt is empty.", "Write something first.")
        self.check_ids(prompt.ids)
        return prompt

    def fitted(
        self, request: GenerateRequest, limit_tokens: int, whole: WrittenPrompt | None = None
    ) -> FittedPrompt[WrittenPrompt]:
        """The prompt that a request is served with.

        Args:
            limit_tokens: how many may be kept where the oldest turns may be left out.
            whole: all of it, when that is known.
        """
        prompt = whole if whole is not None else self.write(request)
        if request.when_full == "refuse" or request.prompt is not None:
            return FittedPrompt(prompt, 0)
        return fit_messages(
            request.messages, prompt, limit_tokens, lambda messages: self.write(replace(request, messages=messages))
        )

    def check_ids(self, ids: Sequence[int]) -> None:
        """Raises `InvalidRequestError` for an id outside the vocabulary."""
        for each in ids:
            if not 0 <= each < self.num_ids:
                raise InvalidRequestError(
                    f"The token id {each} is outside the model's vocabulary of {self.num_ids}.",
                    "The tokenizer's files may belong to another model; download the model again.",
                )

    def _conversation(self, request: GenerateRequest) -> WrittenPrompt:
        template = require_template(self._template, self.name)
        messages = request.messages if self._eyes is not None else visible(request.messages, self._why_blind)
        turns = messages[:-1] if request.begun else messages
        switch, wish = self._switch, request.thinking
        variables: dict[str, Any] = {} if switch is None or wish is None else {switch: wish}
        text = template.render(turns, **variables) + request.begun
        paths = [path for message in turns for path in message.images]
        if self._eyes is None or not paths:
            return WrittenPrompt(self._tokenizer.encode_rendered(text))
        images = tuple(self._eyes.plan(path, request.image_pixels) for path in paths)
        plans, markers = [image.plan for image in images], self._eyes.markers
        ids = self._tokenizer.encode_rendered(with_images(text, markers, plans))
        return WrittenPrompt(ids, images, find_images(ids, self._eyes.image_token_id, markers, plans))
