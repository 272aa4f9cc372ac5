"""Opens the store's file: refuses a newer one, sets a damaged one aside, brings an older one up to date.

An older file is copied before it is changed, and changed in one transaction. Knows nothing of conversations.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.storage.schema import MIGRATIONS, SCHEMA_VERSION
from app.storage.set_aside import set_aside
from app.storage.words import searchable
from engine.errors import EngineError

BUSY_S = 5.0  # how long another process may hold the file


class NewerStoreError(EngineError):
    """The store was written by a newer version of the program."""


class MigrationError(EngineError):
    """The store of an older version could not be brought up to date; its file is as it was."""


@dataclass(frozen=True)
class OpenedDatabase:
    """An open store.

    Attributes:
        db: the connection.
        damaged: where a damaged file was put, or None.
        backup: the copy that was made before a migration, or None.
    """

    db: sqlite3.Connection
    damaged: Path | None = None
    backup: Path | None = None


def open_database(path: Path) -> OpenedDatabase:
    """Opens or creates the store.

    Raises:
        NewerStoreError: the file belongs to a newer version; nothing was changed.
        MigrationError: an older file could not be copied or brought up to date; nothing was changed.
        OSError: a damaged file cannot be renamed.
        sqlite3.Error: the folder cannot be written.
    """
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if not path.is_file() or isinstance(error, sqlite3.OperationalError):
            raise
    damaged = set_aside(path)
    for suffix in ("-wal", "-shm"):  # they belong to the file that was moved
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(damaged.with_name(damaged.name + suffix))
    return OpenedDatabase(_open(path).db, damaged)


def connect(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """A connection that knows our SQL function; for one thread."""
    plain = path.resolve().as_posix()
    whole = quote(plain if plain.startswith("/") else f"/{plain}")  # C:/..., or //server/share/... on a network
    db = sqlite3.connect(f"file://{whole}?mode={'ro' if read_only else 'rwc'}", BUSY_S, uri=True)
    db.create_function("searchable", 1, searchable, deterministic=True)
    return db


def _open(path: Path) -> OpenedDatabase:
    version = _stored_version(path)
    if version > SCHEMA_VERSION:
        raise NewerStoreError(
            f"{path.name} was written by a newer version of Espalier (schema {version}).",
            "Start the newer version, or move the file away to begin with an empty list.",
        )
    db = connect(path)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        problems = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problems != "ok":
            raise sqlite3.DatabaseError(problems)
        backup = _back_up(db, path, version) if 0 < version < SCHEMA_VERSION else None
        if version < SCHEMA_VERSION:
            _migrate(db, path, version)
        db.execute("PRAGMA foreign_keys = ON")  # not before the migrations, which rebuild tables
    except BaseException:
        db.close()
        raise
    return OpenedDatabase(db, None, backup)


def _stored_version(path: Path) -> int:
    """The schema of a file, asked without writing to it; 0 for a new or empty one."""
    if not path.is_file():
        return 0
    with contextlib.closing(connect(path, read_only=True)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def _back_up(db: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copies the whole store, log included, beside it; the copy appears under its name only when it is whole."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    target = path.with_name(f"{path.name}.before-{SCHEMA_VERSION}-{stamp}")
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(part)) as copy:
            db.backup(copy)
            if copy.execute("PRAGMA user_version").fetchone()[0] != version:
                raise sqlite3.OperationalError("the copy is incomplete")
        part.replace(target)
    except (OSError, sqlite3.OperationalError) as error:
        part.unlink(missing_ok=True)
        raise MigrationError(
            f"{path.name} could not be copied before its update: {error}.",
            "Make room on the disk, or make the folder writable, and start again; nothing was changed.",
        ) from error
    return target


def _migrate(db: sqlite3.Connection, path: Path, version: int) -> None:
    steps = "\n".join(MIGRATIONS[version:])
    try:
        db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    except sqlite3.Error as error:
        if db.in_transaction:
            db.rollback()
        if version == 0 or not isinstance(error, (sqlite3.OperationalError, sqlite3.IntegrityError)):
            raise
        raise MigrationError(
            f"{path.name} could not be brought from schema {version} to {SCHEMA_VERSION}: {error}.",
            "Your conversations are untouched; start the version that wrote them, or report this message.",
        ) from error
