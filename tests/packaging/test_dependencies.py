"""pyproject.toml and the sources agree: imported is declared, declared is imported, pins have reasons."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

# Distribution -> the module it is imported as, where the names differ.
MODULE_OF = {
    "pyside6-essentials": "PySide6",
    "markdown-it-py": "markdown_it",
    "pillow": "PIL",
    "nvidia-ml-py": "pynvml",
    "numba-cuda": "numba",
    "pytest-qt": "pytestqt",
}
SCRIPTS = Path(__file__).parents[2] / "packaging"  # which import each other by bare names
OWN = {"app", "engine", "gpu", "main", "tests", *(path.stem for path in SCRIPTS.rglob("*.py"))}
# numba brings llvmlite, numba-cuda the driver's bindings, and the hub's library its HTTP client, in the version they
# work with; a pin of our own could only disagree.
BROUGHT_BY = {
    "llvmlite": "numba",
    "cuda": "numba",
    "httpx2": "huggingface_hub",
    "latex2mathml": "ziamath",
    "shiboken6": "PySide6",
}


@pytest.fixture(scope="module")
def project(project_root: Path) -> dict[str, Any]:
    with (project_root / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]


def modules_of(requirements: Iterable[str]) -> set[str]:
    names = [re.match(r"[\w-]+", each)[0].lower() for each in requirements]  # type: ignore[index]
    return {MODULE_OF.get(name, name.replace("-", "_")) for name in names}


def foreign_imports(paths: Iterable[Path]) -> set[str]:
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return {BROUGHT_BY.get(name, name) for name in found if name not in OWN and name not in sys.stdlib_module_names}


def program_files(root: Path) -> list[Path]:
    folders = [root / name for name in ("app", "engine", "gpu")]
    return [root / "main.py", *(path for folder in folders for path in folder.rglob("*.py"))]


def test_the_program_imports_only_what_is_declared(project: dict[str, Any], project_root: Path) -> None:
    declared = modules_of(project["dependencies"] + project["optional-dependencies"]["gpu"])
    assert foreign_imports(program_files(project_root)) - declared == set()


def test_nothing_is_declared_that_the_program_does_not_import(project: dict[str, Any], project_root: Path) -> None:
    assert modules_of(project["dependencies"]) - foreign_imports(program_files(project_root)) == set()


def test_the_tests_import_only_what_is_declared(project: dict[str, Any], project_root: Path) -> None:
    declared = modules_of(project["dependencies"] + project["optional-dependencies"]["dev"])
    assert foreign_imports((project_root / "tests").rglob("*.py")) - declared == set()


def test_the_launcher_needs_nothing_installed(project_root: Path) -> None:
    tools = {"translations.py"}  # for who works on the program, in its environment
    launcher = [path for path in (project_root / "packaging").glob("*.py") if path.name not in tools]
    assert launcher
    assert foreign_imports(launcher) == set()


def test_every_dependency_of_the_program_has_a_range_and_a_reason(project_root: Path) -> None:
    lines = (project_root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    start = lines.index("dependencies = [")
    end = lines.index("]", start)
    for before, line in zip(lines[start:], lines[start + 1 : end], strict=False):
        if line.lstrip().startswith('"'):
            assert re.search(r"[<=]=?\d", line), line
            assert "#" in line or before.lstrip().startswith("#"), line


def test_torch_is_pinned_to_one_release(project: dict[str, Any]) -> None:
    assert [each for each in project["dependencies"] if re.fullmatch(r"torch==\d+\.\d+\.\d+", each)]
