"""Where the hub is and who may see the token: the address or a mirror's, the proxy, the offline switch.

The rule for the token: it goes to the hub itself over HTTPS, never to a mirror and never to where a redirect leads.
A server of one's own may get it when its owner says so. Opens no connection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from engine.errors import InvalidRequestError
from engine.hub.errors import OfflineError
from engine.hub.types import HUB_HOSTS, RepoId, RepoRef, check_branch, check_path

HUB_URL = "https://huggingface.co"
_PORTS = {"http": 80, "https": 443}
_PROXY_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Endpoint:
    """How the hub is reached.

    Attributes:
        url: of the hub or of a mirror, without a slash at its end; may have a path.
        proxy: through which all connections go; None leaves it to the system's own settings.
        offline: nothing may be asked.
        is_own: the server at `url` is the user's own, and may have the token. Over plain HTTP only on this machine.
    """

    url: str = HUB_URL
    proxy: str | None = None
    offline: bool = False
    is_own: bool = False

    def __post_init__(self) -> None:
        _check_url("address of the hub", self.url, tuple(_PORTS))
        if self.url.endswith("/") or urlsplit(self.url).query or urlsplit(self.url).fragment:
            raise InvalidRequestError(f"The address of the hub is {self.url}.", "Write it without anything after it.")
        if self.proxy is not None:
            _check_url("proxy", self.proxy, _PROXY_SCHEMES)

    @classmethod
    def of(
        cls, url: str = "", proxy: str = "", *, offline: bool = False, is_own: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Endpoint:  # fmt: skip
        """From texts as they are typed; empty ones mean the defaults.

        Args:
            environment: the program's variables, of which `HF_ENDPOINT` stands in for an empty address and
                `HF_HUB_OFFLINE` switches offline too.

        Raises:
            InvalidRequestError: an address that is none.
        """
        known = environment or {}
        wanted = url.strip() or known.get("HF_ENDPOINT", "").strip() or HUB_URL
        wanted = (wanted if "://" in wanted else f"https://{wanted}").rstrip("/")
        is_offline = offline or known.get("HF_HUB_OFFLINE", "").strip().upper() in ("1", "ON", "YES", "TRUE")
        through = proxy.strip()
        through = through if "://" in through or not through else f"http://{through}"
        return cls(wanted, through or None, is_offline, is_own)

    @property
    def is_mirror(self) -> bool:
        """Whether this is another server than the hub."""
        return _origin(self.url) != _origin(HUB_URL)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Whose pages' addresses `RepoRef.parse` is to understand."""
        return tuple(dict.fromkeys((*HUB_HOSTS, urlsplit(self.url).netloc.rpartition("@")[2].lower())))

    def check_online(self) -> None:
        """Raises `OfflineError` when the switch is on; to be called before any connection."""
        if self.offline:
            raise OfflineError

    def parse(self, text: str) -> RepoRef:
        """What a pasted text names, the mirror's own addresses included. Raises `BadNameError`."""
        return RepoRef.parse(text, self.hosts)

    def url_of(self, repo: RepoId, commit: str, path: str) -> str:
        """Where a file of a commit (or branch) is fetched from; the answer is often a redirect."""
        check_branch(commit)
        check_path(path)
        return f"{self.url}/{repo}/resolve/{quote(commit, safe='')}/{quote(path)}"

    def page_of(self, repo: RepoId) -> str:
        """The model's page, on which terms are accepted: always the hub's own."""
        return f"{self.url if self.is_own else HUB_URL}/{repo}"

    def may_have_token(self, url: str) -> bool:
        """Whether a request to this address may carry the token.

        Asked for every hop: a redirect to another host, port or scheme gets none.
        """
        origin = _origin(url)
        if origin is None or origin != _origin(self.url):
            return False
        is_safe = origin[0] == "https" or _is_this_machine(origin[1])
        return is_safe and (not self.is_mirror or self.is_own)


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an address; None when it has none or is broken."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_url(what: str, url: str, schemes: tuple[str, ...]) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    if not is_good or not url.isprintable() or " " in url:
        raise InvalidRequestError(
            f"The {what}, {url!r}, is none that can be used.",
            f"Write it as {schemes[-1]}://host or {schemes[0]}://host.",
        )
