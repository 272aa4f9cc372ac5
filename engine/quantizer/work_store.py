"""The work folder of a conversion: what is finished, and where to go on after the program ended at any moment.

`job.json` says what is being made; `module-00003.safetensors` are the tensors of one finished module with
`module-00003.json`, its measured errors; `allocation.json` are the bits of linears where measurements chose them;
`state-00004.safetensors` are the hidden states behind the fourth block; `rows.safetensors` is what the model is shown.
Every file is whole or not there, and a state is written after its module and before the older state goes, so that one
can always be gone on from. There may be finished modules behind the newest state: through them the hidden states go
again. Knows nothing of how modules are made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from engine.atomic_file import replace_file
from engine.errors import InvalidRequestError
from engine.quantizer.tensor_writer import cannot_write, write_tensors
from engine.weights.config_reader import ConfigReader
from engine.weights.safetensors_header import read_header
from engine.weights.shards import ShardIndex

JOB = "job.json"
ALLOCATION = "allocation.json"
ROWS = "rows.safetensors"
CHOOSING = "choosing"  # folder in the folder
OWN_FILES = ("module-?????.safetensors", "module-?????.json", "state-?????.safetensors")


class WorkStore:
    """One conversion's work folder.

    Args:
        folder: where it lies; it is made when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, job: Mapping[str, Any], *, resume: bool) -> None:
        """Starts a job, or makes sure that the one in the folder is the same.

        Raises:
            InvalidRequestError: there is another job, there is one and `resume` is not wanted, or none to resume.
        """
        path = self.folder / JOB
        if not path.exists():
            if resume:
                raise InvalidRequestError(
                    f"{self.folder} holds no conversion to go on with.", "Leave out -r, or name its folder with -w."
                )
            self.remove()  # what a removal that was broken off left
            self._write(path, json.dumps(job, indent=2).encode())
            return
        if not resume:
            raise InvalidRequestError(
                f"{self.folder} holds a conversion that was begun.",
                "Go on with it by -r, or choose another work folder with -w.",
            )
        config = ConfigReader.open(self.folder, JOB)
        wanted = json.loads(json.dumps(job))
        for key, value in wanted.items():
            if config.raw(key) != value:
                raise InvalidRequestError(
                    f"The conversion in {self.folder} was begun with {key} = {json.dumps(config.raw(key))}, "
                    f"not {json.dumps(value)}.",
                    "Go on with the same options, or choose another work folder with -w.",
                )

    def begun(self, key: str) -> int | None:
        """A number of the job that was begun; None: there is no job."""
        return ConfigReader.open(self.folder, JOB).int(key) if (self.folder / JOB).exists() else None

    def has_module(self, number: int) -> bool:
        return self._module(number).exists() and self._report(number).exists()

    def finished_modules(self) -> int:
        """How many are finished, from the first on without a gap; a conversion goes on behind them."""
        number = 0
        while self.has_module(number + 1):
            number += 1
        return number

    def put_module(self, number: int, tensors: Mapping[str, torch.Tensor], report: Mapping[str, Any]) -> None:
        """Stores a finished module; its report is written last."""
        write_tensors(self._module(number), tensors)
        self._write(self._report(number), json.dumps(report).encode())

    def module(self, number: int) -> dict[str, torch.Tensor]:
        """The tensors of a finished module, in their order."""
        return self._read(self._module(number))

    def report(self, number: int) -> dict[str, Any]:
        reader = ConfigReader.open(self.folder, self._report(number).name)
        return {key: reader.raw(key) for key in reader}

    def put_state(self, number: int, tensors: Mapping[str, torch.Tensor]) -> None:
        """Stores what comes in front of a block and drops the older states."""
        self._make()
        write_tensors(self._state(number), tensors)
        for old in self.folder.glob("state-*.safetensors"):
            if old != self._state(number):
                old.unlink()

    def newest_state(self) -> int | None:
        """The block in front of which the newest state is; None: there is none, and the first block's is known."""
        numbers = [int(path.stem.partition("-")[2]) for path in self.folder.glob("state-?????.safetensors")]
        return max(numbers, default=None)

    def state(self, number: int) -> dict[str, torch.Tensor]:
        return self._read(self._state(number))

    @property
    def choosing(self) -> WorkStore:
        """A store of its own for the measurements that choose bits."""
        return WorkStore(self.folder / CHOOSING)

    def put_allocation(self, bits: Mapping[str, int]) -> None:
        """Stores the bits of every linear, where they were not chosen by a rule."""
        self._write(self.folder / ALLOCATION, json.dumps(bits, indent=2).encode())

    def allocation(self) -> dict[str, int] | None:
        """The stored bits; None: they are still to be chosen."""
        if not (self.folder / ALLOCATION).exists():
            return None
        reader = ConfigReader.open(self.folder, ALLOCATION)
        return {key: reader.int(key) for key in reader}

    def put_rows(self, rows: torch.Tensor) -> None:
        """Stores the rows of the calibration: what a model wrote by chance is not written twice."""
        write_tensors(self.folder / ROWS, {"rows": rows})

    def rows(self) -> torch.Tensor | None:
        """The stored rows; None: they are still to be made."""
        path = self.folder / ROWS
        return self._read(path)["rows"] if path.exists() else None

    def drop_states(self) -> None:
        for old in self.folder.glob("state-*"):
            old.unlink()

    def remove(self) -> None:
        """Takes away the folder's files, and the folder if nothing else is in it."""
        (self.folder / JOB).unlink(missing_ok=True)  # first: without it the rest counts for nothing
        for name in (ALLOCATION, ROWS):
            (self.folder / name).unlink(missing_ok=True)
        if (self.folder / CHOOSING).is_dir():
            self.choosing.remove()
        for pattern in OWN_FILES:
            for path in self.folder.glob(pattern):
                path.unlink()
        with suppress(OSError):
            self.folder.rmdir()

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def _write(self, path: Path, data: bytes) -> None:
        self._make()
        try:
            replace_file(path, data)
        except OSError as error:
            raise cannot_write(path, error) from error

    def _read(self, path: Path) -> dict[str, torch.Tensor]:
        header = read_header(path)
        index = ShardIndex(self.folder, {entry.name: entry for entry in header.entries}, {path: header.stamp})
        return {name: index.read(name) for name in index.entries}

    def _module(self, number: int) -> Path:
        return self.folder / f"module-{number:05d}.safetensors"

    def _report(self, number: int) -> Path:
        return self.folder / f"module-{number:05d}.json"

    def _state(self, number: int) -> Path:
        return self.folder / f"state-{number:05d}.safetensors"
