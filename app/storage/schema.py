"""The tables of the conversation store, as the steps that lead from each version to the next.

A new file takes all steps, an older one those it lacks, so there is one road and every test walks it. Knows nothing of
files or backups.
"""

from __future__ import annotations

_CONVERSATIONS_AND_MESSAGES = """
CREATE TABLE conversations (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  created_s REAL NOT NULL,
  updated_s REAL NOT NULL,
  leaf_id INTEGER REFERENCES messages(id) ON DELETE SET NULL,
  system_prompt TEXT NOT NULL DEFAULT '',
  sampling TEXT,
  deleted_s REAL
);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  parent_id INTEGER REFERENCES messages(id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  created_s REAL NOT NULL,
  state TEXT NOT NULL,
  model_name TEXT NOT NULL DEFAULT '',
  stats TEXT,
  error TEXT
);
CREATE INDEX messages_by_conversation ON messages(conversation_id);
CREATE INDEX messages_by_parent ON messages(parent_id);
"""

SEARCH_INDEX = """
CREATE VIRTUAL TABLE message_search USING fts5(
  content, content='', tokenize='unicode61 remove_diacritics 2', prefix='1 2 3'
);
INSERT INTO message_search(rowid, content)
  SELECT id, searchable(content) FROM messages WHERE state <> 'streaming' AND deletion_id IS NULL;
"""
"""The words of every message that neither streams nor is deleted. `searchable` is a function of ours."""

# Parents no longer cascade: SQLite follows at most 1,000 cascades, and a long conversation is one chain of them.
_TREE_FOLDERS_AND_SEARCH = f"""
CREATE TABLE folders (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  is_open INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE deletions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  leaf_id INTEGER,
  deleted_s REAL NOT NULL
);
CREATE TABLE messages_2 (
  id INTEGER PRIMARY KEY,
  conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  parent_id INTEGER REFERENCES messages(id) DEFERRABLE INITIALLY DEFERRED,
  chosen_child_id INTEGER,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  created_s REAL NOT NULL,
  state TEXT NOT NULL,
  model_name TEXT NOT NULL DEFAULT '',
  stats TEXT,
  error TEXT,
  deletion_id INTEGER
);
INSERT INTO messages_2 (id, conversation_id, parent_id, role, content, created_s, state, model_name, stats, error)
  SELECT id, conversation_id, parent_id, role, content, created_s, state, model_name, stats, error FROM messages;
DROP TABLE messages;
ALTER TABLE messages_2 RENAME TO messages;
CREATE INDEX messages_by_conversation ON messages(conversation_id, parent_id, deletion_id);
CREATE INDEX messages_by_parent ON messages(parent_id);
CREATE INDEX messages_by_deletion ON messages(deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX messages_streaming ON messages(state) WHERE state = 'streaming';
ALTER TABLE conversations ADD COLUMN folder_id INTEGER REFERENCES folders(id) ON DELETE SET NULL;
ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
{SEARCH_INDEX}
CREATE TRIGGER search_insert AFTER INSERT ON messages
  WHEN new.state <> 'streaming' AND new.deletion_id IS NULL BEGIN
  INSERT INTO message_search(rowid, content) VALUES (new.id, searchable(new.content));
END;
CREATE TRIGGER search_take_out AFTER UPDATE OF content, state, deletion_id ON messages
  WHEN old.state <> 'streaming' AND old.deletion_id IS NULL BEGIN
  INSERT INTO message_search(message_search, rowid, content) VALUES ('delete', old.id, searchable(old.content));
END;
CREATE TRIGGER search_put_in AFTER UPDATE OF content, state, deletion_id ON messages
  WHEN new.state <> 'streaming' AND new.deletion_id IS NULL BEGIN
  INSERT INTO message_search(rowid, content) VALUES (new.id, searchable(new.content));
END;
CREATE TRIGGER search_delete AFTER DELETE ON messages
  WHEN old.state <> 'streaming' AND old.deletion_id IS NULL BEGIN
  INSERT INTO message_search(message_search, rowid, content) VALUES ('delete', old.id, searchable(old.content));
END;
"""

_THINKING_TIME = """
ALTER TABLE messages ADD COLUMN thought_s REAL;
"""

# The index is made anew: `searchable` leaves out the lines of pictures, and what it once took in must come out alike.
_PICTURES_AND_DRAFTS = f"""
ALTER TABLE conversations ADD COLUMN image_pixels INTEGER;
CREATE TABLE drafts (
  conversation_id INTEGER PRIMARY KEY,
  content TEXT NOT NULL
);
DROP TABLE message_search;
{SEARCH_INDEX}
"""
"""`conversation_id` is 0 for the draft of a chat that is not stored yet."""

MIGRATIONS = (_CONVERSATIONS_AND_MESSAGES, _TREE_FOLDERS_AND_SEARCH, _THINKING_TIME, _PICTURES_AND_DRAFTS)
"""`MIGRATIONS[n]` leads from version n to n + 1; a step is never changed after it was released."""

SCHEMA_VERSION = len(MIGRATIONS)
