"""Why a transfer ends or waits. Knows nothing of how anything is sent.

`TransferError` and its kinds stop a download and reach the user with a way out, as do the hub's own refusals.
`RetryLater` and `Stopped` never leave the transfer: the first is a network's bad moment, the second the user's wish.
"""

from __future__ import annotations

import errno
from pathlib import Path

from engine.hub.errors import HubError

FREE_SPACE = "Free some space there or choose a folder on another drive, then resume: what is there is kept."
_FULL = (errno.ENOSPC, errno.EDQUOT)
_WINDOWS_FULL = (39, 112)  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL


class TransferError(HubError):
    """A download cannot go on by itself."""


class NotEnoughSpaceError(TransferError):
    """The volume of the model folder is too full."""


class DamagedFileError(TransferError):
    """A file came with wrong content twice."""


class BusyFolderError(TransferError):
    """Another program or another download writes to the same folder."""


class RetryLater(Exception):
    """The network failed in a way that may pass.

    Args:
        message: what happened, one sentence without a full stop.
        wait_s: what the server asked for; None leaves it to the back-off.
        at_once: whether the first try after it needs no waiting, as with an address that expired.
    """

    def __init__(self, message: str, wait_s: float | None = None, at_once: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.wait_s = wait_s
        self.at_once = at_once


class Stopped(Exception):
    """Somebody asked the transfer to end; what it has is kept."""


def disk_error(error: OSError, path: Path) -> TransferError:
    """What the user is told when `path` cannot be written or read."""
    if error.errno in _FULL or getattr(error, "winerror", None) in _WINDOWS_FULL:
        return NotEnoughSpaceError(f"The drive is full: {path} cannot be written.", FREE_SPACE)
    if error.errno == errno.EFBIG:
        return NotEnoughSpaceError(
            f"{path} is larger than the drive's file system allows.",
            "Choose a folder on a drive with NTFS, exFAT, ext4 or APFS.",
        )
    return TransferError(
        f"{path} cannot be written or read: {error.strerror or error}.",
        "Check the drive and the folder's permissions, then resume.",
    )
