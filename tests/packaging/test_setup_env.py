"""The environment's plan: which build of torch is asked for where, when it is stale, what a failure is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PYPROJECT = b"""
[project]
dependencies = ["torch==2.13.0", "numpy<2.5"]
[project.optional-dependencies]
gpu = ["numba-cuda==1"]
dev = ["pytest>=8"]
"""


@pytest.fixture(scope="module")
def setup_env(project_root: Path) -> Iterator[ModuleType]:
    sys.path.insert(0, str(project_root / "packaging"))
    yield importlib.import_module("setup_env")
    sys.path.remove(str(project_root / "packaging"))


@pytest.fixture
def system_libraries(setup_env: ModuleType) -> ModuleType:
    return importlib.import_module("system_libraries")


def test_without_a_card_no_source_may_give_a_cuda_build_on_linux(setup_env: ModuleType) -> None:
    sources = setup_env.torch_sources("2.13.0", "cpu", "linux")
    assert [source.requirement for source in sources] == ["torch==2.13.0+cpu"] * 2
    assert sources[0].index is None
    assert sources[1].index.endswith("/cpu")


def test_with_a_card_no_source_may_give_a_cpu_build(setup_env: ModuleType) -> None:
    linux = setup_env.torch_sources("2.13.0", "cuda", "linux")
    assert [source.requirement for source in linux] == ["torch===2.13.0", "torch==2.13.0+cu130"]
    (windows,) = setup_env.torch_sources("2.13.0", "cuda", "win32")
    assert windows.requirement == "torch==2.13.0+cu130"
    assert windows.index.endswith("/cu130")


@pytest.mark.parametrize(
    ("version", "platform", "is_cpu"),
    [
        ("2.13.0+cpu", "linux", True),
        ("2.13.0", "linux", False),
        ("2.13.0+cu130", "linux", False),
        ("2.13.0", "win32", True),
        ("2.13.0+cu130", "win32", False),
    ],
)
def test_is_cpu_build(setup_env: ModuleType, version: str, platform: str, is_cpu: bool) -> None:
    assert setup_env.is_cpu_build(version, platform) is is_cpu


def test_plan_takes_the_extras_of_its_purpose_and_card(setup_env: ModuleType) -> None:
    assert setup_env.make_plan(PYPROJECT, "run", "cpu").requirements == ("numpy<2.5",)
    plan = setup_env.make_plan(PYPROJECT, "test", "cuda")
    assert plan.requirements == ("numpy<2.5", "numba-cuda==1", "pytest>=8")
    assert plan.torch_version == "2.13.0"


def test_fingerprint_changes_with_the_dependencies_and_the_card(setup_env: ModuleType) -> None:
    plans = [
        setup_env.make_plan(PYPROJECT, "run", "cpu"),
        setup_env.make_plan(PYPROJECT, "run", "cuda"),
        setup_env.make_plan(PYPROJECT.replace(b"2.5", b"2.6"), "run", "cpu"),
    ]
    assert len({plan.fingerprint for plan in plans}) == 3
    # not with the purpose: an environment for the tests also serves to run
    assert plans[0].fingerprint == setup_env.make_plan(PYPROJECT, "test", "cpu").fingerprint


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk"),
        ("NewConnectionError('failed')\nERROR: No matching distribution found for torch", "network"),
        ("SSLError(CERTIFICATE_VERIFY_FAILED)", "certificate"),
        ("ERROR: No matching distribution found for torch==2.13.0+cpu", "Python"),
        ("Segmentation fault", "pip"),
    ],
)
def test_failures_are_told_apart(setup_env: ModuleType, output: str, word: str) -> None:
    assert word in setup_env.explain_failure(output)


def test_project_file_makes_a_plan(setup_env: ModuleType, project_root: Path) -> None:
    plan = setup_env.make_plan((project_root / "pyproject.toml").read_bytes(), "test", "cpu")
    assert plan.torch_version
    assert any(each.startswith("PySide6-Essentials") for each in plan.requirements)


def test_fonts_are_found_by_their_endings(system_libraries: ModuleType, tmp_path: Path) -> None:
    assert not system_libraries.has_font([tmp_path, tmp_path / "missing"])
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "A.TTF").touch()
    assert system_libraries.has_font([tmp_path])


def test_a_missing_library_is_answered_with_one_command(
    system_libraries: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_libraries, "QT_LIBRARIES", {"libnot-there.so.9": "libnot-there9"})
    monkeypatch.setattr(system_libraries, "FONT_FOLDERS", ())
    monkeypatch.setattr(system_libraries.sys, "platform", "linux")
    monkeypatch.setattr(system_libraries.os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setattr(system_libraries.shutil, "which", lambda name: f"/bin/{name}")
    with pytest.raises(system_libraries.SetupError, match=r"sudo apt-get install -y .*libnot-there9 fonts-dejavu-core"):
        system_libraries.ensure_system_packages(with_display=False)
