"""What the application asks of the engine: frozen dataclasses, and the only place where a default is written.

With `engine.events` and `engine.errors` this is the whole contract between `app` and `engine`; it knows nothing of
torch, of Qt or of how a request is served.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from engine.errors import InvalidRequestError

Role = Literal["system", "user", "assistant", "tool"]
SHOWING_ROLES: tuple[Role, ...] = ("user", "tool")  # whose messages may have images

WhenFull = Literal["refuse", "drop_oldest"]
SettingGroup = Literal["choice", "repetition", "end"]


def setting(
    default: Any,
    *,
    label: str,
    help: str,
    group: SettingGroup = "choice",
    low: float | None = None,
    high: float | None = None,
    usual: tuple[float, float] | None = None,
    is_simple: bool = False,
) -> Any:
    """Declares a settings field, with all that a control for it needs.

    Args:
        default: written here and nowhere else.
        label: its name for people.
        help: one sentence.
        group: what it is about; the fields of a group stand together.
        low, high: the inclusive range, of a number.
        usual: the part of the range that is worth a slider.
        is_simple: one of the few that most people want.
    """
    about = {"label": label, "help": help, "group": group, "low": low, "high": high, "usual": usual}
    return field(default=default, metadata={**about, "is_simple": is_simple})


def check_ranges(settings: Any) -> None:
    """Raises `InvalidRequestError` naming the first field of a settings dataclass that is outside its range."""
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value is None or not isinstance(value, (int, float)):
            continue
        low, high = each.metadata.get("low"), each.metadata.get("high")
        inside = (low is None or value >= low) and (high is None or value <= high)  # False for NaN
        if not inside:
            raise InvalidRequestError(f"{each.name} is {value}.", f"Choose a value {_range_text(each)}.")


def _range_text(each: Field[Any]) -> str:
    low, high = each.metadata.get("low"), each.metadata.get("high")
    if high is None:
        return f"of at least {low}"
    return f"of at most {high}" if low is None else f"from {low} to {high}"


@dataclass(frozen=True)
class SamplingSettings:
    """How the next token is chosen and when to stop.

    The chain is: repetition, presence and frequency penalties; temperature; top-k; top-p; min-p; one seeded draw.
    Temperature 0 takes the likeliest token after the penalties.
    """

    temperature: float = setting(
        0.8, label="Temperature", low=0.0, high=5.0, usual=(0.0, 2.0), is_simple=True,
        help="Higher is more varied, 0 always takes the likeliest.",
    )  # fmt: skip
    top_k: int = setting(
        0, label="Top-k", low=0, high=100_000, help="Keep only the k likeliest tokens; 0 keeps all."
    )  # fmt: skip
    top_p: float = setting(
        1.0, label="Top-p", low=0.0, high=1.0, usual=(0.0, 1.0), is_simple=True,
        help="Keep the likeliest tokens up to this share; 1 keeps all.",
    )  # fmt: skip
    min_p: float = setting(
        0.05, label="Min-p", low=0.0, high=1.0, usual=(0.0, 0.5),
        help="Drop tokens below this fraction of the likeliest's chance.",
    )  # fmt: skip
    repetition_penalty: float = setting(
        1.0, label="Repetition penalty", group="repetition", low=0.01, high=10.0, usual=(1.0, 1.5), is_simple=True,
        help="Above 1 makes any earlier token less likely.",
    )  # fmt: skip
    presence_penalty: float = setting(
        0.0, label="Presence penalty", group="repetition", low=-10.0, high=10.0, usual=(-2.0, 2.0),
        help="Subtracted once from each token of the reply.",
    )  # fmt: skip
    frequency_penalty: float = setting(
        0.0, label="Frequency penalty", group="repetition", low=-10.0, high=10.0, usual=(-2.0, 2.0),
        help="Subtracted for each use in the reply.",
    )  # fmt: skip
    penalty_window: int = setting(
        0, label="Penalty window", group="repetition", low=0, high=10_000_000,
        help="Penalties look at the last n tokens; 0: at all.",
    )  # fmt: skip
    seed: int | None = setting(
        None, label="Seed", low=0, high=2**63 - 1, is_simple=True,
        help="The same seed gives the same reply; empty: a new one.",
    )  # fmt: skip
    max_new_tokens: int = setting(
        1024, label="Longest reply", group="end", low=1, high=10_000_000, is_simple=True,
        help="The reply ends after this many tokens.",
    )  # fmt: skip
    stop_strings: tuple[str, ...] = setting(
        (), label="Stop texts", group="end", help="The reply ends before any of these texts."
    )  # fmt: skip
    stop_token_ids: tuple[int, ...] = setting(
        (), label="Stop token ids", group="end", help="The reply ends at any of these token ids."
    )  # fmt: skip
    ignore_eos: bool = setting(
        False, label="Ignore the end", group="end", help="Go on past the model's own end-of-text tokens."
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class Message:
    """One turn of a conversation as the chat template sees it.

    Attributes:
        content: its text.
        images: files of pictures, in order, which the model sees before the text; of the user's turns and of tools'
            answers only.
    """

    role: Role
    content: str
    images: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.images and self.role not in SHOWING_ROLES:
            raise InvalidRequestError(
                f"A message of the role {self.role} has an image.", "Put the image into a message of the user."
            )


@dataclass(frozen=True)
class LoadRequest:
    """Load the model in a folder, in place of the one that is loaded.

    Attributes:
        path: the model's folder.
        device: "auto", "cpu", "cuda:N", or "cuda:GPU-..." with a card's UUID.
        cache_tokens: tokens of K/V cache, rounded up to whole pages; None takes the model's own limit, at most
            `DEFAULT_CACHE_TOKENS`.
        cache_bits: bits of each K and each V value: 2 to 8, each its own, or 16 for both, which is fp16.
        exact: False rounds, on a card, the activations of a single reply to 8 bits on their way into the matrices,
            which is a few percent faster. The processor is always exact.
    """

    path: Path
    device: str = "auto"
    cache_tokens: int | None = None
    cache_bits: tuple[int, int] = (16, 16)
    exact: bool = True


DEFAULT_CACHE_TOKENS = 8192


@dataclass(frozen=True)
class GenerateRequest:
    """Generate the assistant's next turn, or continue a raw prompt.

    Exactly one of `messages` and `prompt` is given; messages that end with the assistant's are continued in that turn.

    Attributes:
        request_id: comes back in every event.
        thinking: whether the model thinks before it answers, where its template can be told; None leaves it alone.
        when_full: "drop_oldest" leaves out the oldest turns of messages that do not fit, but never the system's and
            the last user's; "refuse" fails.
        image_pixels: the most pixels of one image after resizing, within `ModelInfo.image_budget`; None leaves what
            the model's files say. A model without such a budget takes no notice of it.
    """

    request_id: int
    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    thinking: bool | None = None
    when_full: WhenFull = "refuse"
    image_pixels: int | None = None

    def __post_init__(self) -> None:
        if self.image_pixels is not None and self.image_pixels < 1:
            raise InvalidRequestError(f"image_pixels is {self.image_pixels}.", "Choose a value of at least 1.")
        if bool(self.messages) == (self.prompt is not None):
            raise InvalidRequestError("A request needs either messages or a prompt.", "Give exactly one of them.")

    @property
    def num_images(self) -> int:
        """Images of all messages."""
        return sum(len(message.images) for message in self.messages)

    @property
    def begun(self) -> str:
        """What is said already of the turn to generate."""
        return self.messages[-1].content if self.messages and self.messages[-1].role == "assistant" else ""

    @property
    def continues(self) -> bool:
        """Whether the reply goes on in a text, so that its first space belongs to it."""
        return self.prompt is not None or bool(self.begun)
