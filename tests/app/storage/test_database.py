"""Opening old, newer and damaged files."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from app.storage import database
from app.storage.conversations import ConversationStore
from app.storage.database import MigrationError, NewerStoreError
from app.storage.schema import MIGRATIONS, SCHEMA_VERSION
from app.storage.search import SearchReader


def write_first_version(path: Path) -> None:
    """A file as the first release wrote it, with a leaf that is not the newest message."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(f"BEGIN; {MIGRATIONS[0]} PRAGMA user_version = 1; COMMIT; PRAGMA journal_mode = WAL;")
        with db:
            db.execute("INSERT INTO conversations VALUES (1, 'Bicycles', 1.0, 2.0, NULL, 'Be brief.', NULL, NULL)")
            add = "INSERT INTO messages (id, conversation_id, parent_id, role, content, created_s, state) VALUES "
            db.execute(add + "(1, 1, NULL, 'user', 'Why do they stay upright?', 1.0, 'complete')")
            db.execute(add + "(2, 1, 1, 'assistant', 'They steer.', 1.0, 'complete')")
            db.execute(add + "(3, 1, 1, 'assistant', 'Half of a re', 1.0, 'streaming')")
            db.execute("UPDATE conversations SET leaf_id = 2")


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if not each.name.endswith("-shm")}


def test_an_older_file_is_copied_then_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    write_first_version(path)
    store = ConversationStore(path)
    assert [m.content for m in store.branch(1)] == ["Why do they stay upright?", "They steer."]
    assert store.versions(1)[2].next_id == 3
    interrupted = store.message(3)
    assert interrupted is not None
    assert interrupted.state == "interrupted"
    reader = SearchReader(path)
    assert [hit.message_id for hit in reader.search("upright")] == [1]
    assert [hit.message_id for hit in reader.search("half")] == [3]
    reader.close()
    store.close()
    assert store.backup is not None
    with contextlib.closing(sqlite3.connect(store.backup)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM messages").fetchone() == (3,)
    again = ConversationStore(path)
    assert again.backup is None
    again.close()


def test_a_migrated_file_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3"
    write_first_version(old)
    shapes = []
    for path in (old, new):
        ConversationStore(path).close()
        with contextlib.closing(sqlite3.connect(path)) as db:
            shapes.append(db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall())
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert shapes[0] == shapes[1]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.sqlite3"
    write_first_version(path)
    before = path.read_bytes()
    broken = (MIGRATIONS[0], MIGRATIONS[1] + "INSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr(database, "MIGRATIONS", broken)
    with pytest.raises(MigrationError, match="nowhere"):
        ConversationStore(path)
    assert path.read_bytes() == before
    monkeypatch.undo()
    store = ConversationStore(path)
    assert len(store.branch(1)) == 2
    store.close()


def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.sqlite3"
    write_first_version(path)
    before = path.read_bytes()

    def full(source: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(MigrationError, match="No space left"):
        ConversationStore(path)
    assert path.read_bytes() == before
    assert [each for each in tmp_path.iterdir() if each.name.endswith(".part")] == []


def test_a_newer_file_with_a_log_is_not_touched_at_all(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    store = ConversationStore(path)
    store.create_conversation("Only in the log")
    store._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    kept = files(tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, data in kept.items():
        (copy / name).write_bytes(data)
    store._db.close()
    assert (copy / "c.sqlite3-wal").stat().st_size > 0
    with pytest.raises(NewerStoreError, match="newer version"):
        ConversationStore(copy / "c.sqlite3")
    assert files(copy) == kept


def test_paths_with_spaces_and_other_letters_and_signs(tmp_path: Path) -> None:
    folder = tmp_path / "Мои чаты 🌳 #1 ?x=%41"
    folder.mkdir()
    store = ConversationStore(folder / "c.sqlite3")
    store.create_conversation("Here")
    reader = SearchReader(folder / "c.sqlite3")
    assert len(reader.search("here")) == 1
    reader.close()
    store.close()
    assert sorted(each.name for each in folder.iterdir()) == ["c.sqlite3"]


def test_a_locked_file_is_neither_set_aside_nor_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.sqlite3"
    ConversationStore(path).close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    with pytest.raises(sqlite3.OperationalError):
        ConversationStore(path)
    other.close()
    assert [each.name for each in tmp_path.iterdir() if "damaged" in each.name] == []
