"""Lets the hub's library speak through our own transport, each client of ours through its own.

The library has one HTTP client for the whole process. It gets one that hands every request to the transport of the
client of ours that is asking at that moment, so that several can live side by side; a request that nobody of ours
asked for is a bug. Knows nothing of what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import httpx2

_ASKING: ContextVar[httpx2.BaseTransport] = ContextVar("the transport of the client that is asking")


class _Router(httpx2.BaseTransport):
    """Keeps no connection of its own: there is nothing to close."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        asking = _ASKING.get(None)
        assert asking is not None, f"{request.url.host} is asked past the hub's client"
        return asking.handle_request(request)


@contextmanager
def speaking_through(transport: httpx2.BaseTransport, open_client: Callable[..., httpx2.Client]) -> Iterator[None]:
    """Sends what the library asks in this thread, meanwhile, through a transport.

    Args:
        open_client: makes an HTTP client around a transport.
    """
    _install(open_client)
    before = _ASKING.set(transport)
    try:
        yield
    finally:
        _ASKING.reset(before)


@cache
def _install(open_client: Callable[..., httpx2.Client]) -> None:
    from huggingface_hub import set_client_factory  # here: it takes a while, and most starts do without

    set_client_factory(lambda: open_client(_Router()))
