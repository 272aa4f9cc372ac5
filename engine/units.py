"""What a "GB" is, decided once for every text that a person reads.

Files are counted as hubs, shops and drives count them: 1 GB is 10^9 bytes. Memory of cards and computers is counted as
it is sold and as drivers, task managers and games show it: 1 GB is 2^30 bytes, seven percent more. So "12 GB" on a
card's box, in the system's own display and here are the same 12, and a download is as large as its page says. Knows
nothing of where a number comes from.
"""

from __future__ import annotations

FILE_GB = 10**9
MEMORY_GB = 2**30
_LEAST_TENTH = MEMORY_GB // 20  # below it a tenth of a GB would read as nothing
_FILE_UNITS = ((FILE_GB, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "B"))


def memory_gb(num_bytes: float) -> str:
    """Memory without its unit, for a sentence that has it: "6.2"; small amounts to three digits, "0.031"."""
    is_small = 0 < num_bytes < _LEAST_TENTH
    return f"{num_bytes / MEMORY_GB:.3f}" if is_small else f"{num_bytes / MEMORY_GB:.1f}"


def memory_amount(num_bytes: float) -> str:
    """Memory with its unit: "6.2 GB", "< 0.1 GB"."""
    shown = f"{num_bytes / MEMORY_GB:.1f} GB"
    return shown if num_bytes >= _LEAST_TENTH or num_bytes <= 0 else "< 0.1 GB"


def memory_of_total(used_bytes: float, total_bytes: float) -> str:
    """Used and total memory: "6.2 of 12.0 GB"."""
    return f"{used_bytes / MEMORY_GB:.1f} of {total_bytes / MEMORY_GB:.1f} GB"


def file_amount(num_bytes: float) -> str:
    """A size of files: "7.4 GB", "118 MB", "50.5 MB", "3 kB"."""
    size, unit = next((each for each in _FILE_UNITS if num_bytes >= each[0]), _FILE_UNITS[-1])
    amount = num_bytes / size
    has_tenths = unit == "GB" or (unit == "MB" and amount < 100)
    return f"{amount:.1f} {unit}" if has_tenths else f"{amount:.0f} {unit}"


def file_gb(num_bytes: float) -> str:
    """A size of files in GB without the unit: "7.4"."""
    return f"{num_bytes / FILE_GB:.1f}"
