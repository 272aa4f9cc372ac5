"""Pictures of every page for review, in both themes, at several widths and scales, and what is wrong on them.

    python -m tests.app.screenshots OUT [--scale 2] [--language de] [--text 1.5] [--theme dark] [--only chat]

writes OUT/SCALE-LANGUAGE/SCENE-WIDTH-THEME.png, prints every fault that `tests.app.looks` finds, and exits with 1 when
there is one. The window is the real one on the fake engine and the fake hub; nothing leaves the computer.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.application import Application
    from tests.fakes.fake_session import Script
    from tests.fakes.hub import FakeHub

WIDTHS = (1280, 700)
HEIGHT = 860
PATIENCE_S = 20.0
SETTLE_MS = 60
REPLY = r"""<think>The user wants to see everything at once, so I show one of each.</think>
# Rainbows

A *rainbow* is **light** that drops of water have bent and `scattered`, see [a page](https://example.org/rainbows).

| Colour | Wavelength | Where it is seen |
|---|---:|---|
| red | 700 nm | at the outer edge of the first bow |
| violet | 400 nm | at its inner edge |

- [x] sun behind you
- [ ] rain before you

> The angle is always the same.

$$ \theta = 4 \arcsin\left(\frac{\sin\alpha}{n}\right) - 2\alpha $$

```python
def angle(alpha: float, n: float = 1.333) -> float:
    return 4 * asin(sin(alpha) / n) - 2 * alpha  # in radians, as every angle in this small and rather long example is
```
"""
OFFLINE_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "HF_TOKEN")


@dataclass
class Stage:
    """The window that is looked at, and what it stands on."""

    app: Application
    script: Script
    hub: FakeHub
    folder: Path
    dialogs: list[QWidget] = field(default_factory=list)

    def until(self, condition: Callable[[], bool]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end_s, "what a scene waits for does not come"
            self.wait(10)

    def wait(self, milliseconds: int = SETTLE_MS) -> None:
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication

        QTest.qWait(milliseconds)
        for _ in range(5):  # what one layout asks of the next
            QApplication.processEvents()

    def say(self, text: str) -> None:
        self.app.chat.composer.set_text(text)
        self.app.chat.composer.submit()
        self.until(lambda: not self.app.chats.busy)

    def popup(self, kind: type[QWidget]) -> QWidget:
        """The newest dialog of a kind, looked at in the place of the window."""
        made = self.app.window.findChildren(kind)[-1]
        self.dialogs.append(made)
        return made

    def close_dialogs(self) -> None:
        while self.dialogs:
            self.dialogs.pop().close()


def scenes(stage: Stage) -> Iterator[str]:
    """Brings each part of the window on view and tells what it is."""
    yield from _first_scenes(stage)
    yield from _image_scenes(stage)
    yield from _chat_scenes(stage)
    yield from _model_scenes(stage)
    yield from _other_pages(stage)
    yield from _dialogs(stage)


def _first_scenes(stage: Stage) -> Iterator[str]:
    import threading

    stage.until(lambda: stage.app.late.first_steps is not None)
    stage.wait(400)
    yield "first-start"
    stage.script.hold_load = threading.Event()
    stage.app.load(stage.folder / "models" / "Llama-3.1-8B-Instruct-exl3")
    stage.wait(200)
    yield "loading"
    stage.script.hold_load.set()
    stage.until(lambda: stage.app.models.is_ready)
    yield "new-chat"


def _image_scenes(stage: Stage) -> Iterator[str]:
    from tests.fakes.fake_session import BLIND

    app, composer = stage.app, stage.app.chat.composer
    paths = _make_images(stage.folder)
    composer.add_files(paths[:4])
    composer.set_text("Which of these two was taken first, and what do the others show?")
    stage.until(lambda: not composer.tray.is_reading)
    stage.wait(400)
    yield "images-draft"
    composer.tray.remove(3)
    composer.submit()
    stage.until(lambda: not app.chats.busy)
    app.chat.transcript.message_widgets[0].start_editing()
    stage.wait(200)
    app.chat.transcript.verticalScrollBar().setValue(0)
    yield "images-edit"
    app.chat.transcript.message_widgets[0].stop_editing()
    app.chat.transcript.verticalScrollBar().setValue(0)
    stage.wait(200)
    yield "images-chat"
    viewer = app.pictures.viewer
    viewer.open(app.chat.transcript.message_widgets[0].turn.pictures, 0)  # type: ignore[attr-defined]
    stage.until(lambda: viewer.canvas.small is not None)
    stage.wait(300)
    yield "images-viewer"
    viewer.close_viewer()
    stage.script.why_blind = BLIND
    app.models.reload()
    stage.until(lambda: app.models.is_ready and app.models.info is not None and not app.models.info.sees)
    composer.add_files(paths[:1])
    stage.until(lambda: not composer.tray.is_reading)
    composer.submit()
    stage.wait(300)
    yield "images-blind"
    composer.tray.take()
    stage.script.why_blind = ""
    app.models.reload()
    stage.until(lambda: app.models.is_ready and app.models.info is not None and app.models.info.sees)
    app.new_chat()


def _make_images(folder: Path) -> list[Path]:
    """Two that could be photographs, one animated, one that is none."""
    import PIL.Image

    paths = [folder / name for name in ("sunset at the lake.jpg", "map.png", "turning.gif", "broken.webp")]
    PIL.Image.linear_gradient("L").resize((1600, 900)).convert("RGB").save(paths[0])
    PIL.Image.radial_gradient("L").resize((300, 700)).convert("RGB").save(paths[1])
    frames = [PIL.Image.new("RGB", (200, 200), colour) for colour in ("orange", "navy")]
    frames[0].save(paths[2], save_all=True, append_images=frames[1:])
    paths[3].write_bytes(b"RIFF\x00\x01\x00\x00WEBPVP8 broken")
    return paths


def _chat_scenes(stage: Stage) -> Iterator[str]:
    from engine.errors import ContextTooLongError

    app, script = stage.app, stage.script
    stage.say("Why does a rainbow have all its colours in the same order, and why is the second one turned round?")
    app.chats.regenerate()
    stage.until(lambda: not app.chats.busy)
    app.chat.transcript.message_widgets[-1].setFocus()
    yield "chat"
    script.step_error = ContextTooLongError(
        "The conversation has 4,312 tokens, but the context holds 4,096.", "Shorten the conversation."
    )
    stage.say("And moonbows?")
    script.step_error = None
    yield "chat-error"
    app.window_actions.find_here()
    yield "chat-find"
    app.inspector.sampling.mode_chosen.emit(True)
    app.inspector.sampling.show_mode(True)
    for name, panel in (("inspector", app.window.inspector_panel), ("list", app.window.list_panel)):
        yield f"chat-{name}" if panel.wanted else ""
    script.context_tokens = 256
    app.models.reload()
    stage.until(lambda: app.models.is_ready)
    app.chat.composer.set_text("Once more, and this time with every detail that there is to tell. " * 6)
    stage.until(lambda: app.control.context.state.used_tokens is not None)
    stage.wait(400)
    yield "chat-full"
    app.chat.composer.set_text("")


def _model_scenes(stage: Stage) -> Iterator[str]:
    app = stage.app
    app.window_actions.find_model()
    browser = app.model_pages.browser
    stage.until(lambda: browser.list_model.rowCount() > 0)
    stage.wait(300)
    yield "models-find"
    browser.page.list.view.setCurrentIndex(browser.list_model.index(0, 0))
    stage.until(lambda: browser.controller.details is not None and not browser.controller.details.is_loading)
    browser.page.show_details()
    stage.wait(300)
    yield "models-details"
    app.window_actions.show_my_models()
    stage.until(lambda: bool(app.model_pages.my_models.cards))
    yield "models-mine"
    next(iter(app.model_pages.my_models.cards.values())).settings_button.click()
    stage.wait(200)
    yield "models-mine-settings"


def _other_pages(stage: Stage) -> Iterator[str]:
    from app.views.pages import Page
    from engine.hub.transfer.placing import plan_download
    from tests.app.model_folders import make_original
    from tests.fakes.file_hub import FileHub, serving

    app = stage.app
    app.window.show_page(Page.DOWNLOADS)
    yield "downloads-empty"
    with serving(FileHub({"config.json": b"{}", "model.safetensors": bytes(1 << 20)}, frozenset())) as elsewhere:
        app.model_pages.downloads.add(plan_download(elsewhere.variant, stage.folder / "models"))
    stage.until(lambda: bool(app.model_pages.downloads_page.cards))
    stage.wait(500)
    yield "downloads-failed"
    app.window.show_page(Page.CONVERT)
    yield "convert-empty"
    app.late.converting.convert(make_original(stage.folder / "originals" / "Llama-8B"))
    stage.until(lambda: app.late.converting.page.rate.isVisible())
    stage.wait(300)
    yield "convert"
    for button in (app.late.converting.page.rate.memory_button, app.late.converting.page.rate.advanced_button):
        button.click()
    stage.wait(200)
    yield "convert-advanced"
    app.window.show_page(Page.SETTINGS)
    yield "settings"
    bar = app.settings_page.scroll_area.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    yield "settings-middle"
    bar.setValue(bar.maximum())
    yield "settings-end"
    app.settings_page.show_matching("xyzzy")
    yield "settings-nothing-found"
    app.settings_page.show_matching("")
    app.window.show_page(Page.CHAT)
    app.window.notice.say("The conversation “Rainbows and moonbows” is deleted.", "Undo", lambda: None, stay=True)
    yield "note"
    app.window.notice.hide()


def _dialogs(stage: Stage) -> Iterator[str]:
    from app.views.command_palette import CommandPalette
    from app.views.dialogs import CrashDialog, HelpDialog

    stage.app.window_actions.show_help()
    stage.popup(HelpDialog)
    yield "help"
    stage.close_dialogs()
    stage.app.window_actions.show_palette()
    stage.popup(CommandPalette)
    yield "palette"
    stage.close_dialogs()
    stage.app.report_crash("Traceback (most recent call last):\n  a fault that somebody made", of_last_run=True)
    stage.popup(CrashDialog)
    yield "crash-report"
    stage.close_dialogs()


@dataclass(frozen=True)
class Wanted:
    """Which pictures are taken, and of what.

    Attributes:
        only: how the names of the scenes begin.
    """

    out: Path
    language: str = "en"
    text_scale: float = 1.0
    themes: tuple[str, ...] = ("dark", "light")
    only: str = ""


def look(stage: Stage, wanted: Wanted) -> list[str]:
    """Takes the pictures and returns what is wrong on them."""
    from tests.app.looks import faults_of

    faults = []
    for scene in scenes(stage):
        if not scene or not scene.startswith(wanted.only):
            continue
        for width in WIDTHS:
            for theme in wanted.themes:
                stage.app.preferences.update(theme=theme)
                stage.app.window.resize(width, HEIGHT)
                _open_sheets(stage, scene)
                stage.wait()
                shown = stage.dialogs[-1] if stage.dialogs else stage.app.window
                shown.grab().save(str(wanted.out / f"{scene}-{width}-{theme}.png"))
                faults += [f"{scene}, {width} px, {theme}: {fault}" for fault in faults_of(shown)]
        _close_sheets(stage)
    return faults


def _open_sheets(stage: Stage, scene: str) -> None:
    for name, panel in (("inspector", stage.app.window.inspector_panel), ("list", stage.app.window.list_panel)):
        if panel.is_sheet:
            panel.set_open(scene == f"chat-{name}")


def _close_sheets(stage: Stage) -> None:
    stage.app.window.resize(WIDTHS[0], HEIGHT)
    stage.app.window.close_sheets()


def run(wanted: Wanted, folder: Path) -> list[str]:
    """Opens a window with everything on it and looks at it."""
    from PySide6.QtWidgets import QApplication

    from app.application import Application
    from app.launch import Launch
    from app.storage.paths import data_paths
    from engine.hub.endpoint import Endpoint
    from tests.app.browser_driver import RTX_4070, FakeCards
    from tests.app.model_folders import make_folder
    from tests.fakes.fake_session import Script
    from tests.fakes.hub import FakeHub
    from tests.fakes.hub_content import example_repos

    qt = QApplication(["screenshots"])
    for name in ("Llama-3.1-8B-Instruct-exl3", "Модель с длинным именем 🌳 4.0bpw"):
        make_folder(folder / "models" / name)
    (folder / "data").mkdir()
    settings = {"language": wanted.language, "text_scale": wanted.text_scale, "device": RTX_4070.uuid}
    (folder / "data" / "settings.json").write_text(json.dumps({"schema_version": 2, "settings": settings}))
    script, cards = Script(reply=REPLY, tokens_per_s=4000.0, why_blind=""), FakeCards((RTX_4070,), used_bytes=3 << 30)
    with FakeHub(*example_repos(megabytes=1)) as hub:

        def endpoint(_address: str, _proxy: str, offline: bool) -> Endpoint:
            return replace(hub.endpoint, offline=offline)

        launch = Launch(
            data_paths(folder / "data"), None, folder / "none", script.open_session, cards.report, cards.monitor,
            endpoint_of=endpoint, hub_cache=None, models_folder=folder / "models", cache_folder=folder / "cache",
        )  # fmt: skip
        app = Application(qt, launch)
        app.start()
        try:
            return look(Stage(app, script, hub, folder), wanted)
        finally:
            app.close()


def main(arguments: list[str] | None = None) -> int:
    """Writes the pictures; 1 when something is wrong on one."""
    parser = argparse.ArgumentParser(prog="python -m tests.app.screenshots", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the pictures")
    parser.add_argument("--scale", type=float, default=1.0, help="of the screen: 1, 1.5, 2")
    parser.add_argument("--language", default="en")
    parser.add_argument("--text", type=float, default=1.0, help="the user's text size: 1 is normal")
    parser.add_argument("--theme", choices=("dark", "light"), help="only this one")
    parser.add_argument("--only", default="", help="scenes whose names begin so, such as chat or models-find")
    options = parser.parse_args(arguments)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before Qt is imported, as the scale
    os.environ["QT_SCALE_FACTOR"] = str(options.scale)
    for name in OFFLINE_NAMES:
        os.environ.pop(name, None)
    out = options.out / f"{options.scale:g}-{options.language}-{options.text:g}"
    out.mkdir(parents=True, exist_ok=True)
    themes = (options.theme,) if options.theme else Wanted.themes
    wanted = Wanted(out, options.language, options.text, themes, options.only)
    with tempfile.TemporaryDirectory() as folder:
        faults = run(wanted, Path(folder))
    print(*faults, sep="\n")  # noqa: T201 - its result
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
