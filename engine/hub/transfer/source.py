"""Where a file's bytes come from: the hub's address of it, and the storage host that the hub leads to.

Redirects are followed by hand, so that the token is asked about at every hop. An address that a storage host no longer
honours is not an error but a reason to ask the hub again. Knows nothing of what is done with the bytes.
"""

from __future__ import annotations

import email.utils
import re
import time
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from engine.errors import EngineError
from engine.hub.endpoint import Endpoint
from engine.hub.errors import AccessDeniedError, NotFoundError
from engine.hub.transfer.connection import Answer, Connector
from engine.hub.transfer.errors import RetryLater, TransferError
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.types import RepoFile

MAX_HOPS = 6
_REDIRECTS = (301, 302, 303, 307, 308)
_EXPIRED = (400, 401, 403, 404, 410)  # what storage hosts say of an address whose time is over
_SHORT_TROUBLE = (408, 421, 425, 429)
_PORTS = {"http": 80, "https": 443}


class ByteSource(Protocol):
    """Whatever can open a planned file from a byte on."""

    def open(self, plan: DownloadPlan, file: RepoFile, start: int, etag: str) -> Answer:
        """An answer with status 200, 206 or 416 for the bytes from `start` on, if they are still of `etag`."""


@dataclass(frozen=True)
class Access:
    """How the hub is asked.

    Attributes:
        token: of the user, '' for none; goes where `Endpoint.may_have_token` lets it.
    """

    endpoint: Endpoint
    token: str = field(default="", repr=False)


class HubSource:
    """Asks the hub, anew for every try, since what it answers is good for minutes only."""

    def __init__(self, access: Access, connector: Connector) -> None:
        self._access = access
        self._connector = connector

    def open(self, plan: DownloadPlan, file: RepoFile, start: int, etag: str) -> Answer:
        """See `ByteSource`.

        Raises:
            RetryLater: the network, the hub or the storage host has a bad moment.
            AccessDeniedError, NotFoundError, TransferError: the hub refuses.
            OfflineError: the offline switch is on.
            Stopped: the switch was thrown.
        """
        endpoint = self._access.endpoint
        endpoint.check_online()
        ranges = _range_headers(start, etag)
        url = endpoint.url_of(plan.repo, plan.commit, file.path)
        at_hub = _origin(url)
        for _ in range(MAX_HOPS):
            answer = self._connector.get(url, ranges | self._token_headers(url))
            if answer.status in _REDIRECTS:
                answer.close()
                url = _next_hop(url, answer.headers)
                continue
            if answer.status in (200, 206, 416):
                return answer
            answer.close()
            raise self._refusal(plan, file, answer, is_hub=_origin(url) == at_hub)
        raise RetryLater(f"{urlsplit(url).hostname} leads in circles")

    def _token_headers(self, url: str) -> dict[str, str]:
        if not self._access.token or not self._access.endpoint.may_have_token(url):
            return {}
        return {"Authorization": f"Bearer {self._access.token}"}

    def _refusal(self, plan: DownloadPlan, file: RepoFile, answer: Answer, is_hub: bool) -> Exception:
        status, host = answer.status, urlsplit(answer.url).hostname
        asked_s = retry_after_s(answer.headers)
        if status >= 500 or status in _SHORT_TROUBLE:
            words = "asks to wait" if status == 429 else f"answers {status}"
            return RetryLater(f"{host} {words}", asked_s)
        if not is_hub and status in _EXPIRED:
            return RetryLater(f"the address at {host} has expired (answer {status})", asked_s, at_once=True)
        if status in (401, 403):
            return self._access_denied(plan, status)
        if status in (404, 410):
            return NotFoundError(
                f"{host} does not have {file.path} of {plan.name} at the commit {plan.commit[:8]}, or hides it.",
                "If the repository is private, enter a token that may read it; else choose the model anew.",
            )
        return TransferError(
            f"{host} answers {status} to the request for {file.path} of {plan.name}.",
            "Check the hub's address in the settings, then resume.",
        )

    def _access_denied(self, plan: DownloadPlan, status: int) -> EngineError:
        endpoint, page = self._access.endpoint, self._access.endpoint.page_of(plan.repo)
        if endpoint.is_mirror and not endpoint.is_own:
            return AccessDeniedError(
                f"The mirror {endpoint.url} does not give out {plan.name} (answer {status}).",
                "Tokens are never sent to a mirror. Enter the hub's own address in the settings, or say there that the "
                "server is yours, then resume.",
            )
        if not self._access.token:
            return AccessDeniedError(
                f"{plan.name} needs a token: it is private, or its terms must be accepted (answer {status}).",
                f"Accept the terms on {page}, enter a token in the settings, then resume.",
            )
        if status == 401:
            return AccessDeniedError(
                f"The hub does not accept the token for {plan.name} (answer 401).",
                "Enter a valid token with the right to read in the settings, then resume.",
            )
        return AccessDeniedError(
            f"The token may not read {plan.name} (answer 403).",
            f"Accept the terms on {page} and wait until access is granted, then resume.",
        )


def retry_after_s(headers: HTTPMessage, now: float | None = None) -> float | None:
    """Seconds that a server wants to be left alone, by `Retry-After` (seconds or a date) or `RateLimit` (its `t=`)."""
    text = str(headers.get("Retry-After", "")).strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    if text:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now))
        except (TypeError, ValueError, OverflowError):
            return None
    limit = str(headers.get("RateLimit", ""))
    left = re.search(r"\br=(\d+)", limit)
    reset = re.search(r"\bt=(\d{1,9})\b", limit)
    return float(reset[1]) if reset and left and int(left[1]) == 0 else None


def _range_headers(start: int, etag: str) -> dict[str, str]:
    if start == 0:
        return {}
    headers = {"Range": f"bytes={start}-"}
    if etag and not etag.startswith("W/"):  # a weak one may not be compared in this way
        headers["If-Range"] = etag
    return headers


def _next_hop(url: str, headers: HTTPMessage) -> str:
    """Where a redirect leads; raises `RetryLater` when that is nowhere, or from a safe place to an unsafe one."""
    host, location = urlsplit(url).hostname, str(headers.get("Location", ""))
    try:
        target = urljoin(url, location)
        origin = _origin(target)
    except ValueError:
        origin = ("", "", 0)
    if not location or origin[0] not in _PORTS or not origin[1]:
        raise RetryLater(f"{host} leads nowhere")
    if urlsplit(url).scheme == "https" and origin[0] == "http":
        raise RetryLater(f"{host} leads to an address without encryption")
    return target


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
