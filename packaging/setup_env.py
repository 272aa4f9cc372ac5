"""Makes or refreshes the private environment `.venv` in the project's root: `setup_env.py run` or `setup_env.py test`.

Reads the lists of pyproject.toml, so that no dependency is written twice, and chooses the build of torch that fits the
machine. A second run with nothing changed takes well under a second. Uses the standard library alone, because it runs
before anything is installed, and needs Python 3.11 for it: the scripts see to that. Knows nothing of the application.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from system_libraries import SetupError, ensure_system_packages

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "espalier-stamp.json"
LOG = VENV / "setup.log"

# PyTorch's own index: the only source of a CPU build for Linux and of a CUDA build for Windows.
TORCH_INDEX = "https://download.pytorch.org/whl"
CUDA_BUILD = "cu130"
OLDEST_CUDA13_DRIVER = 580

GIB = 2**30
# With the test tools the CPU's environment takes 1.7 GB; CUDA's wheels unpack to 4 to 5 GB beside their downloads.
NEEDED_BYTES = {"cpu": 3 * GIB, "cuda": 10 * GIB}

NETWORK_TROUBLE = (
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|Connection (broken|reset|aborted)"
)

Purpose = Literal["run", "test"]
Build = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class TorchSource:
    """One place to ask for torch: a pip requirement, and an index in place of the configured ones."""

    requirement: str
    index: str | None = None


@dataclass(frozen=True)
class Plan:
    """What the environment is to hold. `fingerprint` changes when an installed one no longer fits."""

    requirements: tuple[str, ...]
    torch_version: str
    build: Build
    extras: tuple[str, ...]
    fingerprint: str


def has_nvidia_card() -> bool:
    """Whether an NVIDIA driver answers, without anything installed."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    return _driver_version() is not None


def _driver_version() -> int | None:
    """The major version of the NVIDIA driver, or None without one."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"\d+", answer.stdout.strip())
    return int(found[0]) if answer.returncode == 0 and found else None


def make_plan(pyproject: bytes, purpose: Purpose, build: Build) -> Plan:
    """Reads what to install from the text of pyproject.toml."""
    project = tomllib.loads(pyproject.decode())["project"]
    extras = (("gpu",) if build == "cuda" else ()) + (("dev",) if purpose == "test" else ())
    wanted: list[str] = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    torch = next(each for each in wanted if each.startswith("torch=="))
    described = pyproject + Path(__file__).read_bytes() + f"{build} {sys.version}".encode()
    return Plan(
        requirements=tuple(each for each in wanted if each != torch),
        torch_version=torch.removeprefix("torch=="),
        build=build,
        extras=extras,
        fingerprint=hashlib.sha256(described).hexdigest(),
    )


def torch_sources(version: str, build: Build, platform: str) -> tuple[TorchSource, ...]:
    """Where to ask for torch, in order.

    A local label (`+cpu`) asks for that build and nothing else, so no attempt can fall through to the CUDA packages;
    the triple equals refuses every label. The configured sources come first: they may be a mirror, or all that can be
    reached.

    Args:
        platform: as `sys.platform`.
    """
    plain = TorchSource(f"torch==={version}")
    if build == "cuda":
        labelled = TorchSource(f"torch=={version}+{CUDA_BUILD}", f"{TORCH_INDEX}/{CUDA_BUILD}")
        return (labelled,) if platform == "win32" else (plain, labelled)
    if platform == "linux":
        requirement = f"torch=={version}+cpu"
        return (TorchSource(requirement), TorchSource(requirement, f"{TORCH_INDEX}/cpu"))
    return (plain,)  # the general build of the other systems is the CPU's


def is_cpu_build(torch_version: str, platform: str) -> bool:
    """Whether an installed torch cannot use a card, told from its version."""
    if platform == "linux":
        return torch_version.endswith("+cpu")
    return "+cu" not in torch_version


def explain_failure(output: str) -> str:
    """What most likely went wrong, from pip's output, and what to do."""
    if "No space left" in output or "Errno 28" in output:
        return "The disk is full. Make room and start again; what is already installed stays."
    if re.search(r"CERTIFICATE_VERIFY_FAILED|SSLError", output):
        return "A secure connection could not be made. Check the clock and, behind a company's proxy, its certificate."
    if re.search(NETWORK_TROUBLE, output):
        return "The packages could not be reached. Check the network (or pip's proxy setting) and start again."
    if "No matching distribution" in output:
        version = ".".join(map(str, sys.version_info[:2]))
        return f"A package has no build for this Python ({version}) on this system. Try Python 3.11, 3.12 or 3.13."
    return "pip could not install a package."


def _install_error(what: str, output: str) -> SetupError:
    """The error for a failed pip: the likely cause, pip's own last words and where all of them are."""
    told = [line for line in output.splitlines() if line.startswith("ERROR")]
    text = [f"{what} {explain_failure(output)}".strip(), *told[-5:], f"The whole log is {VENV.name}/{LOG.name}."]
    return SetupError("\n".join(text))


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _ensure_venv() -> None:
    """Makes `.venv`, or makes it again if its Python is gone or too old."""
    python = venv_python()
    if python.exists():
        probe = [str(python), "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return
    print(f"Making the environment in {VENV.name} ...", flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        output = made.stdout + made.stderr
        raise SetupError(f"{explain_failure(output)}\n{output.strip()}")


def _pip(arguments: list[str], log: IO[str]) -> str | None:
    """Runs `pip install`, showing its steps. Returns None on success, else pip's output."""
    command = [str(venv_python()), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", *arguments]
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            log.write(line)
            if line.lstrip().startswith(("Downloading", "Installing collected")):
                print("  " + line.strip()[:100], flush=True)
    return None if process.returncode == 0 else "".join(lines)


def _installed_torch() -> str | None:
    probe = "from importlib.metadata import version; print(version('torch'))"
    answer = subprocess.run([str(venv_python()), "-c", probe], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def _install_torch(plan: Plan, log: IO[str]) -> str:
    """Installs the build of torch that the plan asks for; returns its exact version, label included."""
    installed = _installed_torch()
    fits = plan.build == "cpu" or not is_cpu_build(installed or "", sys.platform)
    if installed is not None and installed.split("+")[0] == plan.torch_version and fits:
        return installed
    output = ""
    for source in torch_sources(plan.torch_version, plan.build, sys.platform):
        # Without its dependencies: the index may not hold them. The next step brings them from the usual sources.
        arguments = ["--no-deps", source.requirement]
        if source.index is not None:
            arguments += ["--index-url", source.index, "--timeout", "30", "--retries", "2"]
        failure = _pip(arguments, log)
        if failure is None:
            version = _installed_torch()
            assert version is not None
            return version
        output += failure
    raise _install_error("torch could not be installed.", output)


def _install(plan: Plan) -> None:
    free = shutil.disk_usage(ROOT).free
    need = NEEDED_BYTES[plan.build]
    if _installed_torch() is None and free < need:
        raise SetupError(
            f"The environment needs about {need // GIB} GB and {free / GIB:.1f} GB are free on this disk. "
            "Make room and start again."
        )
    print("Installing what Espalier needs; the first time this takes some minutes.", flush=True)
    with LOG.open("w", encoding="utf-8") as log:
        version = _install_torch(plan, log)
        # Named exactly, so that resolving the rest cannot swap the build.
        failure = _pip([f"torch==={version}", *plan.requirements], log)
    if failure is not None:
        raise _install_error("", failure)


def _is_current(plan: Plan) -> bool:
    """Whether an earlier run already made all that the plan asks for."""
    if not venv_python().exists():
        return False
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return stamp["fingerprint"] == plan.fingerprint and set(plan.extras) <= set(stamp["extras"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def set_up(purpose: Purpose) -> None:
    """Brings the environment and the system's libraries to what `purpose` needs.

    Raises:
        SetupError: something is missing that cannot be installed from here.
    """
    ensure_system_packages(with_display=purpose == "run")
    build: Build = "cuda" if has_nvidia_card() else "cpu"
    plan = make_plan((ROOT / "pyproject.toml").read_bytes(), purpose, build)
    if _is_current(plan):
        return
    driver = _driver_version() if build == "cuda" else None
    if driver is not None and driver < OLDEST_CUDA13_DRIVER:
        print(f"Note: the NVIDIA driver is {driver}; the card needs at least {OLDEST_CUDA13_DRIVER}. Please update it.")
    _ensure_venv()
    STAMP.unlink(missing_ok=True)
    _install(plan)
    STAMP.write_text(json.dumps({"fingerprint": plan.fingerprint, "extras": plan.extras}), encoding="utf-8")


def main(arguments: list[str]) -> int:
    purpose: Purpose = "test" if arguments == ["test"] else "run"
    if arguments != [purpose]:
        print("usage: setup_env.py run|test", file=sys.stderr)
        return 2
    try:
        set_up(purpose)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\n{error}\nCheck that the project's folder is writable and its disk not full.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Start again to go on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
