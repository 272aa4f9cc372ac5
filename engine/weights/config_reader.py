"""Reads a model's JSON settings with types, ranges and errors that name the file, the key and the value.

Knows nothing of what the keys mean. A null counts as an absent key wherever a default or an optional value is asked
for, because that is how the files of the Hub use it.
"""

from __future__ import annotations

import builtins
import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from engine.errors import ModelFormatError
from engine.weights.safetensors_header import DOWNLOAD_AGAIN, quoted

MAX_CONFIG_BYTES = 16 * 1024 * 1024
MAX_INT = 2**31 - 1


class Required:
    """The type of `REQUIRED`, which stands where a default would."""


REQUIRED: Final = Required()

# The getters are named after the types, which hides the types' own names inside the class.
_Int = builtins.int
_Float = builtins.float
_Bool = builtins.bool
_Str = builtins.str
_T = TypeVar("_T")


class ConfigReader:
    """Typed access to one JSON object.

    Args:
        path: the file, for messages.
        values: the parsed object.
        prefix: dotted keys of the objects around this one, ending in a dot, or empty.
    """

    def __init__(self, path: Path, values: dict[_Str, Any], prefix: _Str = "") -> None:
        self.path = path
        self._values = values
        self._prefix = prefix

    @classmethod
    def open(cls, folder: Path, name: _Str = "config.json", *, max_bytes: _Int = MAX_CONFIG_BYTES) -> ConfigReader:
        """Reads and parses one file of a model folder.

        Raises:
            ModelFormatError: missing, unreadable, too large, not UTF-8, not JSON or not an object.
        """
        path = folder / name
        return cls(path, _parse(path, _read(path, max_bytes)))

    @classmethod
    def open_optional(cls, folder: Path, name: _Str) -> ConfigReader | None:
        """As `open`, but None when the folder has no such file."""
        return cls.open(folder, name) if is_present(folder / name) else None

    def with_defaults(self, defaults: Mapping[_Str, Any]) -> ConfigReader:
        """The same object with values for keys that are missing or null."""
        present = {key: value for key, value in self._values.items() if value is not None or key not in defaults}
        return ConfigReader(self.path, {**defaults, **present}, self._prefix)

    def with_values(self, values: Mapping[_Str, Any]) -> ConfigReader:
        """The same object with other values for some keys."""
        return ConfigReader(self.path, {**self._values, **values}, self._prefix)

    def __contains__(self, key: object) -> _Bool:
        return key in self._values

    def __iter__(self) -> Iterator[_Str]:
        return iter(self._values)

    def raw(self, key: _Str) -> Any:
        """The value as JSON gave it, None when absent."""
        return self._values.get(key)

    def fail(self, key: _Str, problem: _Str) -> NoReturn:
        """Raises a `ModelFormatError` about one key: `problem` follows "key is value", as in "not below 5"."""
        shown = json.dumps(self._values[key]) if key in self._values else "missing"
        shown = shown if len(shown) <= 120 else shown[:110] + "..."
        raise ModelFormatError(
            f"{self.path}: {quoted(self._prefix + key)} is {shown}, {problem}.",
            "Correct the file or download it again.",
        )

    def int(self, key: _Str, default: _Int | Required = REQUIRED, *, low: _Int = 1, high: _Int = MAX_INT) -> _Int:
        """A whole number from `low` to `high`; 4096.0 counts, true and "4096" do not."""
        found = self.optional_int(key, low=low, high=high)
        return self._default(key, default) if found is None else found

    def optional_int(self, key: _Str, *, low: _Int = 1, high: _Int = MAX_INT) -> _Int | None:
        """As `int`, but None when absent or null."""
        value = self.raw(key)
        return None if value is None else self._whole(key, value, low, high)

    def float(
        self,
        key: _Str,
        default: _Float | Required = REQUIRED,
        *,
        low: _Float = -math.inf,
        high: _Float = math.inf,
    ) -> _Float:
        """A finite number from `low` to `high`, both included."""
        found = self.optional_float(key, low=low, high=high)
        return self._default(key, default) if found is None else found

    def optional_float(self, key: _Str, *, low: _Float = -math.inf, high: _Float = math.inf) -> _Float | None:
        """As `float`, but None when absent or null."""
        value = self.raw(key)
        return None if value is None else self._number(key, value, low, high)

    def bool(self, key: _Str, default: _Bool | Required = REQUIRED) -> _Bool:
        """True or false; 0, 1 and texts are refused."""
        found = self.optional_bool(key)
        return self._default(key, default) if found is None else found

    def optional_bool(self, key: _Str) -> _Bool | None:
        """As `bool`, but None when absent or null."""
        value = self.raw(key)
        if value is not None and not isinstance(value, _Bool):
            self.fail(key, "not true or false")
        return value

    def str(self, key: _Str, default: _Str | Required = REQUIRED) -> _Str:
        """A text."""
        found = self.optional_str(key)
        return self._default(key, default) if found is None else found

    def optional_str(self, key: _Str) -> _Str | None:
        """As `str`, but None when absent or null."""
        value = self.raw(key)
        if value is not None and not isinstance(value, _Str):
            self.fail(key, "not a text")
        return value

    def int_list(
        self,
        key: _Str,
        default: tuple[_Int, ...] | Required = REQUIRED,
        *,
        low: _Int = 0,
        high: _Int = MAX_INT,
        single_allowed: _Bool = False,
    ) -> tuple[_Int, ...]:
        """A list of whole numbers; with `single_allowed` also one number, as `eos_token_id` may be."""
        value = self.raw(key)
        if value is None:
            return self._default(key, default)
        if single_allowed and not isinstance(value, list):
            value = [value]
        return tuple(self._whole(key, each, low, high) for each in self._list(key, value))

    def float_list(self, key: _Str, default: tuple[_Float, ...] | Required = REQUIRED) -> tuple[_Float, ...]:
        """A list of finite numbers."""
        value = self.raw(key)
        if value is None:
            return self._default(key, default)
        return tuple(self._number(key, each, -math.inf, math.inf) for each in self._list(key, value))

    def str_list(self, key: _Str, default: tuple[_Str, ...] | Required = REQUIRED) -> tuple[_Str, ...]:
        """A list of texts."""
        value = self.raw(key)
        if value is None:
            return self._default(key, default)
        if not all(isinstance(each, _Str) for each in self._list(key, value)):
            self.fail(key, "not a list of texts")
        return tuple(value)

    def section(self, key: _Str) -> ConfigReader | None:
        """The nested object under a key, None when absent or null; its errors name the dotted key."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fail(key, "not an object")
        return ConfigReader(self.path, value, f"{self._prefix}{key}.")

    def _default(self, key: _Str, default: _T | Required) -> _T:
        if isinstance(default, Required):
            self.fail(key, "but the model needs it")
        return default

    def _list(self, key: _Str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            self.fail(key, "not a list")
        return value

    def _whole(self, key: _Str, value: Any, low: _Int, high: _Int) -> _Int:
        if isinstance(value, _Float) and value.is_integer():
            value = _Int(value)
        if isinstance(value, _Bool) or not isinstance(value, _Int):
            self.fail(key, "not a whole number")
        if not low <= value <= high:
            self.fail(key, f"not from {low} to {high}")
        return value

    def _number(self, key: _Str, value: Any, low: _Float, high: _Float) -> _Float:
        if isinstance(value, _Bool) or not isinstance(value, (_Int, _Float)) or abs(value) > sys.float_info.max:
            self.fail(key, "not a finite number")
        if not low <= value <= high:  # also for NaN
            self.fail(key, f"not a number from {low:g} to {high:g}")
        return _Float(value)


def is_present(path: Path) -> bool:
    """Whether there is such a file, or something that keeps us from knowing: reading it then tells what."""
    try:
        return path.exists()
    except OSError:
        return True


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise ModelFormatError(
            f"{path.parent} has no {path.name}.", "Choose the folder of a model, or download the missing file."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ModelFormatError(
            f"{path} cannot be read: {error}.", "Check that it is a file and may be read."
        ) from error
    if len(data) > max_bytes:
        raise ModelFormatError(f"{path} is larger than {max_bytes} bytes, too large for such a file.", DOWNLOAD_AGAIN)
    return data


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    try:
        values = json.loads(data.decode("utf-8-sig"))
    except RecursionError as error:
        raise ModelFormatError(f"{path} is nested far too deeply.", DOWNLOAD_AGAIN) from error
    except ValueError as error:
        raise ModelFormatError(f"{path} is not valid JSON: {error}.", DOWNLOAD_AGAIN) from error
    if not isinstance(values, dict):
        raise ModelFormatError(f"{path} holds a {type(values).__name__}, not a JSON object.", DOWNLOAD_AGAIN)
    return values
