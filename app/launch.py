"""What the window is started with; tests put fakes in. Knows nothing of what is made of it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_cache_path

from app.card_watch import CardFinder, MonitorFactory
from app.engine_worker import SessionFactory, open_engine_session
from app.hub_access import EndpointOf, usual_endpoint
from app.resources_paths import demo_model_path
from app.storage.paths import PROGRAM_FOLDER, DataPaths
from engine.fit.cards import CardMonitor, find_cards
from engine.hub.hub_cache import cache_folder
from engine.hub.transfer.settings import TransferSettings


@dataclass(frozen=True)
class Launch:
    """What the window is started with.

    Attributes:
        paths: the user's files.
        model: a folder to load at once, or None for the last one.
        demo_folder: the embedded demo model.
        open_session: makes a session of a load request, in the engine's thread.
        find_cards, open_monitor: ask the driver for its cards and for one card's figures, in a thread of their own.
        endpoint_of: makes the hub's endpoint of the address, the proxy and the offline switch in the settings.
        transfer: how patient downloads are.
        models_folder: where downloads go until the user chooses another one; None is a folder beside the user's data.
        hub_cache: the cache of the hub's own library, whose models are listed too; None leaves it out.
        cache_folder: of this program: what loads taught and what the hub answered.
        convert_command: this program's command `convert`, to be run as a child.
    """

    paths: DataPaths
    model: Path | None = None
    demo_folder: Path = field(default_factory=demo_model_path)
    open_session: SessionFactory = open_engine_session
    find_cards: CardFinder = find_cards
    open_monitor: MonitorFactory = CardMonitor
    endpoint_of: EndpointOf = usual_endpoint
    transfer: TransferSettings = field(default_factory=TransferSettings)
    models_folder: Path | None = None
    hub_cache: Path | None = field(default_factory=lambda: cache_folder(os.environ, Path.home()))
    cache_folder: Path = field(default_factory=lambda: user_cache_path("Espalier", appauthor=False))
    convert_command: tuple[str, ...] = (sys.executable, str(PROGRAM_FOLDER / "main.py"), "convert")

    @property
    def first_models_folder(self) -> Path:
        """Where downloads go until the user chooses another folder."""
        return self.models_folder or self.paths.folder / "models"
