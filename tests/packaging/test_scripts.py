"""The launchers: they parse, they are executable, and the README tells the truth about them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SHELL_SCRIPTS = ["packaging/environment.sh", "packaging/run.sh", "packaging/test.sh", ".ci/run"]


@pytest.mark.parametrize("name", SHELL_SCRIPTS)
def test_shell_script_parses(project_root: Path, name: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this system")
    done = subprocess.run([bash, "-n", str(project_root / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
@pytest.mark.parametrize("name", ["packaging/run.sh", "packaging/test.sh", ".ci/run"])
def test_script_is_executable(project_root: Path, name: str) -> None:
    assert os.access(project_root / name, os.X_OK)


def test_ci_runs_the_same_checks_as_the_readme(project_root: Path) -> None:
    assert "packaging/test.sh" in (project_root / ".ci/run").read_text(encoding="utf-8")


def test_batch_file_ends_every_line_as_windows_does(project_root: Path) -> None:
    content = (project_root / "packaging/run.bat").read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n") > 10
    assert content.isascii(), "cmd.exe reads a batch file in the console's code page"


def test_batch_file_jumps_only_to_labels_it_has(project_root: Path) -> None:
    text = (project_root / "packaging/run.bat").read_text(encoding="ascii")
    labels = set(re.findall(r"^:(\w+)", text, re.MULTILINE))
    assert set(re.findall(r"\bgoto\s+:?(\w+)", text)) <= labels | {"eof"}


def test_readme_names_only_files_that_exist(project_root: Path) -> None:
    text = (project_root / "README.md").read_text(encoding="utf-8").replace("\\", "/")
    named = set(re.findall(r"\b(?:packaging|resources|\.ci|tests|engine|app)/[\w./-]*\w|\bmain\.py", text))
    assert {"packaging/run.sh", "packaging/test.sh", "packaging/run.bat", "main.py"} <= named
    assert [name for name in sorted(named) if not (project_root / name).exists()] == []


def test_readme_links_lead_somewhere(project_root: Path) -> None:
    text = (project_root / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (project_root / link).exists()] == []


def test_no_source_of_packages_is_named_outside_the_launcher(project_root: Path) -> None:
    host = re.compile(r"download\.pytorch\.org|pypi\.org|pythonhosted\.org", re.IGNORECASE)
    files = [project_root / "README.md", project_root / "pyproject.toml"]
    files += [path for path in (project_root / "packaging").iterdir() if path.is_file()]
    found = {path.name: len(host.findall(path.read_bytes().decode())) for path in files}
    assert {name: count for name, count in found.items() if count} == {"setup_env.py": 1}


def test_packaging_is_no_package(project_root: Path) -> None:
    """With an `__init__.py` our folder would hide the library `packaging`, which transformers imports."""
    assert not (project_root / "packaging/__init__.py").exists()


@pytest.mark.parametrize("name", ["README.md", "SOURCES.md", "NOTICES.md"])
def test_the_demo_models_terms_travel_with_it(demo_model: Path, name: str) -> None:
    assert (demo_model / name).stat().st_size > 500
