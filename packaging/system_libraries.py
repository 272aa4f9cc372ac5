"""What the environment needs of the system and pip cannot bring: Qt's libraries, a font, Python's own `venv`.

Knows the file names of the libraries, the Debian packages that hold them and how to install those as root. Knows
nothing of `.venv` or of Python packages. Only Linux ever lacks any of this.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


class SetupError(Exception):
    """The environment cannot be made; the text says why and what to do."""


# Library -> Debian package. The first group is loaded by `import PySide6.QtWidgets` on any display, or none at all.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libX11.so.6": "libx11-6",
    "libzstd.so.1": "libzstd1",
    "libz.so.1": "zlib1g",
    "libstdc++.so.6": "libstdc++6",
}
# Loaded by Qt's plugin for X11, which also serves most Wayland desktops.
X11_LIBRARIES = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
FONT_PACKAGE = "fonts-dejavu-core"


def ensure_system_packages(with_display: bool) -> None:
    """Installs what is missing: libraries of Qt, a font, and Python's `ensurepip`, which Debian parts from Python.

    Args:
        with_display: also what a real window needs, not only what offscreen tests do.

    Raises:
        SetupError: something is missing and cannot be installed from here.
    """
    if not sys.platform.startswith("linux"):
        return
    wanted = QT_LIBRARIES | X11_LIBRARIES if with_display else QT_LIBRARIES
    missing = {name: package for name, package in wanted.items() if not _loads(name)}
    if not has_font(Path(folder).expanduser() for folder in FONT_FOLDERS):
        missing["a font"] = FONT_PACKAGE
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        major, minor = sys.version_info[:2]
        missing["Python's venv module"] = f"python{major}.{minor}-venv"
    if missing:
        _provide(list(missing), list(missing.values()))


def has_font(folders: Iterable[Path]) -> bool:
    """Whether any font that Qt can draw with lies in the folders."""
    endings = {".ttf", ".otf", ".ttc"}
    return any(path.suffix.lower() in endings for folder in folders if folder.is_dir() for path in folder.rglob("*"))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _provide(missing: list[str], packages: list[str]) -> None:
    """Installs Debian packages when root, else says in one command how to."""
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    names = ", ".join(missing)
    if shutil.which("apt-get") is None:
        raise SetupError(
            f"The system lacks {names}.\nInstall what holds this with your system's package manager and start again; "
            f"on Debian the packages are called:  {' '.join(packages)}"
        )
    if os.geteuid() != 0:
        raise SetupError(f"The system lacks {names}.\nThis one command installs it:  sudo {' '.join(install)}")
    print(f"Installing from the system's packages: {' '.join(packages)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A failing update may only mean one broken source among several: the install decides.
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=False)
    done = subprocess.run(["apt-get", *install[1:], "-qq"], env=quiet, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise SetupError(f"The system lacks {names}, and installing it failed:\n{tail}\nTry:  {' '.join(install)}")
