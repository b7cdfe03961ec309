"""Dagster's SQLite event log with its connections kept: half the cost of an event is opening the file anew.

Dagster 1.13 makes an engine and a connection for every event that it stores, and with them compiles the same
statements each time. For a run in this process one engine per file is kept until the end. Measured with a
hundred small tables: docs/decisions/0005-kept-connections.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.pool import StaticPool

BUSY_TIMEOUT_S = 5


@contextmanager
def kept_connections(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keep the event log's connections for the length of the block; other kinds of storage are left as they are."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield
        return
    engines: dict[str, Engine] = {}

    def engine_of(shard: str) -> Engine:
        if shard not in engines:
            engines[shard] = create_engine(
                storage.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
            )
        return engines[shard]

    @contextmanager
    def connect(shard: str) -> Iterator[Connection]:
        with storage._db_lock:
            if shard not in storage._initialized_dbs:
                if shard == INDEX_SHARD_NAME or not _make_like(engine_of(INDEX_SHARD_NAME), engine_of(shard)):
                    storage._initdb(engine_of(shard))
                storage._initialized_dbs.add(shard)
            with engine_of(shard).begin() as connection:
                yield connection

    storage._connect = connect  # type: ignore[method-assign]
    try:
        yield
    finally:
        del storage._connect
        for engine in engines.values():
            engine.dispose()


def _make_like(index: Engine, fresh: Engine) -> bool:
    """Make a new run's file, stamped with the revision that the index has; False when there is none to copy.

    Dagster itself would read all of its migrations to find out which is the newest, for each run.
    """
    with fresh.connect() as connection:
        if inspect(connection).get_table_names():
            return False
    with index.connect() as connection:
        if "alembic_version" not in inspect(connection).get_table_names():
            return False
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision is None:
        return False
    with fresh.connect() as connection:
        connection.execute(text("PRAGMA journal_mode=WAL"))
    with fresh.begin() as connection:
        SqlEventLogStorageMetadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
    return True
