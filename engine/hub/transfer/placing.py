"""Which folder a download goes to. Knows nothing of how it comes there."""

from __future__ import annotations

import re
from pathlib import Path

from engine.hub.transfer.manifest import read_manifest
from engine.hub.transfer.plan import MAIN_BRANCH, OWN_FOLDER, DownloadPlan
from engine.hub.types import RepoId, Variant


def plan_download(variant: Variant, models_folder: Path) -> DownloadPlan:
    """The plan for a variant's files, into a folder of its own below `models_folder`.

    Raises:
        TransferError: the variant has no files, or two whose names are one.
    """
    folder = choose_folder(models_folder, variant.repo, variant.branch, variant.commit)
    return DownloadPlan(variant.repo, variant.branch, variant.commit, variant.download_files, folder)


def choose_folder(models_folder: Path, repo: RepoId, branch: str, commit: str) -> Path:
    """`owner/name` or `owner/name-branch` below the models' folder.

    With the commit behind it where the name is taken: by the branch's former commit, or by something of the user's.
    """
    name = repo.name if branch == MAIN_BRANCH else f"{repo.name}-{re.sub(r'[^A-Za-z0-9._-]', '_', branch)}"
    plain = models_folder / repo.owner / name
    exact = models_folder / repo.owner / f"{name}-{commit[:8]}"
    manifest = read_manifest(plain)
    if manifest is not None:
        is_same = (manifest.plan.repo, manifest.plan.branch, manifest.plan.commit) == (repo, branch, commit)
        return plain if is_same else exact
    try:
        return exact if exact.is_dir() or any(each.name != OWN_FOLDER for each in plain.iterdir()) else plain
    except FileNotFoundError:
        return plain
    except OSError:
        return exact
