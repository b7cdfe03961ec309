"""A plugin written with CloudQuery's JavaScript SDK as a source: the protocol as a third implementation speaks it."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from integrations.sdk.cloudquery.processes import Running, free_port
from orchestration.testing import SOURCE, Outcomes, Project
from tests.environments import node_modules
from tests.interop.conftest import failures

pytestmark = pytest.mark.timeout(300)
Make = Callable[..., Project]
SOURCES = Path(__file__).parent / "javascript"
FLAT, PARENTS, CHILDREN = 300, 20, 5
NEVER_SENT = ["i16", "i32", "u16", "u32"]
LARGEST = 2**53 - 1
LOW = {
    "id": 1, "i64": -LARGEST, "u64": 0, "f32": 0.5, "f64": 5e-324, "yes": True, "words": "", "raw": b"",
    "at": datetime(1970, 1, 1, tzinfo=UTC), "nanos": datetime(1970, 1, 1, tzinfo=UTC), "day": date(1970, 1, 1),
    "doc": [], "uid": UUID(int=0), "texts": [""], "numbers": [0],
}  # fmt: skip
HIGH = {
    "id": 2, "i64": LARGEST, "u64": LARGEST, "f32": -3.4028234663852886e38, "f64": 1.7976931348623157e308, "yes": False,
    "words": "\x01\t'\"\\ ½", "raw": "bytes ½".encode(), "at": datetime(2262, 4, 11, 23, 47, 16, 854000, UTC),
    "nanos": datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC), "day": date(2999, 12, 31),
    "doc": {"big": 12345678901234567890, "text": "\\u0000"}, "uid": UUID(int=2**128 - 1),
    "texts": ["a", 'ü"', ""], "numbers": [1, 2**31 - 1, -(2**31)],
}  # fmt: skip
KINDS = [{**row, **dict.fromkeys(NEVER_SENT)} for row in (LOW, HIGH, {**dict.fromkeys(LOW), "id": 3})]


def flat_row(number: int) -> dict[str, Any]:
    """As the plugin makes it."""
    return {
        "id": number,
        "amount": number / 7,
        "is_open": number % 3 == 0,
        "created_at": datetime(2024, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number * 1001),
        "name": f"name {number}",
        "note": None if number % 5 == 0 else 'línea\n"2" 🦆' * (number % 4),
        "extra": {"n": number, "tags": ["a", None], "deep": {"é": [1.5, True]}},
    }


@pytest.fixture(scope="module")
def executable(request: pytest.FixtureRequest) -> str:
    """The plugin, beside the packages that it imports."""
    home = node_modules(request, "cloudquery-javascript", SOURCES)
    path = home / "plugin.js"
    if not path.exists() or path.read_bytes() != (SOURCES / path.name).read_bytes():
        shutil.copy(SOURCES / path.name, path)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def served(executable: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the plugin, started as its user would."""
    monkeypatch.setattr(Running, "listens_within_s", 60.0)
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen([executable, "serve", "--address", address], stdout=subprocess.DEVNULL)
    yield address
    process.kill()
    process.wait()


def rows(project: Project, table: str, like: dict[str, Any]) -> list[dict[str, Any]]:
    """A table's rows with the columns of `like`, JSON as Python."""
    listed = ", ".join(f'"{column}"' for column in like)
    found = project.query(f'SELECT {listed} FROM "{SOURCE}"."{table}" ORDER BY id')
    named = [dict(zip(like, row, strict=True)) for row in found]
    return [{k: json.loads(v) if v and k in ("extra", "doc") else v for k, v in row.items()} for row in named]


@pytest.fixture(scope="module")
def loaded(executable: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Outcomes]:
    """A project that has been synced once, the plugin started by us."""
    project = Project(tmp_path_factory.mktemp("loaded"), executable, {}, registry="local", skip_tables=["failing"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(project.home))
        return project, project.sync()


def test_its_packages_come_from_the_registry_that_npm_is_set_to() -> None:
    """Their lock names versions and sums, and no address; `npm install` writes `funding`, which is to be taken out."""
    assert "://" not in (SOURCES / "package-lock.json").read_text(encoding="utf-8")


def test_every_value_arrives_as_it_was_sent(loaded: tuple[Project, Outcomes]) -> None:
    """Flat, parents and children, every type that the SDK can send; its ids its own."""
    made, outcomes = loaded
    assert failures(outcomes) == {}
    assert rows(made, "flat", flat_row(1)) == [flat_row(number) for number in range(1, FLAT + 1)]
    assert rows(made, "kinds", KINDS[0]) == KINDS
    named = [{"id": number, "name": f"parent {number}"} for number in range(1, PARENTS + 1)]
    assert rows(made, "parents", named[0]) == named
    below = made.query(
        f"SELECT c.id FROM {SOURCE}.children c JOIN {SOURCE}.parents p ON c._cq_parent_id = p._cq_id "
        "AND c.parent_id = p.id"
    )
    sent = {f"{parent}-{number}" for parent in range(1, PARENTS + 1) for number in range(1, CHILDREN + 1)}
    assert {id for (id,) in below} == sent


def test_tables_are_discovered_with_keys_parents_and_columns(loaded: tuple[Project, Outcomes]) -> None:
    """What the SDK says of them, types that it cannot send among it."""
    nodes = {node.name: node for node in loaded[0].source().nodes}
    assert nodes["children"].parent is nodes["parents"]
    assert nodes["children"].table.primary_keys == ["id"]
    assert (nodes["parents"].table.title, nodes["parents"].table.description) == ("Parents", "Those above")
    types = {column.name: column.type.sql for column in nodes["kinds"].table.columns}
    assert [types[name] for name in NEVER_SENT] == ["SMALLINT", "INTEGER", "USMALLINT", "UINTEGER"]
    assert (types["texts"], types["doc"], types["uid"]) == ("VARCHAR[]", "JSON", "UUID")


def test_its_state_goes_on_where_it_ended(loaded: tuple[Project, Outcomes], served: str, tmp_path: Path) -> None:
    """A state backend, written and read by the protocol alone."""
    shutil.copytree(loaded[0].folder, tmp_path, dirs_exist_ok=True)

    def sync(events: int) -> tuple[int, str]:
        project = Project(tmp_path, served, {"events": events}, registry="grpc", tables=["events"])
        record = project.sync().tables["events"].record
        return record.rows, record.mode

    assert [sync(130), sync(130)] == [(30, "incremental"), (0, "incremental")]


def test_what_it_only_logs_is_a_failure(
    loaded: tuple[Project, Outcomes], executable: str, tmp_path: Path, project: Make
) -> None:
    """The SDK says in no other way that a table or a row has failed: neither is taken for gone."""
    shutil.copytree(loaded[0].folder, tmp_path, dirs_exist_ok=True)
    broken = project(executable, tables=["dropping", "failing", "parents"], spec={"drop": True, "parents": 3})
    failed = failures(broken.sync())
    assert list(failed) == ["dropping", "failing"]
    assert "no such luck" in failed["failing"]
    assert "Unable to set Int64" in failed["dropping"]
    assert broken.query(f"SELECT id FROM {SOURCE}.dropping ORDER BY id") == [(1,), (2,), (3,)]
    assert broken.query(f"SELECT count(*) FROM {SOURCE}.parents") == [(3,)]
    rejecting = failures(project(executable, tables=["flat"], spec={"reject": True}).sync())["flat"]
    assert "the plugin has gone" in rejecting
    assert "Error: it does not want to" in rejecting
    assert broken.query(f"SELECT count(*) FROM {SOURCE}.flat") == [(FLAT,)]
