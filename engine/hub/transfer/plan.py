"""What one download is to bring: the files of one commit, with sizes and hashes, and the folder they go to.

A plan is made once and never looked up again: it is kept with the queue and in the model's folder, so that a branch
that moves meanwhile mixes nothing. Opens no connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.hub.errors import BadNameError
from engine.hub.transfer.errors import TransferError
from engine.hub.types import RepoFile, RepoId, Variant

OWN_FOLDER = ".espalier"  # in a model's folder: the manifest and the lock
PART_ENDING = ".part"
_OWN_ENDINGS = (PART_ENDING, ".part.json", ".part.json.new")
MAIN_BRANCH = "main"


@dataclass(frozen=True)
class DownloadPlan:
    """The files of one commit and where they go.

    Attributes:
        branch: as the user chose it; the files are those of `commit`, whatever the branch holds later.
        folder: of the model; the files lie in it by their paths.
    """

    repo: RepoId
    branch: str
    commit: str
    files: tuple[RepoFile, ...]
    folder: Path

    def __post_init__(self) -> None:
        if not self.files:
            raise TransferError(
                f"{self.repo} has no files of a model on the branch {self.branch}.",
                "Choose another branch, or try again when its owner has uploaded them.",
            )
        seen: set[str] = set()
        for file in self.files:
            folded = file.path.casefold()  # two names that differ in case only are one file on Windows and macOS
            if folded in seen or folded.endswith(_OWN_ENDINGS) or folded.split("/")[0] == OWN_FOLDER:
                raise TransferError(
                    f"{self.repo} has a file {file.path}, whose name clashes with another one's.",
                    "Choose another repository, and tell the owner of this one.",
                )
            seen.add(folded)

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def name(self) -> str:
        """`owner/name@branch`, without the branch when it is the usual one."""
        return str(self.repo) if self.branch == MAIN_BRANCH else f"{self.repo}@{self.branch}"

    def path_of(self, file: RepoFile) -> Path:
        """Where the finished file lies."""
        return self.folder.joinpath(*file.path.split("/"))

    def part_of(self, file: RepoFile) -> Path:
        """Where the file grows."""
        path = self.path_of(file)
        return path.with_name(path.name + PART_ENDING)

    def as_json(self) -> dict[str, Any]:
        """A record for `plan_from_json`, without the folder."""
        return {
            "repo": str(self.repo),
            "branch": self.branch,
            "commit": self.commit,
            "files": [
                {"path": f.path, "size": f.size, "sha256": f.sha256, "blob_id": f.blob_id, "lfs": f.is_lfs}
                for f in self.files
            ],
        }


def plan_from_json(record: dict[str, Any], folder: Path) -> DownloadPlan | None:
    """The plan of a record, or None when it is not one; nothing of it is believed unchecked."""
    try:
        files = tuple(
            RepoFile(str(f["path"]), int(f["size"]), _text(f["sha256"]), _text(f["blob_id"]), bool(f["lfs"]))
            for f in record["files"]
        )
        repo = RepoId.parse(str(record["repo"]))
        variant = Variant(repo, str(record["branch"]), str(record["commit"]))  # checks the two names
        return DownloadPlan(repo, variant.branch, variant.commit, files, folder)
    except (KeyError, TypeError, ValueError, BadNameError, TransferError):
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
