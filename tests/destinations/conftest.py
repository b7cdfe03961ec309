"""A real PostgreSQL, and each destination in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.destinations.places import Deliverer, Place
from tests.destinations.postgres_server import PACKAGE, programs, serving
from tests.engine.helpers import Syncer, opened

NEEDS = {"sqlite": ("adbc_driver_sqlite", "pyarrow"), "postgres": ("psycopg",), "parquet": ()}


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL, started once. Left out, with the reason, where it or psycopg is not installed."""
    pytest.importorskip("psycopg", reason="left out: needs psycopg, from the extra postgres")
    found = programs()
    if found is None:
        pytest.skip(f"left out: needs PostgreSQL: apt-get install {PACKAGE}; HEADWATER_POSTGRES may name its programs")
    with serving(found) as address:
        yield address


def make_place(kind: str, folder: Path, request: pytest.FixtureRequest) -> Place:
    """A place of a kind."""
    for package in NEEDS[kind]:
        pytest.importorskip(package, reason=f"left out: needs {package}, from the extra {kind}")
    return Place(kind, folder, request.getfixturevalue("postgres") if kind == "postgres" else "")


SQLITE = pytest.param("sqlite", marks=[pytest.mark.slow] if programs() else [])
"""SQLite is written to by PostgreSQL's code: where there is one, `make test` has that stand for both."""


@pytest.fixture
def syncer(tmp_path: Path) -> Iterator[Syncer]:
    """Syncs tables into a new warehouse."""
    with opened(tmp_path / "warehouse.duckdb") as made:
        yield made


@pytest.fixture(params=[SQLITE, "postgres", "parquet"])
def to(request: pytest.FixtureRequest, syncer: Syncer, tmp_path: Path) -> Deliverer:
    """Delivers to each destination in turn."""
    return Deliverer(syncer, make_place(request.param, tmp_path, request))


@pytest.fixture(params=["sqlite", "postgres"])
def to_sql(request: pytest.FixtureRequest, syncer: Syncer, tmp_path: Path) -> Deliverer:
    """Delivers to each SQL database in turn."""
    return Deliverer(syncer, make_place(request.param, tmp_path, request))


@pytest.fixture
def to_postgres(request: pytest.FixtureRequest, syncer: Syncer, tmp_path: Path) -> Deliverer:
    """Delivers to PostgreSQL."""
    return Deliverer(syncer, make_place("postgres", tmp_path, request))


@pytest.fixture
def to_parquet(request: pytest.FixtureRequest, syncer: Syncer, tmp_path: Path) -> Deliverer:
    """Delivers to Parquet files."""
    return Deliverer(syncer, make_place("parquet", tmp_path, request))
