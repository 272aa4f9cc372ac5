"""Asks the hub for metadata: lists and descriptions through its library, small files and parts of files directly.

Both go through one guard, so that nothing reaches the hub past the offline switch or with a token where it does not
belong. Nothing here moves weights: that is `transfer`. Knows nothing of what the answers are for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from engine.errors import EngineError
from engine.hub.answers_cache import AnswersCache
from engine.hub.endpoint import Endpoint
from engine.hub.errors import AccessDeniedError, BadAnswerError, BrokenOffError
from engine.hub.types import RepoId

if TYPE_CHECKING:  # what speaks HTTP takes a tenth of a second to import: it comes when the hub is first asked
    import httpx2
    from huggingface_hub import HfApi

    from engine.hub.guard import Clock, GetToken

MAX_FILE_BYTES = 32 * 1024 * 1024

T = TypeVar("T")


def _no_token() -> str | None:
    return None


class HubClient:
    """One way to the hub; may be used by several threads.

    Args:
        get_token: asked before each request, so that a token entered meanwhile counts.
        cache: keeps what cannot change; None keeps nothing.

    Attributes:
        endpoint: where the hub is.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        get_token: GetToken = _no_token,
        cache: AnswersCache | None = None,
        clock: Clock | None = None,
    ) -> None:
        from engine.hub.guard import Clock, Guard, Rest

        self.endpoint, self.cache = endpoint, cache
        self._get_token = get_token
        self._guard = Guard(endpoint, get_token, Rest(), clock or Clock())
        self._http = open_http(self._guard)

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def ask(self, question: Callable[[HfApi], T]) -> T:
        """Asks through the hub's library.

        Args:
            question: calls the library and takes from its answer what it needs, within the call.

        Raises:
            HubError: no good answer.
        """
        self.endpoint.check_online()
        import httpx2
        from huggingface_hub import HfApi  # here: it takes a while, and most starts of the program do without

        from engine.hub.library import speaking_through

        try:
            with speaking_through(self._guard, open_http):
                # The guard adds the token where it belongs; the library must not look for one of its own.
                return _until_whole(lambda: question(HfApi(endpoint=self.endpoint.url, token=False)))
        except EngineError:
            raise
        # The library trusts the answers' shape: a server that is not the hub makes it stumble in any of these ways.
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
            raise self._bad_answer(f"with something that makes no sense: {type(error).__name__}: {error}") from error
        except httpx2.HTTPError as error:  # of a redirect without an aim, or in a circle
            raise self._bad_answer(f"with {type(error).__name__}: {error}") from error

    def who_am_i(self) -> str:
        """The name of the account that the token belongs to. Raises `HubError`, too when there is none."""
        token = self._get_token()
        if not token or not self.endpoint.may_have_token(self.endpoint.url):
            raise AccessDeniedError("No token goes to this server.", "Enter one, and use the hub's own address.")
        return str(self.ask(lambda api: api.whoami(token=token)["name"]))

    def file(self, repo: RepoId, commit: str, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """A small file of a commit, from the cache if it is there, even offline.

        Raises:
            HubError: no such file, no way to it, or it is larger than `max_bytes`.
        """
        key = (self.endpoint.url, str(repo), commit, path)
        known = self.cache.get(*key) if self.cache else None
        if known is not None:
            return known
        data = _until_whole(lambda: self._get(self.endpoint.url_of(repo, commit, path), None, max_bytes))
        if self.cache:
            self.cache.put(data, *key)
        return data

    def json_file(self, repo: RepoId, commit: str, path: str) -> dict[str, Any]:
        """As `file`, parsed. Raises `BadAnswerError` when it is no JSON object."""
        try:
            values = json.loads(self.file(repo, commit, path).decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise BadAnswerError(
                f"{path} of {repo} is not valid JSON: {error}.", "Choose another repository."
            ) from error
        if not isinstance(values, dict):
            raise BadAnswerError(f"{path} of {repo} holds no JSON object.", "Choose another repository.")
        return values

    def part(self, repo: RepoId, commit: str, path: str, start: int, num_bytes: int) -> bytes:
        """Bytes of a file from `start` on, fewer where it ends; the rest of it is not read.

        Raises:
            HubError: no such file, or the server cannot send parts that do not begin at 0.
        """
        key = (self.endpoint.url, str(repo), commit, path, f"{start}+{num_bytes}")
        known = self.cache.get(*key) if self.cache else None
        if known is not None:
            return known
        url = self.endpoint.url_of(repo, commit, path)
        data = _until_whole(lambda: self._get(url, (start, num_bytes), num_bytes))
        if self.cache:
            self.cache.put(data, *key)
        return data

    def _get(self, url: str, wanted: tuple[int, int] | None, max_bytes: int) -> bytes:
        import httpx2

        from engine.hub.guard import too_large

        self.endpoint.check_online()
        headers = {}
        if wanted is not None:
            start, num_bytes = wanted
            headers = {"Range": f"bytes={start}-{start + num_bytes - 1}", "Accept-Encoding": "identity"}
        try:
            with self._http.stream("GET", url, headers=headers) as response:
                if wanted is not None and wanted[0] and response.status_code != 206:
                    raise self._bad_answer(f"to a request for a part of {PurePosixPath(url).name} with all of it")
                data = bytearray()
                for piece in response.iter_bytes():
                    data += piece
                    if len(data) > max_bytes and wanted is None:
                        raise too_large(self.endpoint, max_bytes)
                    if len(data) >= max_bytes and wanted is not None:
                        break
                return bytes(data[:max_bytes])
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._bad_answer(f"with {type(error).__name__}: {error}") from error

    def _bad_answer(self, how: str) -> BadAnswerError:
        return BadAnswerError(f"{self.endpoint.url} answered {how}.", "Check the address of the hub, or try later.")


def _until_whole(ask: Callable[[], T]) -> T:
    """Asks again where an answer broke off, for the guard sees only how an answer begins."""
    from engine.hub.guard import ATTEMPTS

    for _ in range(ATTEMPTS - 1):
        try:
            return ask()
        except BrokenOffError:
            continue
    return ask()


def open_http(transport: httpx2.BaseTransport) -> httpx2.Client:
    """An HTTP client with this program's time limits."""
    import httpx2

    from engine.hub.guard import CONNECT_S, READ_S, USER_AGENT

    return httpx2.Client(
        transport=transport,
        timeout=httpx2.Timeout(READ_S, connect=CONNECT_S),
        follow_redirects=True,
        headers={"User-Agent": USER_AGENT},
    )
