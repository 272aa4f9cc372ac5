"""The tree of messages of a conversation, in SQL: paths, versions, subtrees, copies.

The functions take an open connection and leave transactions to their caller. Deleted messages are kept with the number
of their deletion until they are purged; only `restore` sees them. Knows nothing of titles, folders or search.
"""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from app.storage.records import StoredMessage, Versions
from app.storage.rows import MESSAGE_COLUMNS, message_of, text_of

_PATH = (
    "WITH RECURSIVE path(id, parent_id) AS ("
    " SELECT id, parent_id FROM messages WHERE id = ?"
    " UNION SELECT up.id, up.parent_id FROM messages AS up JOIN path ON up.id = path.parent_id)"
)
# Changes begin with UPDATE: only then Python's module opens a transaction and counts the rows.
_MARK_SUBTREE = (
    "UPDATE messages SET deletion_id = ?2 WHERE id IN (WITH RECURSIVE subtree(id) AS ("
    " SELECT id FROM messages WHERE id = ?1 AND deletion_id IS NULL"
    " UNION SELECT down.id FROM messages AS down JOIN subtree ON down.parent_id = subtree.id"
    " WHERE down.deletion_id IS NULL)"
    " SELECT id FROM subtree)"
)
_REMEMBER_PATH = (
    f"UPDATE messages SET chosen_child_id = below.id FROM ({_PATH} SELECT id, parent_id FROM path) AS below"
    " WHERE messages.id = below.parent_id AND messages.chosen_child_id IS NOT below.id"
)


def parents(db: sqlite3.Connection, conversation_id: int) -> dict[int, int | None]:
    """The shape of a tree: message id -> parent id, oldest first."""
    rows = db.execute(
        "SELECT id, parent_id FROM messages WHERE conversation_id = ? AND deletion_id IS NULL", (conversation_id,)
    )
    return dict(sorted(rows))


def path_ids(shape: Mapping[int, int | None], leaf_id: int | None) -> list[int]:
    """The ids from the first message to a leaf; a damaged tree with a ring still ends."""
    path: list[int] = []
    seen: set[int] = set()
    step = leaf_id
    while step is not None and step in shape and step not in seen:
        path.append(step)
        seen.add(step)
        step = shape[step]
    return path[::-1]


def messages(db: sqlite3.Connection, ids: Iterable[int]) -> list[StoredMessage]:
    """Messages in the order of their ids in `ids`."""
    wanted = list(ids)
    found: dict[int, StoredMessage] = {}
    for start in range(0, len(wanted), 500):
        some = wanted[start : start + 500]
        holes = ",".join("?" * len(some))
        rows = db.execute(f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE id IN ({holes})", some)
        found.update((row[0], message_of(row)) for row in rows)
    return [found[each] for each in wanted if each in found]


def versions(shape: Mapping[int, int | None]) -> dict[int, Versions]:
    """The place of every message that has other versions; of most chats this is a small dict."""
    siblings: dict[int | None, list[int]] = defaultdict(list)
    for number, parent_id in shape.items():
        siblings[parent_id].append(number)
    places = {}
    for group in siblings.values():
        for place, number in enumerate(group if len(group) > 1 else ()):
            before = group[place - 1] if place else None
            after = group[place + 1] if place + 1 < len(group) else None
            places[number] = Versions(place + 1, len(group), before, after)
    return places


def descend(db: sqlite3.Connection, conversation_id: int, message_id: int) -> int:
    """The leaf below a message: along the versions that were shown last, else along the newest."""
    rows = db.execute(
        "SELECT parent_id, id FROM messages WHERE conversation_id = ? AND deletion_id IS NULL ORDER BY id",
        (conversation_id,),
    )
    children: dict[int | None, list[int]] = defaultdict(list)
    for parent_id, number in rows:
        children[parent_id].append(number)
    chosen = dict(
        db.execute(
            "SELECT id, chosen_child_id FROM messages WHERE conversation_id = ? AND chosen_child_id IS NOT NULL",
            (conversation_id,),
        )
    )
    leaf = message_id
    while children[leaf]:
        below = children.pop(leaf)
        leaf = chosen[leaf] if chosen.get(leaf) in below else below[-1]
    return leaf


def move_leaf(db: sqlite3.Connection, conversation_id: int, leaf_id: int | None, parent_id: int | None = None) -> None:
    """Shows the branch that ends at `leaf_id` and remembers which versions the branch left was made of.

    Args:
        db: the store.
        conversation_id: whose branch.
        leaf_id: the new end; None shows nothing.
        parent_id: of the new end; when that was the old end, the branch only grows and there is nothing to remember.
    """
    row = db.execute("SELECT leaf_id FROM conversations WHERE id = ?", (conversation_id,)).fetchone()
    old_leaf = row[0] if row else None
    if old_leaf is not None and old_leaf != parent_id:
        db.execute(_REMEMBER_PATH, (old_leaf,))
    db.execute("UPDATE conversations SET leaf_id = ? WHERE id = ?", (leaf_id, conversation_id))


def delete(db: sqlite3.Connection, conversation_id: int, message_id: int) -> tuple[int, int]:
    """Takes a message and all below it out of the tree; (number of the deletion, how many messages).

    When the branch shown went through the message, a neighbouring version takes its place, else the branch ends before.
    """
    shape = parents(db, conversation_id)
    leaf_id = db.execute("SELECT leaf_id FROM conversations WHERE id = ?", (conversation_id,)).fetchone()[0]
    on_branch = message_id in path_ids(shape, leaf_id)
    place = versions(shape).get(message_id)
    cursor = db.execute(
        "INSERT INTO deletions (conversation_id, leaf_id, deleted_s) VALUES (?, ?, ?)",
        (conversation_id, leaf_id, time.time()),
    )
    deletion_id = cursor.lastrowid
    assert deletion_id is not None
    count = db.execute(_MARK_SUBTREE, (message_id, deletion_id)).rowcount
    if on_branch:
        neighbour = (place.previous_id or place.next_id) if place else None
        end = descend(db, conversation_id, neighbour) if neighbour is not None else shape[message_id]
        db.execute("UPDATE conversations SET leaf_id = ? WHERE id = ?", (end, conversation_id))
    return deletion_id, count


def restore(db: sqlite3.Connection, deletion_id: int) -> int | None:
    """Puts what one deletion took back and shows the branch of then; the conversation's id, None when it is purged.

    When what it hung on was deleted later, that comes back too.
    """
    row = db.execute("SELECT conversation_id, leaf_id FROM deletions WHERE id = ?", (deletion_id,)).fetchone()
    if row is None:
        return None
    conversation_id, leaf_id = int(row[0]), row[1]
    above = db.execute(
        f"{_PATH} SELECT DISTINCT deletion_id FROM messages JOIN path USING (id) WHERE deletion_id IS NOT NULL",
        (db.execute("SELECT min(id) FROM messages WHERE deletion_id = ?", (deletion_id,)).fetchone()[0],),
    ).fetchall()
    for (each,) in [*above, (deletion_id,)]:
        db.execute("UPDATE messages SET deletion_id = NULL WHERE deletion_id = ?", (each,))
        db.execute("DELETE FROM deletions WHERE id = ?", (each,))
    if leaf_id in parents(db, conversation_id):
        move_leaf(db, conversation_id, leaf_id)
    return conversation_id


def purge(db: sqlite3.Connection) -> None:
    """Removes deleted messages for good, with whatever still hangs on them."""
    if not db.execute("DELETE FROM messages WHERE deletion_id IS NOT NULL").rowcount:
        return
    orphans = "parent_id IS NOT NULL AND parent_id NOT IN (SELECT id FROM messages)"
    while db.execute(f"DELETE FROM messages WHERE {orphans}").rowcount:
        continue


def copy_path(db: sqlite3.Connection, message_id: int, conversation_id: int) -> int | None:
    """Copies the messages from the first to `message_id` into another, empty conversation; the id of the last copy."""
    shape: dict[int, int | None] = dict(db.execute(f"{_PATH} SELECT id, parent_id FROM path", (message_id,)))
    last: int | None = None
    for each in path_ids(shape, message_id):
        cursor = db.execute(
            "INSERT INTO messages (conversation_id, parent_id, role, content, created_s, state, model_name, stats,"
            " error, thought_s) SELECT ?, ?, role, content, created_s,"
            " CASE state WHEN 'streaming' THEN 'interrupted' ELSE state END, model_name, stats, error, thought_s"
            " FROM messages WHERE id = ?",
            (conversation_id, last, each),
        )
        last = cursor.lastrowid
    return last


def insert(
    db: sqlite3.Connection, conversation_id: int, messages: Iterable[StoredMessage], chosen: Mapping[int, int]
) -> dict[int, int]:
    """Adds the messages of another tree, parents before children; their ids there -> their ids here."""
    new: dict[int, int] = {}
    for each in messages:
        parent_id = new[each.parent_id] if each.parent_id is not None else None
        plain = (each.role, each.content, each.created_s, each.state, each.model_name)
        cursor = db.execute(
            "INSERT INTO messages (conversation_id, parent_id, role, content, created_s, state, model_name, stats,"
            " error, thought_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (conversation_id, parent_id, *plain, text_of(each.stats), text_of(each.error), each.thought_s),
        )
        assert cursor.lastrowid is not None
        new[each.id] = cursor.lastrowid
    db.executemany(
        "UPDATE messages SET chosen_child_id = ? WHERE id = ?",
        [(new[child], new[parent]) for parent, child in chosen.items()],
    )
    return new


def chosen_children(db: sqlite3.Connection, conversation_id: int) -> dict[int, int]:
    """Message -> which child of it was last shown, where one was remembered."""
    rows = db.execute(
        "SELECT above.id, below.id FROM messages AS above JOIN messages AS below ON below.id = above.chosen_child_id"
        " WHERE above.conversation_id = ? AND above.deletion_id IS NULL AND below.deletion_id IS NULL",
        (conversation_id,),
    )
    return dict(rows)
