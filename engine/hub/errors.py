"""What goes wrong between this program and the hub, each with a way out.

Knows nothing of torch or Qt, nor of how requests are made.
"""

from __future__ import annotations

from engine.errors import EngineError


class HubError(EngineError):
    """Something about the hub, a repository of it or the way there."""


class OfflineError(HubError):
    """The offline switch is on, so nothing was asked."""

    def __init__(self) -> None:
        super().__init__(
            "The offline switch is on, so the hub is not asked.",
            "Switch it off in the settings; the variable HF_HUB_OFFLINE turns it on as well.",
        )


class NotReachableError(HubError):
    """No connection, or one that broke, or a server that failed: trying again later may help."""


class BrokenOffError(NotReachableError):
    """An answer had begun and ended before its end: asking at once again may help."""


class AccessDeniedError(HubError):
    """The repository is gated or private and the token, if any, does not open it."""


class NotFoundError(HubError):
    """No such repository, branch or file, or one that is hidden from strangers."""


class RateLimitedError(HubError):
    """The hub wants to be left alone for a while.

    Args:
        retry_after_s: seconds until it may be asked again.
    """

    def __init__(self, message: str, way_out: str, retry_after_s: float) -> None:
        super().__init__(message, way_out)
        self.retry_after_s = retry_after_s


class BadAnswerError(HubError):
    """The hub, or a mirror of it, answered with something that makes no sense."""


class BadNameError(HubError):
    """A text is not the name of a repository, a branch or a file."""


def is_about_token(error: EngineError) -> bool:
    """Whether another token may mend it: the hub closes a file, or hides it as it hides private ones."""
    return isinstance(error, AccessDeniedError | NotFoundError)
