"""The import rules that import-linter cannot say: exact lists, main.py, and what an import really pulls in.

The layers and the forbidden chains are contracts in pyproject.toml; these tests read the sources on their own.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

APP_MAY_IMPORT = {
    "engine.requests", "engine.events", "engine.errors", "engine.hub", "engine.fit", "engine.atomic_file",
    "engine.units", "engine.quantizer.convertible", "engine.quantizer.messages", "engine.quantizer.progress",
    "engine.vision.image_file", "engine.vision.decode_apart", "engine.vision.plan", "engine.vision.registry",
}  # fmt: skip
WORKER = Path("app/engine_worker.py")
WORKER_MAY_ALSO_IMPORT = {"engine.session"}


def imported_modules(source: str) -> set[str]:
    """Every module a source imports, at any depth; `from a import b` counts as `a`, or `a.b` if `a` is the engine."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"engine.{alias.name}" for alias in node.names} if node.module == "engine" else {node.module or ""}
            found |= names
    return found


def within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def sources(root: Path, *folders: str) -> Iterator[tuple[Path, set[str]]]:
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root), imported_modules(path.read_text(encoding="utf-8"))


def test_imported_modules_sees_every_form() -> None:
    source = "import a.b, c\ndef f():\n    from d.e import g\n    from engine import session\n"
    assert imported_modules(source) == {"a.b", "c", "d.e", "engine.session"}


def test_app_imports_only_the_contract_of_the_engine(project_root: Path) -> None:
    for path, modules in sources(project_root, "app"):
        allowed = APP_MAY_IMPORT | (WORKER_MAY_ALSO_IMPORT if path == WORKER else set())
        of_engine = {module for module in modules if within(module, {"engine", "gpu"})}
        assert not {module for module in of_engine if not within(module, allowed)}, path


@pytest.mark.parametrize(
    ("package", "homes"),
    [("PySide6", ("app/",)), ("numba", ("gpu/", "engine/cpu/")), ("llvmlite", ("gpu/", "engine/cpu/"))],
)
def test_a_package_stays_in_its_home(project_root: Path, package: str, homes: tuple[str, ...]) -> None:
    for path, modules in sources(project_root, "app", "engine", "gpu"):
        if not path.as_posix().startswith(homes):
            assert not {module for module in modules if within(module, {package})}, path


def test_app_never_names_torch(project_root: Path) -> None:
    for path, modules in sources(project_root, "app"):
        assert not {module for module in modules if within(module, {"torch"})}, path


def test_nothing_imports_main_and_gpu_imports_nothing_of_ours(project_root: Path) -> None:
    for path, modules in sources(project_root, "app", "engine", "gpu"):
        assert "main" not in modules, path
        if path.parts[0] == "gpu":
            assert not {module for module in modules if within(module, {"app", "engine"})}, path


def test_no_relative_imports(project_root: Path) -> None:
    for folder in ("app", "engine", "gpu"):
        for path in (project_root / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level], path


def test_importing_the_whole_app_loads_neither_torch_nor_nvml(project_root: Path) -> None:
    modules = [
        ".".join(path.relative_to(project_root).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((project_root / "app").rglob("*.py"))
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(sorted({'torch', 'numba', 'transformers', 'pynvml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
