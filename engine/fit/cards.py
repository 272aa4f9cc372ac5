"""The NVIDIA cards of this machine as their driver reports them: which there are, which can run the kernels, live use.

Asks the driver's management library (NVML) through nvidia-ml-py, so that the window can know of cards without torch.
Knows nothing of models, of CUDA contexts or of the window.

A card is told apart by its UUID; its index is for people, as the driver's own tools count. What torch calls it is its
device, which depends on the environment too (`engine.fit.visibility`): the program's entry sets `CUDA_DEVICE_ORDER` to
`PCI_BUS_ID` before anything imports torch, or "cuda:1" might be another card than the one the user chose.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from engine.fit.visibility import engine_devices
from engine.units import MEMORY_GB

MIN_CAPABILITY = (8, 0)  # tensor core and copy instructions that the kernels are written with
MIN_DRIVER = 580  # the first series that runs code made for CUDA 13


@dataclass(frozen=True)
class Card:
    """One NVIDIA card.

    Attributes:
        index: its number in the order of the bus.
        uuid: names this very card, whatever is plugged in beside it.
        device: the engine's name for it, as in `LoadRequest.device`; '' for a card that CUDA hides from this program.
    """

    index: int
    name: str
    uuid: str
    compute_capability: tuple[int, int]
    driver_version: str
    memory_total_bytes: int
    device: str

    @property
    def short_name(self) -> str:
        """Its name without the words that every card has: "RTX 4070"."""
        return self.name.removeprefix("NVIDIA ").removeprefix("GeForce ")

    @property
    def label(self) -> str:
        """Short name and memory as it is sold: "RTX 4070, 12 GB"."""
        return f"{self.short_name}, {self.memory_total_bytes / MEMORY_GB:.0f} GB"

    def obstacle(self) -> str:
        """Why this card cannot run the kernels and what to do about it; '' when it can."""
        if not self.device:
            return (
                f"The environment variable CUDA_VISIBLE_DEVICES hides the {self.short_name} from this program. Start "
                "Espalier without it, or use the CPU instead."
            )
        if self.compute_capability < MIN_CAPABILITY:
            major, minor = self.compute_capability
            return (
                f"The {self.short_name} has compute capability {major}.{minor}, and the kernels need "
                f"{MIN_CAPABILITY[0]}.{MIN_CAPABILITY[1]} or newer (RTX 30 series and later). Use the CPU instead."
            )
        series = self.driver_version.partition(".")[0]
        if series.isdecimal() and int(series) < MIN_DRIVER:  # of an unreadable version the load will say more
            return (
                f"The driver {self.driver_version} of the {self.short_name} is too old: {MIN_DRIVER} or newer is "
                "needed. Install NVIDIA's current driver, then start Espalier again."
            )
        return ""


@dataclass(frozen=True)
class CardReport:
    """The cards, hidden ones last, and why there are none, or fewer than the driver counts.

    "auto" takes the first of those without an obstacle: where their numbers are known they are in torch's order.
    """

    cards: tuple[Card, ...] = ()
    problem: str = ""

    @property
    def usable(self) -> tuple[Card, ...]:
        """Those without an obstacle, in the order in which "auto" prefers them."""
        return tuple(card for card in self.cards if not card.obstacle())

    def standing_of(self, card: Card) -> str:
        """What is to be said of one card beside others: that the engine takes one, and which; '' where it is alone."""
        usable = self.usable
        if len(usable) < 2 or card not in usable:
            return ""
        return f"card {usable.index(card) + 1} of {len(usable)}, and a model is loaded on one card alone"


@dataclass(frozen=True)
class CardReading:
    """What a card is doing now.

    Attributes:
        used_bytes: by all programs together.
        total_bytes: what programs can have: without the part that the driver keeps for itself, as CUDA counts it too.
        load_percent: share of the last moment in which a kernel ran, 0 to 100; None where the driver does not say.
        others_bytes: of the used memory, what is not this process's; None where the driver does not say.
    """

    used_bytes: int
    total_bytes: int
    load_percent: int | None
    others_bytes: int | None


def find_cards(environment: Mapping[str, str] = os.environ) -> CardReport:
    """Asks the driver for its cards; takes up to a second where a card has to wake up. Never raises.

    Args:
        environment: with the variables that CUDA reads.
    """
    nvml = _import_nvml()
    if nvml is None:
        return CardReport(problem="The package nvidia-ml-py is not installed, so NVIDIA cards cannot be looked for.")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return CardReport(problem=f"No NVIDIA driver answered ({_words(error)}).")
    try:
        return _read_cards(nvml, environment)
    except nvml.NVMLError as error:
        return CardReport(problem=f"The NVIDIA driver did not list its cards ({_words(error)}).")
    finally:
        _shut_down(nvml)


class CardMonitor:
    """Reads one card's memory and load again and again; a reading is four calls into the driver and no more.

    It keeps the driver's library open until `close`, and belongs to one thread.

    Args:
        uuid: the card's.
    """

    def __init__(self, uuid: str) -> None:
        self._uuid = uuid
        self._nvml = _import_nvml()
        self._handle: Any = None
        self._is_open = False

    def read(self) -> CardReading | None:
        """The present figures, or None while the driver does not answer for this card; the next call tries again."""
        nvml = self._nvml
        if nvml is None:
            return None
        try:
            if self._handle is None:
                self._open(nvml)
            # The second form tells the driver's own part from that of programs.
            memory = nvml.nvmlDeviceGetMemoryInfo(self._handle, version=nvml.nvmlMemory_v2)
        except nvml.NVMLError:
            self.close()  # a driver that was updated or reset wants a fresh start
            return None
        used, total = int(memory.used), int(memory.total) - int(memory.reserved)
        return CardReading(used, total, self._load_percent(nvml), self._others_bytes(nvml, used))

    def close(self) -> None:
        """Lets go of the driver's library; safe to call twice."""
        self._handle = None
        if self._is_open and self._nvml is not None:
            self._is_open = False
            _shut_down(self._nvml)

    def _open(self, nvml: ModuleType) -> None:
        if not self._is_open:
            nvml.nvmlInit()
            self._is_open = True
        self._handle = nvml.nvmlDeviceGetHandleByUUID(self._uuid)

    def _load_percent(self, nvml: ModuleType) -> int | None:
        try:
            return int(nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu)
        except nvml.NVMLError:
            return None

    def _others_bytes(self, nvml: ModuleType, used: int) -> int | None:
        """The rest beside this process's share, which some systems hide and inside a container goes by another id."""
        own = None
        try:
            for process in (
                *nvml.nvmlDeviceGetComputeRunningProcesses(self._handle),
                *nvml.nvmlDeviceGetGraphicsRunningProcesses(self._handle),
            ):
                if process.pid == os.getpid() and process.usedGpuMemory is not None:
                    own = max(own or 0, int(process.usedGpuMemory))  # one that computes and draws is in both lists
        except nvml.NVMLError:
            return None
        return None if own is None else max(0, used - own)


def _import_nvml() -> ModuleType | None:
    """The bindings, imported late: they are 15 ms of import that only a thread beside the window should pay."""
    try:
        import pynvml
    except ImportError:
        return None
    return pynvml


def _read_cards(nvml: ModuleType, environment: Mapping[str, str]) -> CardReport:
    driver = _text(nvml.nvmlSystemGetDriverVersion())
    placed: list[tuple[tuple[int, int, int], Card]] = []
    problems: list[str] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            placed.append(_read_card(nvml, index, driver))
        except nvml.NVMLError as error:  # one that fell off the bus must not hide the others
            problems.append(f"Card {index} does not answer ({_words(error)}).")
    if not placed and not problems:
        problems.append("The NVIDIA driver is installed but counts no card.")
    placed.sort(key=lambda pair: pair[0])  # NVML promises no order of its own
    cards = [replace(card, index=i) if not problems else card for i, (_, card) in enumerate(placed)]
    devices = engine_devices([card.uuid for card in cards], environment, complete=not problems)
    named = [replace(card, device=device) for card, device in zip(cards, devices)]
    return CardReport(tuple(sorted(named, key=_rank)), " ".join(problems))


def _rank(card: Card) -> tuple[bool, int]:
    number = card.device.removeprefix("cuda:")
    return not card.device, int(number) if number.isdecimal() else card.index


def _read_card(nvml: ModuleType, index: int, driver: str) -> tuple[tuple[int, int, int], Card]:
    """A card, its device still unknown, and its place on the bus."""
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    place = nvml.nvmlDeviceGetPciInfo(handle)
    card = Card(
        index=index,
        name=_text(nvml.nvmlDeviceGetName(handle)),
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        compute_capability=(int(major), int(minor)),
        driver_version=driver,
        memory_total_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        device="",
    )
    return (int(place.domain), int(place.bus), int(place.device)), card


def _shut_down(nvml: ModuleType) -> None:
    try:
        nvml.nvmlShutdown()
    except nvml.NVMLError:
        return  # it has lost its driver meanwhile: nothing is left to close


def _text(value: str | bytes) -> str:
    """Older bindings answer with bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _words(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
