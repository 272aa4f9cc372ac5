"""What the window is started with; tests put fakes in. Knows nothing of what is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.card_watch import CardFinder, MonitorFactory
from app.engine_worker import SessionFactory, open_engine_session
from app.resources_paths import demo_model_path
from app.storage.paths import DataPaths
from engine.fit.cards import CardMonitor, find_cards


@dataclass(frozen=True)
class Launch:
    """What the window is started with.

    Attributes:
        paths: the user's files.
        model: a folder to load at once, or None for the last one.
        demo_folder: the embedded demo model.
        open_session: makes a session of a load request, in the engine's thread.
        find_cards, open_monitor: ask the driver for its cards and for one card's figures, in a thread of their own.
    """

    paths: DataPaths
    model: Path | None = None
    demo_folder: Path = field(default_factory=demo_model_path)
    open_session: SessionFactory = open_engine_session
    find_cards: CardFinder = find_cards
    open_monitor: MonitorFactory = CardMonitor
