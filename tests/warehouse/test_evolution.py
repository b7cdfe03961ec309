"""What becomes of a table when its records, or its declaration, no longer fit: four contracts, many drifts."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assets.order import TableOptions
from assets.warehouse.loading import How, Loaded
from assets.warehouse.reader import INTERNAL_COLUMNS, Stamp
from integrations.sdk import types as t
from integrations.sdk.errors import SchemaFrozen, WarehouseError
from integrations.sdk.resolvers import Row
from integrations.sdk.schema import CONTRACTS, Column, Contract, Table, parent, path
from tests.engine.helpers import Syncer, gives
from tests.warehouse.helpers import SOURCE, SYNC_TIME, Hooked, Loader, as_page, sync_record

ID = Column("id", t.BIGINT, primary_key=True)
GONE = "is no longer declared: kept ({}), and null from now on"
Line = tuple[str, str, str, str]


def lines(into: Loader) -> list[Line]:
    """What the ledger says of the table: column, change, from, to."""
    rows = into.query("SELECT column_name, change, from_type, to_type FROM headwater.schema_changes ORDER BY ALL")
    return [(column, change, before, after) for column, change, before, after in rows]


def column_types(into: Loader) -> dict[str, str]:
    rows = into.query(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'src' AND table_name = 't'"
    )
    return {column: type_ for column, type_ in rows if not column.startswith("_cq_")}


@dataclass(frozen=True)
class Drift:
    """A value that fits its column, and one that may not; each is JSON, at the key `v` unless it has its own.

    With `evolve` the column then holds `value`, and the column beside it the text `variant`; `wider` is its new type.
    """

    type: t.ColumnType
    good: str
    drifted: str
    value: Any = None
    variant: str | None = None
    wider: str = ""
    nested: bool = False

    @property
    def fits(self) -> bool:
        return self.variant is None and not self.wider

    def column(self, name: str) -> Column:
        return Column(name, self.type, path(f"{name}.b") if self.nested else None)

    def line(self, name: str) -> Line | None:
        """The change that the ledger has of it."""
        if self.wider:
            return name, "widened", self.type.sql, self.wider
        return None if self.fits else (f"{name}__json", "variant", self.type.sql, "JSON")


NESTED = '{"a": 1.10, "b": [12345678901234567890.123456789, "\\u00e9", null, {}]}'
NESTED_KEPT = '{"a":1.10,"b":[12345678901234567890.123456789,"é",null,{}]}'
LONG = "12345678901234567890.123456789"
DRIFTS = {
    "integer_to_text": Drift(t.BIGINT, "5", '"12a"', None, '"12a"'),
    "beyond_integer": Drift(t.INTEGER, "5", "3000000000", 3_000_000_000, wider="BIGINT"),
    "beyond_bigint": Drift(t.BIGINT, "5", str(2**63), 2**63, wider="HUGEINT"),
    "below_zero": Drift(t.UTINYINT, "5", "-1", -1, wider="SMALLINT"),
    "beyond_everything": Drift(t.BIGINT, "5", f"1{'0' * 60}", None, f"1{'0' * 60}"),
    "float_in_integer": Drift(t.BIGINT, "5", "1.50", None, "1.50"),
    "null_to_object": Drift(t.BIGINT, "null", NESTED, None, NESTED_KEPT),
    "object_to_text": Drift(t.BIGINT, '{"b":5}', '"gone"', None, '"gone"', nested=True),
    "list_to_scalar": Drift(t.LIST(t.TEXT), '["x"]', '"x"', None, '"x"'),
    "more_digits": Drift(t.DECIMAL(10, 2), "1.25", LONG, None, LONG),
    "time_to_number": Drift(t.TIMESTAMP, '"2024-01-01"', "1714560000", None, "1714560000"),
    "boolean_to_number": Drift(t.BOOLEAN, "true", "1", None, "1"),
    "field_in_struct": Drift(t.STRUCT(x=t.INTEGER), '{"x":1}', '{"x":3000000000}', None, '{"x":3000000000}'),
    "text_to_object": Drift(t.TEXT, '"x"', '{"a":1.10}', '{"a":1.10}'),
    "missing": Drift(t.BIGINT, "5", "null"),
    "another_case": Drift(t.BIGINT, "5", "5"),
    "both_cases": Drift(t.BIGINT, "5", "6", 6),
}
DRIFTING = [ID, *(drift.column(name) for name, drift in DRIFTS.items())]
LINES = sorted(line for name, drift in DRIFTS.items() if (line := drift.line(name)))


def record(id: int, *drifted: str) -> bytes:
    """A record whose values are good but for the drifted ones."""
    fields = [f'"id":{id}']
    for name, drift in DRIFTS.items():
        value, key = (drift.drifted if name in drifted else drift.good), name
        if name in drifted and name in ("another_case", "both_cases"):
            fields.append(f'"{name.upper()}":7')
        if name in drifted and name in ("another_case", "missing"):
            continue
        fields.append(f'"{key}":{value}')
    return f"{{{','.join(fields)}}}".encode()


EACH = dict(enumerate(DRIFTS, start=1))
RECORDS = [record(0), *(record(id, name) for id, name in EACH.items()), record(99)]


@pytest.mark.parametrize("clients", [(), ("a", "b")], ids=["one", "scopes"])
@pytest.mark.parametrize("way", ["any", "exact"])
@pytest.mark.parametrize("contract", ["evolve", "discard_row", "discard_value"])
def test_values_that_do_not_fit(into: Loader, contract: Contract, way: str, clients: tuple[str, ...]) -> None:
    """Kept to the digit, the record set aside, or the value: as the contract says. All else is as it came."""

    def load(records: list[bytes]) -> Any:
        return into.load(
            DRIFTING, records, whole=False, contract=contract, way=way, clients=clients, page_records=3 * len(clients)
        )

    (good,) = load([record(0)]).rows
    for again in (False, True):
        result = load(RECORDS)
        changes = len(LINES) if contract == "evolve" and not again else 0
        assert len(result.loaded.changes) == len(result.loaded.notes) == changes
    rows = {row[0]: row[1:] for row in result.rows}
    set_aside = [id for id, name in EACH.items() if not DRIFTS[name].fits]
    assert sorted({0, 99, *EACH} - rows.keys()) == (set_aside if contract == "discard_row" else [])
    for id, row in rows.items():
        expected = list(good[1:])
        if name := EACH.get(id):
            drift = DRIFTS[name]
            expected[id - 1] = drift.value if contract == "evolve" or drift.fits else None
        assert list(row) == expected, name
    assert lines(into) == (LINES if contract == "evolve" else [])
    beside = [column for column in column_types(into) if column.endswith("__json")]
    if contract == "evolve":
        for id, name in EACH.items():
            if DRIFTS[name].variant is not None:
                kept = into.query(f"SELECT id, {name}__json::VARCHAR FROM src.t WHERE {name}__json IS NOT NULL")
                assert kept == [(id, DRIFTS[name].variant)]
    else:
        assert beside == []
        only = "bool_and(starts_with(reason, 'only the value'))"
        said = f"SELECT column_name, {only} FROM headwater.rejected_rows GROUP BY 1"
        wanted = {EACH[id]: contract == "discard_value" for id in set_aside}
        assert dict(into.query(said)) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["any", "exact"])
def test_a_frozen_table_refuses_each_of_them(into: Loader, way: str) -> None:
    """The error names the column; nothing is committed."""
    for name, drift in DRIFTS.items():
        stage = into.stage(DRIFTING, way=way, contract="freeze")
        if drift.fits:
            stage.add(as_page([record(1, name)]))
            continue
        with pytest.raises(SchemaFrozen, match=f"a value does not fit the column `{name}`"):
            stage.add(as_page([record(0), record(1, name)]))


@pytest.mark.parametrize("how", ["merge", "replace", "append", "first"])
def test_all_drifts_at_once_in_every_write_mode(into: Loader, how: str) -> None:
    """Many columns change in one commit, of a table that is new or not; then they stay as they are."""
    if how != "first":
        into.load(DRIFTING, [record(1)], contract="evolve")
    mode = "append" if how == "append" else "overwrite-delete-stale"
    records = [record(1), record(2, *DRIFTS)]
    counts = [
        len(into.load(DRIFTING, records, whole=how != "merge", write_mode=mode, contract="evolve").loaded.changes)
        for _ in range(2)
    ]
    assert counts == [len(LINES), 0]
    assert lines(into) == LINES
    for name, drift in DRIFTS.items():
        variant = f"{name}__json::VARCHAR" if drift.variant else "NULL"
        kept = into.query(f"SELECT DISTINCT {name}, {variant} FROM src.t WHERE id = 2")
        assert kept == [(drift.value, drift.variant)]
    assert into.query("SELECT count(*) FROM src.t") == [(5 if how == "append" else 2,)]


def widened(before: str, after: str) -> Line:
    return (V, "widened", before, after)


V = "v"


@dataclass(frozen=True)
class Redeclared:
    """A column that is declared anew; `lines` and `kept` (id → all columns but the id) are those of `evolve`."""

    before: Column
    value: Any
    after: Column | None
    new_value: Any
    lines: list[Line]
    kept: dict[int, dict[str, Any]]
    refused: bool = True  # by the other contracts


DECLARATIONS = {
    "new": Redeclared(
        Column("u", t.TEXT),
        "a",
        Column(V, t.DECIMAL(38, 9)),
        1.5,
        [(V, "added", "", "DECIMAL(38,9)"), ("u", "removed", "VARCHAR", "")],
        {1: {"u": "a", V: None}, 2: {"u": None, V: Decimal("1.5")}},
    ),
    "removed": Redeclared(
        Column(V, t.TEXT), "a", None, None, [(V, "removed", "VARCHAR", "")], {1: {V: "a"}, 2: {V: None}}, False
    ),
    "wider-integer": Redeclared(
        Column(V, t.INTEGER), 7, Column(V, t.BIGINT), 2**62, [widened("INTEGER", "BIGINT")], {1: {V: 7}, 2: {V: 2**62}}
    ),
    "wider-unsigned": Redeclared(
        Column(V, t.UINTEGER),
        2**32 - 1,
        Column(V, t.BIGINT),
        -1,
        [widened("UINTEGER", "BIGINT")],
        {1: {V: 2**32 - 1}, 2: {V: -1}},
    ),
    "narrower-integer": Redeclared(
        Column(V, t.BIGINT), 2**62, Column(V, t.INTEGER), 7, [], {1: {V: 2**62}, 2: {V: 7}}, False
    ),
    "wider-float": Redeclared(
        Column(V, t.FLOAT), 0.5, Column(V, t.DOUBLE), 0.1, [widened("FLOAT", "DOUBLE")], {1: {V: 0.5}, 2: {V: 0.1}}
    ),
    "text-to-integer": Redeclared(
        Column(V, t.TEXT),
        "007",
        Column(V, t.BIGINT),
        7,
        [("v__bigint", "variant", "VARCHAR", "BIGINT")],
        {1: {V: "007", "v__bigint": None}, 2: {V: None, "v__bigint": 7}},
    ),
    "integer-to-text": Redeclared(
        Column(V, t.BIGINT),
        7,
        Column(V, t.TEXT),
        "007",
        [("v__varchar", "variant", "BIGINT", "VARCHAR")],
        {1: {V: 7, "v__varchar": None}, 2: {V: None, "v__varchar": "007"}},
    ),
    "unsigned-to-signed": Redeclared(
        Column(V, t.UBIGINT),
        2**64 - 1,
        Column(V, t.BIGINT),
        -1,
        [("v__bigint", "variant", "UBIGINT", "BIGINT")],
        {1: {V: 2**64 - 1, "v__bigint": None}, 2: {V: None, "v__bigint": -1}},
    ),
    "scalar-to-list": Redeclared(
        Column(V, t.TEXT),
        "a",
        Column(V, t.LIST(t.TEXT)),
        ["a"],
        [("v__varchar", "variant", "VARCHAR", "VARCHAR[]")],
        {1: {V: "a", "v__varchar": None}, 2: {V: None, "v__varchar": ["a"]}},
    ),
}


def all_columns(into: Loader) -> dict[int, dict[str, Any]]:
    with into.warehouse.session() as session:
        header, rows = session.query(f"SELECT * EXCLUDE ({', '.join(INTERNAL_COLUMNS)}) FROM src.t ORDER BY id")
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


DISCARDED = ("new", "removed", "wider-integer", "text-to-integer")  # the others are as with freeze


@pytest.mark.parametrize(
    ("name", "contract"),
    [
        (name, contract)
        for name in DECLARATIONS
        for contract in CONTRACTS
        if name in DISCARDED or not contract.startswith("discard")
    ],
)
def test_a_column_that_is_declared_anew(into: Loader, name: str, contract: Contract) -> None:
    """Added, widened, put beside, or kept and null; other contracts than evolve leave the table as it is."""
    case = DECLARATIONS[name]
    after = [ID, case.after] if case.after else [ID]
    into.load([ID, case.before], [{"id": 1, case.before.name: case.value}], contract=contract)
    types = column_types(into)

    def load() -> Loaded:
        """Not through into.load, which selects every declared column."""
        stage = into.stage(after, contract=contract)
        stage.add(as_page([{"id": 2, V: case.new_value}]))
        with into.warehouse.session() as session:
            how = How(write_mode="overwrite")
            return session.commit(stage, Stamp(SOURCE, SYNC_TIME, False), sync_record("t"), how)[0]

    if name == "new" and contract.startswith("discard"):
        assert load().notes[0] == f"column `v` is not in the warehouse, and not added: the contract is {contract}"
        assert (column_types(into), into.query("SELECT id, u FROM src.t ORDER BY id")) == (types, [(1, "a"), (2, None)])
        return
    if contract != "evolve" and case.refused:
        with pytest.raises(SchemaFrozen, match="column `v`"):
            load()
        assert (column_types(into), lines(into)) == (types, [])
        return
    assert [(c.column, c.what, c.before, c.after) for c in load().changes] == case.lines
    assert lines(into) == sorted(case.lines)
    assert all_columns(into) == case.kept
    assert load().changes == []
    assert lines(into) == sorted(case.lines)
    assert all_columns(into) == case.kept


@pytest.mark.parametrize("name", [name for name, case in DECLARATIONS.items() if "variant" in str(case.lines)])
def test_forced_migration_replaces_a_column(into: Loader, name: str) -> None:
    """`migrate_mode: forced` takes the new type at the price of the old values, and keeps the description."""
    case = DECLARATIONS[name]
    assert case.after is not None
    described = Column(V, case.after.type, description="what it is")
    into.load([ID, case.before], [{"id": 1, V: case.value}], contract="evolve")
    for _ in range(2):
        into.load([ID, described], [{"id": 2, V: case.new_value}], whole=False, contract="evolve", forced=True)
        assert all_columns(into) == {1: {V: None}, 2: {V: case.new_value}}
    assert lines(into) == [(V, "replaced", case.lines[0][2], case.lines[0][3])]
    comments = into.query("SELECT comment FROM duckdb_columns() WHERE column_name = 'v' AND table_name = 't'")
    assert comments == [("what it is",)]


class TestEvolving:
    def test_a_declaration_that_comes_and_goes(self, into: Loader) -> None:
        """Each time it is said once: gone, and there again with the values that it had."""
        for columns in ([ID, Column("v", t.TEXT)], [ID], [ID], [ID, Column("v", t.TEXT)], [ID]):
            into.load(columns, [{"id": len(columns), "v": "x"}], whole=False, contract="evolve")
        what = into.query("SELECT change FROM headwater.schema_changes ORDER BY changed_at")
        assert what == [("removed",), ("declared again",), ("removed",)]

    def test_a_column_beside_another_is_widened_like_others(self, into: Loader) -> None:
        """Numbers beyond the new type do not scatter over one column for each size."""
        into.load([ID, Column("v", t.TEXT)], [{"id": 1, "v": "x"}], contract="evolve")
        for id, value in enumerate((5, 3_000_000_000, 6), start=2):
            into.load([ID, Column("v", t.INTEGER)], [{"id": id, "v": value}], whole=False, contract="evolve")
        assert column_types(into) == {"id": "BIGINT", "v": "VARCHAR", "v__integer": "BIGINT"}
        assert into.query("SELECT v__integer FROM src.t ORDER BY id") == [(None,), (5,), (3_000_000_000,), (6,)]

    def test_types_of_one_name_do_not_share_a_column(self, into: Loader) -> None:
        """`VARCHAR` and `VARCHAR[]` are spelled alike in a column's name: a list must not become its text."""
        into.load([ID, Column("v", t.BIGINT)], [{"id": 1, "v": 1}], contract="evolve")
        into.load([ID, Column("v", t.TEXT)], [{"id": 2, "v": "a"}], whole=False, contract="evolve")
        into.load([ID, Column("v", t.LIST(t.TEXT))], [{"id": 3, "v": ["a"]}], whole=False, contract="evolve")
        assert into.query("SELECT v__varchar, v__varchar_2 FROM src.t ORDER BY id")[1:] == [("a", None), (None, ["a"])]

    def test_an_authors_own_column_of_that_name_is_left_alone(self, into: Loader) -> None:
        """`v__json` and `v__bigint` may be declared; what does not fit `v` goes elsewhere."""
        columns = [ID, Column("v", t.TEXT), Column("v__json", t.TEXT), Column("v__bigint", t.TEXT)]
        into.load(columns, [{"id": 1, "v": "x", "v__json": "mine", "v__bigint": "too"}], contract="evolve")
        columns[1] = Column("v", t.BIGINT)
        into.load(columns, [{"id": 2, "v": 5}, {"id": 3, "v": "x", "v__json": "m"}], whole=False, contract="evolve")
        assert into.query("SELECT v__json, v__bigint, v__bigint_2, v__json_ FROM src.t ORDER BY id") == [
            ("mine", "too", None, None),
            (None, None, 5, None),
            ("m", None, None, '"x"'),
        ]

    def test_a_key_is_widened(self, into: Loader) -> None:
        """A record whose key is beyond its type is a row like others; one without a key is none."""
        keyed = [Column("id", t.INTEGER, primary_key=True), Column("v", t.TEXT)]
        into.load(keyed, [{"id": 1, "v": "a"}], contract="evolve")
        for v in ("b", "c"):
            records = [{"id": 3_000_000_000, "v": v}, {"id": "x", "v": v}]
            result = into.load(keyed, records, whole=False, contract="evolve")
            assert result.rows == [(1, "a"), (3_000_000_000, v)]
            assert result.reasons == [("id", "not a number")]
        assert lines(into) == [("id", "widened", "INTEGER", "BIGINT")]

    def test_a_key_of_another_type_is_refused(self, into: Loader) -> None:
        """Also when it is forced: its rows could not be told apart any more."""
        into.load([ID], [{"id": 1}], contract="evolve")
        with pytest.raises(WarehouseError, match="and is a key"):
            into.load([Column("id", t.TEXT, primary_key=True)], [{"id": "x"}], contract="evolve", forced=True)

    @pytest.mark.parametrize("contract", ["discard_row", "discard_value"])
    def test_a_key_that_is_new_cannot_be_discarded(self, into: Loader, contract: Contract) -> None:
        """It is said that the contract stands against it, not that SQL does not know the column."""
        into.load([ID], [{"id": 1}], contract=contract)
        with pytest.raises(SchemaFrozen, match=r"column `w` .* is new"):
            into.load([ID, Column("w", t.TEXT, primary_key=True)], [{"id": 2, "w": "a"}], contract=contract)

    def test_a_row_that_fits_again_leaves_nothing_beside(self, into: Loader) -> None:
        """A merged row has its value in one place only."""
        columns = [ID, Column("v", t.BIGINT)]
        for value in ("x", 5):
            into.load(columns, [{"id": 1, "v": value}], whole=False, contract="evolve")
        assert into.query("SELECT v, v__json FROM src.t") == [(5, None)]

    def test_a_repair_keeps_what_was_widened(self, into: Loader) -> None:
        """A value that only DuckDB refuses has all lines read anew: wide numbers and variants must pass."""
        columns = [ID, Column("n", t.INTEGER), Column("u", t.UTINYINT), Column("span", t.INTERVAL)]
        records = [
            {"id": 1, "n": 3_000_000_000, "u": 2**70},
            {"id": 2, "n": "x", "u": -5},
            {"id": 3, "span": "soon"},
            {"id": 4, "n": 1, "span": "1 day"},
        ]
        for way in ("any", "exact"):
            result = into.load(columns, records, contract="evolve", way=way)
            assert [row[:3] for row in result.rows] == [(1, 3_000_000_000, 2**70), (2, None, -5), (4, 1, None)]
            assert [column for column, _ in result.reasons] == ["span"]
            assert into.query("SELECT id FROM src.t WHERE n__json = '\"x\"'") == [(2,)]

    def test_duplicates_of_a_key_over_both_kinds_of_files(self, into: Loader) -> None:
        """The last record of a key wins, whether it fits, is wide, or is of another type."""
        columns = [ID, Column("v", t.INTEGER)]
        values = [1, 3_000_000_000, "x", 2, 1.5, 4_000_000_000, 7, "y", 3]
        records = [{"id": n % 3, "v": value} for n, value in enumerate(values)]
        result = into.load(columns, records, page_records=2, contract="evolve")
        assert result.rows == [(0, 7), (1, None), (2, 3)]
        assert into.query("SELECT id, v__json FROM src.t WHERE v__json IS NOT NULL") == [(1, '"y"')]


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("way", ["pre", "column", "post"])
def test_values_of_hooks_follow_the_contract(into: Loader, contract: Contract, way: str) -> None:
    """What a resolver class sets is treated as what a record has: also in a column that is not the record's."""

    class Sets(Hooked):
        def pre_resource_resolve(self, client: Any, resource: Row) -> None:
            if way == "pre":
                resource.set("v", resource.item["w"])

        def resolve_column(self, client: Any, resource: Row, column_name: str) -> None:
            if way == "column" and column_name == "v":
                resource.set("v", resource.item["w"])

        def post_resource_resolve(self, client: Any, resource: Row) -> None:
            if way == "post":
                resource.set("v", resource.item["w"])

    columns = [ID, Column("v", t.INTEGER)]
    records = [{"id": 1, "w": 5}, {"id": 2, "w": 3_000_000_000}, {"id": 3, "w": {"a": 1}}]

    def load() -> Any:
        return into.load(columns, records, contract=contract, resolver=Sets())

    if contract == "freeze":
        with pytest.raises(SchemaFrozen):
            load()
        return
    wanted = {"evolve": [(1, 5), (2, 3_000_000_000), (3, None)], "discard_row": [(1, 5)]}
    assert load().rows == wanted.get(contract, [(1, 5), (2, None), (3, None)])
    if contract == "evolve":
        assert into.query("SELECT v__json::VARCHAR FROM src.t WHERE id = 3") == [('{"a":1}',)]


@pytest.mark.slow
@pytest.mark.timeout(600)  # 15 s of CPU, beside others
def test_two_thousand_columns_drift_together(into: Loader) -> None:
    """As many are added in one commit, some wider than declared, some with one beside; then nothing changes."""
    wide = [ID] + [Column(f"c{n}", t.INTEGER) for n in range(2_000)]
    into.load([ID], [{"id": 1}], contract="evolve")
    drifted = {f"c{n}": f"x{n}" if n % 100 == 0 else 3_000_000_000 + n if n % 100 == 1 else n for n in range(2_000)}
    for again in (False, True):
        result = into.load(wide, [{**drifted, "id": 2}], whole=False, contract="evolve")
        assert len(result.loaded.changes) == (0 if again else 2_020)
    changes = into.query("SELECT change, to_type, count(*) FROM headwater.schema_changes GROUP BY ALL ORDER BY ALL")
    assert changes == [("added", "BIGINT", 20), ("added", "INTEGER", 1_980), ("variant", "JSON", 20)]
    assert into.query("SELECT c1999, c1901, c1900, c1900__json FROM src.t WHERE id = 2") == [
        (1_999, 3_000_001_901, None, '"x1900"')
    ]


class TestInASync:
    @pytest.fixture
    def syncer(self, tmp_path: Path) -> Syncer:
        return Syncer(tmp_path / "synced.duckdb")

    def test_every_change_is_among_the_notes(self, syncer: Syncer) -> None:
        """Of the record, which are the asset's metadata; and a preview shows the values."""
        syncer.sync(Table("t", [ID, Column("v", t.INTEGER), Column("old", t.TEXT)], gives({"id": 1, "v": 1})))
        columns = [ID, Column("v", t.INTEGER), Column("w", t.TEXT, masked=True)]
        drifted = Table("t", columns, gives({"id": 1, "v": 3_000_000_000, "w": "x"}, {"id": 2, "v": "x"}))
        outcome = syncer.sync(drifted)["t"]
        assert outcome.record.notes == [
            "column `v` widened (INTEGER → BIGINT)",
            "column `w` added (VARCHAR)",
            "column `v__json` added (JSON), for values that do not fit INTEGER",
            f"column `old` {GONE.format('VARCHAR')}",
            "1 values of `v` do not fit INTEGER: they are in `v__json`",
        ]
        assert sorted(outcome.preview or []) == [["1", "3000000000", "***"], ["2", None, None]]
        found = syncer.query("SELECT run_id, source, table_name, count(*) FROM headwater.schema_changes GROUP BY ALL")
        assert found == [("run-2", "src", "t", 4)]
        assert syncer.sync(drifted)["t"].record.notes == ["1 values of `v` do not fit INTEGER: they are in `v__json`"]

    def test_a_user_may_set_another_contract(self, syncer: Syncer) -> None:
        """`table_options` comes before the declaration."""
        table = Table("t", [ID, Column("v", t.BIGINT)], gives({"id": 1, "v": "x"}), contract="evolve")
        outcome = syncer.sync(table, options={"t": TableOptions(contract="freeze")})["t"]
        assert isinstance(outcome.error, SchemaFrozen)
        outcome = syncer.sync(table, options={"t": TableOptions(contract="discard_value")})["t"]
        assert outcome.record.notes == ["1 values were discarded: see headwater.rejected_rows"]
        assert syncer.rows("t", "id, v") == [(1, None)]

    def test_a_relation_reads_a_widened_column_to_the_digit(self, syncer: Syncer) -> None:
        """A number of 128 bits goes through the parents' file, the resolver, and the relation's own columns."""
        big = 2**100 + 1
        seen: list[Any] = []

        def children(client: Any, above: Any, window: Any) -> Iterator[Any]:
            seen.append((above["id"], above["n"]))
            yield {"id": 1, "copy": above["n"]}

        columns = [
            Column("parent_id", t.INTEGER, parent("id"), primary_key=True),
            Column("n", t.BIGINT, parent("n")),
            Column("copy", t.BIGINT),
            ID,
        ]
        keys = [Column("id", t.INTEGER, primary_key=True), Column("n", t.BIGINT)]
        low = Table("low", columns, children)
        for n, values in enumerate(([(1, 5)], [(1, 5), (3_000_000_000, big)], [(1, 5), (3_000_000_000, big)])):
            seen.clear()
            top = Table("top", keys, gives(*({"id": id, "n": value} for id, value in values)), relations=[low])
            outcomes = syncer.sync(top)
            assert [outcome.error for outcome in outcomes.values()] == [None, None]
            assert sorted(seen) == values
            assert syncer.rows("low", "parent_id, n, copy") == [(id, value, value) for id, value in values]
            assert bool(outcomes["low"].record.notes) == (n == 1)

    def test_a_frozen_table_keeps_what_it_has(self, syncer: Syncer) -> None:
        """Its error says which column and what to do; the next sync that fits goes on."""
        table = Table("t", [ID, Column("v", t.BIGINT)], gives({"id": 1, "v": 1}), contract="freeze")
        syncer.sync(table)
        for columns, value in (([ID, Column("v", t.BIGINT)], "x"), ([*table.columns, Column("w", t.TEXT)], 2)):
            outcome = syncer.sync(Table("t", columns, gives({"id": 1, "v": value}), contract="freeze"))["t"]
            assert isinstance(outcome.error, SchemaFrozen)
            assert "contract" in str(outcome.error)
            assert (outcome.record.outcome, outcome.record.rows) == ("failed", 0)
        assert syncer.rows("t", "id, v") == [(1, 1)]
        assert syncer.sync(table)["t"].record.outcome == "done"
