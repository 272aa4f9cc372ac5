"""What the engine raises when the world, not the program, is at fault.

Every error carries two texts: what happened (naming the file, key or value) and a way out. The window shows both;
the terminal prints both. A cancelled operation is `Cancelled` and is shown to nobody. Anything that is not an
`EngineError` is a bug and becomes a crash report. Knows nothing of torch or Qt.
"""

from __future__ import annotations


class EngineError(Exception):
    """A failure with a way out.

    Args:
        message: what happened, naming the file, the key or the value, as one or two sentences.
        way_out: what the user can do about it, as one sentence; may be empty only for `Cancelled`.
    """

    def __init__(self, message: str, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.message} {self.way_out}".strip()


class ModelFormatError(EngineError):
    """A file of the model is missing, damaged or contradicts itself."""


class UnsupportedModelError(EngineError):
    """The model is well formed but needs something that this program does not have."""


class NotEnoughMemoryError(EngineError):
    """The model or its cache does not fit; the way out names a setting that would.

    Args:
        suggested_cache_tokens: a `LoadRequest.cache_tokens` that fits, which the window offers as a button; None when
            no context does.
    """

    def __init__(self, message: str, way_out: str = "", suggested_cache_tokens: int | None = None) -> None:
        super().__init__(message, way_out)
        self.suggested_cache_tokens = suggested_cache_tokens


class DeviceError(EngineError):
    """The requested device is missing or cannot run the kernels."""


class InvalidRequestError(EngineError):
    """A setting or a request is outside what the engine accepts."""


class ContextTooLongError(InvalidRequestError):
    """The prompt, with the tokens asked for, is longer than the cache or the model allows.

    Args:
        can_be_cut: leaving out the oldest turns makes room, which the window offers as a button.
    """

    def __init__(self, message: str, way_out: str = "", can_be_cut: bool = True) -> None:
        super().__init__(message, way_out)
        self.can_be_cut = can_be_cut


class NumericalError(EngineError):
    """The model computed something that is not a number, so no token can be chosen."""


class ChatTemplateError(EngineError):
    """The model's chat template is missing, broken or refuses the conversation."""


class Cancelled(EngineError):
    """The user cancelled; not an error to show."""
