"""The nouns of the hub: a repository, its branches, what lies in them.

Plain values, checked when they are made, for their texts come from what people paste and from what servers answer.
Knows nothing of requests or of where a hub is.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from engine.hub.errors import BadNameError

HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
MAX_NAME = 96  # letters of an owner or of a name, as the hub allows
MAX_BRANCH = 255
MAX_PATH = 1024
# First parts of the hub's addresses that are no owners.
NOT_OWNERS = frozenset({"api", "blog", "collections", "datasets", "docs", "papers", "settings", "spaces", "tasks"})
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_BAD_IN_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{")
_BAD_IN_PATH = re.compile(r'[\x00-\x1f\x7f\\:<>"|?*]')
# Devices that Windows finds in every folder, whatever the ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class RepoId:
    """A repository: `owner/name`."""

    owner: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.owner, self.name):
            if not _NAME.fullmatch(part) or len(part) > MAX_NAME or ".." in part:
                raise BadNameError(f"“{_shown(self)}” is not the name of a repository.", "Write it as owner/name.")

    @classmethod
    def parse(cls, text: str) -> RepoId:
        """Reads `owner/name`. Raises `BadNameError`."""
        owner, slash, name = text.partition("/")
        if not slash:
            raise BadNameError(f"“{_shown(text)}” names no owner.", "Write it as owner/name.")
        return cls(owner, name)

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True)
class RepoRef:
    """A repository and perhaps one of its branches, a tag or a commit."""

    repo: RepoId
    branch: str | None = None

    def __post_init__(self) -> None:
        if self.branch is not None:
            check_branch(self.branch)

    @classmethod
    def parse(cls, text: str, hosts: tuple[str, ...] = HUB_HOSTS) -> RepoRef:
        """Reads what people paste: `owner/name`, `owner/name@branch`, or an address of the hub's pages.

        Args:
            text: with or without blanks around it and `https://` before it.
            hosts: whose addresses are understood; a mirror's is to be added.

        Raises:
            BadNameError: it is neither, or leads to a data set, a space or another site.
        """
        text = text.strip()
        address = text if "://" in text else f"https://{text}"
        try:
            parts = urlsplit(address)
            host = parts.netloc.rpartition("@")[2].lower()
        except ValueError as error:
            raise BadNameError(f"“{_shown(text)}” is no address.", "Paste owner/name or a page's address.") from error
        if host in hosts or parts.hostname in hosts:
            return cls._of_page(text, parts.path)
        if "://" in text:
            raise BadNameError(f"{_shown(host)} is not the hub.", f"Paste an address of {hosts[0]}, or owner/name.")
        name, at, branch = text.partition("@")
        return cls(RepoId.parse(name), branch if at else None)

    @classmethod
    def _of_page(cls, text: str, path: str) -> RepoRef:
        # Split before unquoting: a slash inside a branch's name is written %2F there.
        parts = [unquote(part) for part in path.split("/") if part]
        if parts and parts[0] == "models":
            del parts[0]
        if len(parts) < 2 or parts[0] in NOT_OWNERS:
            raise BadNameError(f"{_shown(text)} is not the page of a model.", "Paste the address of a model's page.")
        name, at, pinned = parts[1].partition("@")
        branch = parts[3] if len(parts) > 3 and parts[2] in ("tree", "blob", "resolve", "raw", "commits") else None
        return cls(RepoId(parts[0], name.removesuffix(".git")), pinned if at else branch)

    def __str__(self) -> str:
        return str(self.repo) if self.branch is None else f"{self.repo}@{self.branch}"


class Gated(enum.Enum):
    """Whether a repository's terms must be accepted before its files can be had."""

    NO = "no"
    AUTOMATIC = "auto"  # accepting them is enough
    MANUAL = "manual"  # and the owner decides


@dataclass(frozen=True)
class RepoFile:
    """One file of a commit.

    Attributes:
        path: relative, with slashes; never leads out of a folder.
        size: bytes.
        sha256: of the content, where the hub knows it: the large files.
        blob_id: git's SHA-1 over `blob <size>`, a zero byte and the content; of a large file, that of its pointer.
    """

    path: str
    size: int
    sha256: str | None = None
    blob_id: str | None = None
    is_lfs: bool = False

    def __post_init__(self) -> None:
        check_path(self.path)
        if self.size < 0:
            raise BadNameError(f"The file {_shown(self.path)} has a size of {self.size} bytes.", "Try again later.")

    @property
    def name(self) -> str:
        """Without the folders before it."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Variant:
    """One way to have a model: the files of a branch at a commit.

    Attributes:
        commit: the branch's newest when it was asked; files are fetched by it, for authors upload again.
        bits: bits per weight by `config.json`; None when it says nothing or was not asked.
        head_bits: of the output head.
        codebook: of the trellis, as the config names it.
        quant_method: "exl3", another format's name, or None for plain weights or when nothing was asked.
        version: of the converter.
        files: all of the commit.
    """

    repo: RepoId
    branch: str
    commit: str
    files: tuple[RepoFile, ...] = ()
    bits: float | None = None
    head_bits: int | None = None
    codebook: str | None = None
    quant_method: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        check_branch(self.branch)
        if not _COMMIT.fullmatch(self.commit):
            raise BadNameError(f"“{_shown(self.commit)}” is not a commit of {self.repo}.", "Try again later.")

    @property
    def weight_files(self) -> tuple[RepoFile, ...]:
        return tuple(file for file in self.files if file.path.endswith(".safetensors"))

    @property
    def weight_bytes(self) -> int:
        return sum(file.size for file in self.weight_files)

    @property
    def download_files(self) -> tuple[RepoFile, ...]:
        """What a model needs to run: neither pictures and texts about it nor other formats' weights."""
        return tuple(file for file in self.files if is_needed(file.path))

    @property
    def download_bytes(self) -> int:
        return sum(file.size for file in self.download_files)

    def file(self, path: str) -> RepoFile | None:
        """The file of this path, None when the commit has none."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True)
class ModelSummary:
    """One hit of a search.

    Attributes:
        last_modified, created_at: as ISO 8601 texts, which sort as times do; '' when the hub does not say.
        storage_bytes: of all branches together, so not the size of any variant; None when the hub does not say.
        base_model: what it was made from, '' when the card does not say.
        main_has_weights: whether the branch main holds a variant; None when the hub does not say.
    """

    repo: RepoId
    downloads: int = 0
    likes: int = 0
    last_modified: str = ""
    created_at: str = ""
    trending_score: float = 0.0
    gated: Gated = Gated.NO
    is_private: bool = False
    tags: tuple[str, ...] = ()
    pipeline_tag: str = ""
    base_model: str = ""
    storage_bytes: int | None = None
    main_has_weights: bool | None = None

    @property
    def has_vision(self) -> bool:
        return self.pipeline_tag in ("image-text-to-text", "image-to-text", "visual-question-answering", "any-to-any")


SKIPPED_ENDINGS = (
    ".md", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".mp4", ".pdf", ".html",
    ".bin", ".pth", ".pt", ".gguf", ".onnx", ".h5", ".msgpack", ".ckpt", ".part",
)  # fmt: skip
SKIPPED_FOLDERS = ("original", "metal", "onnx", "images", "assets", "figures")


def is_needed(path: str) -> bool:
    """Whether a file of a repository belongs to a model that is to run."""
    parts = path.lower().split("/")
    if any(part in SKIPPED_FOLDERS for part in parts[:-1]) or parts[-1].startswith((".", "measurement")):
        return False
    return not parts[-1].endswith(SKIPPED_ENDINGS)


def check_branch(branch: str) -> None:
    """Raises `BadNameError` unless git would take it for the name of a branch, a tag or a commit."""
    bad = _BAD_IN_BRANCH.search(branch) or branch.startswith(("-", "/", ".")) or branch.endswith(("/", ".", ".lock"))
    if not branch or bad or len(branch) > MAX_BRANCH:
        raise BadNameError(f"“{_shown(branch)}” is not the name of a branch.", "Use the branch's name on the hub.")


def check_path(path: str) -> None:
    """Raises `BadNameError` unless a file of this path can lie in a folder, on every system, and nowhere else."""
    parts = path.split("/")
    for part in parts:
        if part in ("", ".", "..") or part.endswith((" ", ".")) or _DEVICES.fullmatch(part):
            break
    else:
        if len(path) <= MAX_PATH and not _BAD_IN_PATH.search(path):
            return
    raise BadNameError(
        f"The repository has a file called “{_shown(path)}”, which cannot be stored safely.",
        "Choose another repository, and tell the owner of this one.",
    )


def _shown(text: object) -> str:
    shown = str(text)
    shown = shown if shown.isprintable() else ascii(shown)[1:-1]
    return shown if len(shown) <= 120 else shown[:110] + "..."
