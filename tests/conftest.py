"""What every test may ask for: the embedded demo model, the shared reference data, a windowless Qt.

Sets what must stand before Qt and numba are imported; knows nothing of what is tested.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.fakes.hub import FakeHub

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# On disk, so that a second run of the tests compiles nothing; beside the sources it would lie in many folders.
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".numba_cache"))

GPU_TESTS_LEFT_OUT = pytest.StashKey[int]()
PLUGIN_OPTIONS = {"pytestqt": "qt_api", "pytest_timeout": "timeout"}  # module: what pyproject.toml sets for it


def pytest_addoption(parser: pytest.Parser) -> None:
    """Lets the settings of plugins stand where the plugin is missing: a machine for the GPU tests needs none."""
    for module, option in PLUGIN_OPTIONS.items():
        if find_spec(module) is None:
            parser.addini(option, f"for the plugin {module}, which is not installed")


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def demo_model() -> Path:
    """The folder of the embedded demo model, EXL3 at 4.0 bits."""
    return ROOT / "resources" / "demo_model"


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no token of the machine's gets between a test and its hub on loopback."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(no_proxy: None) -> Iterator[FakeHub]:
    """A hub on loopback with the example repositories."""
    from tests.fakes.hub import FakeHub  # here: most tests need none
    from tests.fakes.hub_content import example_repos

    with FakeHub(*example_repos(megabytes=1)) as hub:
        yield hub


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with golden data beside the project; its tests are skipped where it is missing."""
    folder = ROOT.parent / "shared"
    if not (folder / "golden").is_dir():
        pytest.skip("the golden data (a folder `shared` beside the project) is not here")
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips GPU tests that were chosen on a machine that cannot run them."""
    chosen = [item for item in items if item.get_closest_marker("gpu")]
    if not chosen or config.option.markexpr == "not gpu":
        return
    import torch  # here: most runs of single tests do without

    if not torch.cuda.is_available():
        for item in chosen:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA card that torch can use"))


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("gpu"):
            item.config.stash[GPU_TESTS_LEFT_OUT] = item.config.stash.get(GPU_TESTS_LEFT_OUT, 0) + 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes tells the first one what it left out."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["gpu_tests_left_out"] = session.config.stash.get(GPU_TESTS_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Each process collects every test, so they all left out the same."""
    node.config.stash[GPU_TESTS_LEFT_OUT] = getattr(node, "workeroutput", {}).get("gpu_tests_left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.markexpr == "not gpu":
        left_out = config.stash.get(GPU_TESTS_LEFT_OUT, 0)
        command = ".venv/bin/python -m pytest tests/gpu -m gpu"
        terminalreporter.write_line(f"{left_out} GPU tests left out; with a card: {command}")
