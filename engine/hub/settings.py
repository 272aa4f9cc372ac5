"""The user's choices about the hub, and what is made of them, for the window and the terminal alike.

One place that turns choices into an endpoint and a token, so that a download in the window and one in the terminal go
the same way. Knows nothing of where the choices are kept. Opens no connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from engine.hub.endpoint import HUB_URL, Endpoint
from engine.hub.tokens import TokenStore

MAX_PARALLEL_DOWNLOADS = 4
TOKEN_VARIABLE = "HF_TOKEN"


@dataclass(frozen=True)
class HubSettings:
    """As the user typed them.

    Attributes:
        address: of a mirror or a server of one's own; '' is the hub, or what the variable `HF_ENDPOINT` names.
        proxy: '' leaves it to the system.
        offline: nothing is asked of any server.
        is_own: the server at `address` belongs to the user and may have the token.
    """

    address: str = ""
    proxy: str = ""
    offline: bool = False
    is_own: bool = False

    def endpoint(self, environment: Mapping[str, str]) -> Endpoint:
        """What they mean, with the program's variables. Raises `InvalidRequestError` for a text that is no address."""
        return Endpoint.of(
            self.address, self.proxy, offline=self.offline, is_own=self.is_own and bool(self.address.strip()),
            environment=environment,
        )  # fmt: skip


@dataclass(frozen=True)
class ContactedHost:
    """A host that the program may connect to.

    Attributes:
        name: of the host; '' for those that the hub names in its answers.
        purpose: "hub", "storage" or "proxy".
        gets_token: whether it may see the user's token.
    """

    name: str
    purpose: str
    gets_token: bool = False


def token_for(endpoint: Endpoint, tokens: TokenStore, environment: Mapping[str, str]) -> str:
    """The token for an endpoint, '' where there is none or none may go: then the keyring need not be unlocked.

    The variable `HF_TOKEN` comes before what was kept.
    """
    if not endpoint.may_have_token(endpoint.url):
        return ""
    return (environment.get(TOKEN_VARIABLE) or tokens.load() or "").strip()


def contacted_hosts(endpoint: Endpoint) -> tuple[ContactedHost, ...]:
    """Every host that the program may connect to by itself; none while the offline switch is on."""
    if endpoint.offline:
        return ()
    hub = ContactedHost(_host(endpoint.url), "hub", endpoint.may_have_token(endpoint.url))
    proxy = (ContactedHost(_host(endpoint.proxy), "proxy"),) if endpoint.proxy else ()
    return (hub, ContactedHost("", "storage"), *proxy)


def hub_host() -> str:
    """The hub's own name."""
    return _host(HUB_URL)


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or url
