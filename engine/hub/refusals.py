"""What a server's refusal means and what to do about it, in words. Knows nothing of how requests are made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from engine.hub.endpoint import Endpoint
from engine.hub.errors import (
    AccessDeniedError,
    BadAnswerError,
    HubError,
    NotFoundError,
    NotReachableError,
    RateLimitedError,
)

USUAL_REST_S = 60.0  # where the hub says "too often" and not for how long
LONGEST_REST_S = 3600.0
_RESET = re.compile(r"\bt=(\d+)")


@dataclass(frozen=True)
class Refusal:
    """An answer that is none.

    Attributes:
        what: that was asked for, as the user may call it: "org/model", "config.json of org/model".
        code: the hub's own word for it, from the header `X-Error-Code`.
        had_token: one went along with the request.
        has_token: there is one, whether or not it went along.
    """

    status: int
    what: str
    headers: Mapping[str, str]
    had_token: bool = False
    has_token: bool = False

    @property
    def code(self) -> str:
        return self.headers.get("x-error-code", "")


def error_of(refusal: Refusal, endpoint: Endpoint, now_s: float) -> HubError:
    """The error that tells it.

    Args:
        now_s: seconds since the epoch, for a `Retry-After` that is a date.
    """
    status, what = refusal.status, refusal.what
    if status == 429:
        rest_s = rest_of(refusal.headers, now_s)
        more = "" if refusal.has_token else ", or add a token in the settings: with one the hub allows more"
        return RateLimitedError(
            f"{endpoint.url} was asked too often and wants a pause of {rest_s:.0f} s.", f"Wait{more}.", rest_s
        )
    if refusal.code == "GatedRepo" or status == 403:
        return _denied(refusal, endpoint)
    if status == 404 or refusal.code == "RepoNotFound":
        return NotFoundError(
            f"{endpoint.url} has no {what}, or it is private.",
            "Check the name" + ("." if refusal.had_token else "; for a private one add a token in the settings."),
        )
    if status == 401:
        return _denied(refusal, endpoint)
    if status >= 500 or status == 408:
        return NotReachableError(f"{endpoint.url} failed with status {status} for {what}.", "Try again later.")
    return BadAnswerError(
        f"{endpoint.url} answered {what} with status {status}.", "Try again later, or check the address of the hub."
    )


def _denied(refusal: Refusal, endpoint: Endpoint) -> AccessDeniedError:
    what = refusal.what
    repo = what.rpartition(" in ")[2]
    if refusal.has_token and not refusal.had_token:
        return AccessDeniedError(
            f"{endpoint.url} does not give {what} to strangers, and the token is not sent to a mirror.",
            "Use the hub's own address, or, if the server is yours, say so in the settings.",
        )
    if refusal.status == 401 and refusal.had_token and refusal.code != "GatedRepo":
        return AccessDeniedError(f"{endpoint.url} does not accept the token.", "Make a new one and enter it again.")
    if refusal.code == "GatedRepo":
        first = "" if refusal.had_token else ", add a token of yours in the settings"
        return AccessDeniedError(
            f"{repo} is gated: its terms must be accepted first.",
            f"Accept them on its page{first}, then try again.",
        )
    if refusal.had_token:
        return AccessDeniedError(f"The token does not open {what}.", "Use a token that may read it.")
    return AccessDeniedError(f"{what} is not open to strangers.", "Add a token in the settings.")


def rest_of(headers: Mapping[str, str], now_s: float) -> float:
    """Seconds until the hub may be asked again.

    Read from `Retry-After` (seconds or a date, RFC 9110 section 10.2.3), else from `RateLimit`'s `t=`.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        rest = float(text[:9])
    elif text:
        try:
            rest = parsedate_to_datetime(text).timestamp() - now_s
        except (ValueError, OverflowError):
            rest = USUAL_REST_S
    else:
        reset = _RESET.search(headers.get("ratelimit", ""))
        rest = float(reset[1][:9]) if reset else USUAL_REST_S
    return min(max(rest, 1.0), LONGEST_REST_S)
