"""How a transfer behaves: its patience and its parallelism. Every default is written here, once."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.hub.transfer.pace import BackOff
from engine.units import FILE_GB


@dataclass(frozen=True)
class TransferSettings:
    """How patient a transfer is and how much it does at once.

    Attributes:
        parallel_files: of one download, each with a connection of its own.
        connect_s: for finding the host, connecting and TLS, each.
        read_s: without a byte, after which a connection is given up.
        silence_s: without a byte, after which the user is told.
        slowest_bytes_per_s: over `read_s`, below which a connection is given up too: one that drips.
        margin_bytes: free space that is left on the volume.
        report_s: between two events.
    """

    parallel_files: int = 3
    connect_s: float = 10.0
    read_s: float = 30.0
    silence_s: float = 10.0
    slowest_bytes_per_s: float = 1024.0
    margin_bytes: int = FILE_GB
    report_s: float = 0.25
    back_off: BackOff = field(default_factory=BackOff)
