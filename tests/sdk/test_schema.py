"""What an author declares, and that each mistake in it is told when the code loads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.sdk import (
    BIGINT,
    DECIMAL,
    JSON,
    LIST,
    MAP,
    STRUCT,
    TEXT,
    Column,
    Integration,
    Table,
    TableResolver,
    constant,
    parent,
    path,
)
from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import NAME, check_name, first_repeated, nearest, slug
from integrations.sdk.schema import Computed, Constant, ParentColumn, Path, flatten


def nothing(client: Any, parent: Any, window: Any) -> Any:
    """Yield nothing."""
    return iter(())


def table(name: str, *relations: Table, columns: Any = None, **options: Any) -> Table:
    return Table(name, columns or [Column("id", BIGINT, primary_key=True)], nothing, relations=relations, **options)


def test_a_column_takes_the_field_of_its_name() -> None:
    """Or a path, a parent's column, a constant, or what a function makes of the record."""
    assert Column("id", BIGINT).origin == Path(("id",))
    assert Column("login", TEXT, path("user.login")).origin == Path(("user", "login"))
    assert Column("login", TEXT, path("user", "log.in")).origin == Path(("user", "log.in"))
    assert Column("form_id", TEXT, parent("id")).origin == ParentColumn("id")
    assert Column("kind", TEXT, constant("x")).origin == Constant("x")
    assert isinstance(Column("n", BIGINT, lambda record: len(record)).origin, Computed)
    assert isinstance(Column("n", TEXT, str).origin, Computed)


@pytest.mark.parametrize(
    ("flags", "required"),
    [({}, False), ({"primary_key": True}, True), ({"not_null": True}, True), ({"unique": True}, False)],
)
def test_primary_keys_are_required(flags: dict[str, bool], required: bool) -> None:
    """And so is what is declared so."""
    assert Column("id", BIGINT, **flags).required is required  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["", "Id", "2nd", "a-b", "a b", "a.b", 'a"; drop table x; --', "id\n", "ü", "_cq_id", "_cq_x", 5, None]
)
def test_names_are_lower_case_letters_digits_and_underscores(name: Any) -> None:
    """For columns and tables alike (CloudQuery's rule); the error offers a name that is right."""
    with pytest.raises(DeclarationError, match="column") as caught:
        Column(name, TEXT)
    assert caught.value.hint
    with pytest.raises(DeclarationError, match="table"):
        Table(name, [Column("id", TEXT)], nothing)


@given(st.text())
def test_the_name_that_is_offered_is_right(text: str) -> None:
    """Whatever the wrong one was."""
    offered = slug(text)
    assert NAME.match(offered)
    check_name("column", offered if not offered.startswith("_cq_") else "x")


@pytest.mark.parametrize("wrong", ["TEXT", "BIGINT", str, None, 5, DECIMAL, LIST])
def test_a_type_is_one_of_ours(wrong: Any) -> None:
    """Not SQL, nor Python's, nor a type function without its arguments."""
    with pytest.raises(DeclarationError, match="not a column type"):
        Column("a", wrong)
    for outer in (LIST, MAP, lambda inner: STRUCT(field=inner)):
        with pytest.raises(DeclarationError, match="not a column type"):
            outer(wrong)


@pytest.mark.parametrize(("digits", "scale"), [(0, 0), (39, 0), (5, 6), (5, -1)])
def test_a_decimal_has_a_size_that_exists(digits: int, scale: int) -> None:
    """DuckDB's: 1 to 38 digits."""
    with pytest.raises(DeclarationError, match="DECIMAL"):
        DECIMAL(digits, scale)


def test_struct_fields_differ_and_are_quoted() -> None:
    """Names that differ only in case are one to DuckDB; quotes in a name stay in the name."""
    with pytest.raises(DeclarationError, match="differ"):
        STRUCT(a=TEXT, A=TEXT)
    with pytest.raises(DeclarationError, match="needs fields"):
        STRUCT()
    assert STRUCT(**{'a" VARCHAR); --': TEXT}).sql == 'STRUCT("a"" VARCHAR); --" VARCHAR)'


def test_leaves_are_the_simple_types_inside() -> None:
    """Of lists, maps and structs, at any depth."""
    assert LIST(STRUCT(a=TEXT, b=MAP(LIST(BIGINT)))).leaves() == [TEXT, BIGINT]
    assert JSON.leaves() == [JSON]


@pytest.mark.parametrize("wrong", ["user.login", 5, {"a": 1}, ("a",)])
def test_an_origin_is_one_of_four(wrong: Any) -> None:
    """A text where path(…) was meant is told, with the way to write it."""
    with pytest.raises(DeclarationError, match="not an origin") as caught:
        Column("a", TEXT, wrong)
    assert 'path("a.b")' in caught.value.hint


@pytest.mark.parametrize("function", [lambda: 1, lambda record, other: 1])
def test_a_columns_function_takes_the_record(function: Any) -> None:
    """One argument; told when the code loads."""
    with pytest.raises(DeclarationError, match="record"):
        Column("a", TEXT, function)


@pytest.mark.parametrize("keys", [(), ("",), ("a..b",), (".a",), ("a", "")])
def test_a_path_leads_somewhere(keys: tuple[str, ...]) -> None:
    """No empty steps."""
    with pytest.raises(DeclarationError, match="nowhere"):
        path(*keys)


def test_a_table_has_columns_of_different_names() -> None:
    """At least one, and each of them a Column."""
    with pytest.raises(DeclarationError, match="no columns"):
        Table("t", [], nothing)
    with pytest.raises(DeclarationError, match="two columns called `a`"):
        Table("t", [Column("a", TEXT), Column("b", TEXT), Column("a", BIGINT)], nothing)
    with pytest.raises(DeclarationError, match="not a Column"):
        Table("t", ["a"], nothing)  # type: ignore[list-item]


@pytest.mark.parametrize(
    "resolver", [lambda client: 1, lambda client, parent: 1, lambda a, b, c, d: 1, lambda *, client, parent, window: 1]
)
def test_a_resolver_takes_client_parent_and_window(resolver: Any) -> None:
    """Its arity is checked when the code loads."""
    with pytest.raises(DeclarationError, match=r"\(client, parent, window\)"):
        Table("t", [Column("a", TEXT)], resolver)


@pytest.mark.parametrize("resolver", [None, "list_things", 5, {}, dict])
def test_a_resolver_can_be_called(resolver: Any) -> None:
    """A name is not a function."""
    with pytest.raises(DeclarationError, match="resolver"):
        Table("t", [Column("a", TEXT)], resolver)


class Things(TableResolver):
    """The things there are."""

    def resolve(self, client: Any, parent_resource: Any) -> Any:
        yield {"id": 1}


def test_a_resolver_may_be_an_instance_or_its_class() -> None:
    """The class is instantiated; its docstring describes the table."""
    for resolver in (Things, Things()):
        made = Table("t", [Column("a", TEXT)], resolver)
        assert isinstance(made.resolver, Things)
        assert made.description == "The things there are."
    assert Table("t", [Column("a", TEXT)], nothing).description == "Yield nothing."
    assert Table("t", [Column("a", TEXT)], lambda a, b, c: 1).description == ""


def test_a_resolver_class_has_to_resolve_and_to_be_makeable() -> None:
    """Both told when the code loads, not at the first row."""

    class Empty(TableResolver):
        pass

    class Needy(TableResolver):
        def __init__(self, url: str) -> None:
            self.url = url

        def resolve(self, client: Any, parent_resource: Any) -> Any:
            yield {}

    with pytest.raises(DeclarationError, match="does not implement resolve"):
        Table("t", [Column("a", TEXT)], Empty)
    with pytest.raises(DeclarationError, match="Needy cannot be made"):
        Table("t", [Column("a", TEXT)], Needy)


@pytest.mark.parametrize("wrong", ["child", 5, Column("a", TEXT), [table("x")]])
def test_relations_are_tables(wrong: Any) -> None:
    """Not their names."""
    with pytest.raises(DeclarationError, match="not a Table"):
        table("t", wrong)


@pytest.mark.parametrize("wrong", ["by_account", 5, [1], lambda: None, lambda a, b: []])
def test_a_multiplexer_is_a_function_of_the_client(wrong: Any) -> None:
    """Told when the code loads."""
    with pytest.raises(DeclarationError, match="multiplex"):
        table("t", multiplex=wrong)


def test_only_top_level_tables_multiplex() -> None:
    """A relation is read with the client that read its parent's row."""
    with pytest.raises(DeclarationError, match="only top-level tables multiplex"):
        flatten([table("p", table("c", multiplex=lambda client: [client]))])


def test_two_tables_of_one_name_are_a_mistake() -> None:
    """Side by side, or one below another, or one table below two."""
    shared = table("s")
    for tables in (
        [table("a"), table("a")],
        [table("a", table("b")), table("b")],
        [table("a", table("a"))],
        [table("a", shared), table("b", shared)],
    ):
        with pytest.raises(DeclarationError, match="two tables are called"):
            flatten(tables)


def test_a_parents_column_has_to_exist() -> None:
    """The error names the nearest that does."""
    columns = [Column("form", TEXT, parent("form_idd"))]
    with pytest.raises(DeclarationError, match="`p` has no column `form_idd`") as caught:
        flatten([table("p", table("c", columns=columns), columns=[Column("form_id", TEXT), Column("x", TEXT)])])
    assert caught.value.hint == "did you mean `form_id`?"
    with pytest.raises(DeclarationError, match="has no column `nope`"):
        flatten([table("p", table("c", parent_columns=["nope"]))])


def test_a_grandparents_column_is_not_the_parents() -> None:
    """A value travels one level at a time."""
    grandchild = table("c", columns=[Column("x", TEXT, parent("only_above"))])
    with pytest.raises(DeclarationError, match="its parent `b`"):
        flatten([table("a", table("b", grandchild), columns=[Column("only_above", TEXT)])])


@pytest.mark.parametrize("options", [{"columns": [Column("x", TEXT, parent("id"))]}, {"parent_columns": ["id"]}])
def test_a_top_level_table_has_no_parent(options: dict[str, Any]) -> None:
    """Nothing can be taken from it."""
    with pytest.raises(DeclarationError, match="has none") as caught:
        flatten([table("t", **options)])
    assert "relations" in caught.value.hint


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_of_relations_is_a_mistake(length: int) -> None:
    """Frozen tables can be forced into one all the same; it does not hang."""
    last = table("t0")
    top = last
    for n in range(1, length):
        top = table(f"t{n}", top)
    object.__setattr__(last, "relations", (top,))
    with pytest.raises(DeclarationError, match="its own descendant"):
        flatten([top])


def test_relations_go_five_levels_deep() -> None:
    """Parents come before children, and each node knows its ancestors, nearest first."""
    deepest = table("t5", columns=[Column("up", BIGINT, parent("id"))])
    top = deepest
    for n in range(4, -1, -1):
        top = table(f"t{n}", top)
    nodes = flatten([top, table("z")])
    assert [node.name for node in nodes] == ["t0", "t1", "t2", "t3", "t4", "t5", "z"]
    assert [node.name for node in nodes[5].ancestors()] == ["t4", "t3", "t2", "t1", "t0"]
    assert nodes[6].ancestors() == []


def test_declarations_are_frozen() -> None:
    """What was checked stays as it was."""
    made, column = table("t"), Column("a", TEXT)
    for thing, name in ((made, "name"), (column, "type")):
        with pytest.raises(AttributeError):
            setattr(thing, name, "x")


def test_primary_keys_and_types_in_order() -> None:
    """As they were declared."""
    made = table(
        "t", columns=[Column("b", TEXT, primary_key=True), Column("x", JSON), Column("a", BIGINT, primary_key=True)]
    )
    assert made.primary_keys == ["b", "a"]
    assert made.column("x") is made.columns[1]
    assert made.column("y") is None


def test_clients_come_from_the_table_or_its_resolver() -> None:
    """The table's multiplexer first; the one client when there is none."""

    class Regional(Things):
        def multiplex(self, client: Any) -> list[str]:
            return [f"{client}-eu", f"{client}-us"]

    columns = [Column("id", BIGINT)]
    assert Table("t", columns, nothing).clients("c") == ["c"]
    assert Table("t", columns, Regional).clients("c") == ["c-eu", "c-us"]
    assert Table("t", columns, Regional, multiplex=lambda client: [1]).clients("c") == [1]


def test_an_integration_checks_all_its_tables() -> None:
    """`nodes` is what the configuration and the engine ask."""

    class Good(Integration):
        tables = [table("a", table("b"))]

    class Bad(Integration):
        tables = [table("a"), table("a")]

    class Found(Integration):
        @classmethod
        def tables_from(cls, spec: Any, snapshot: Any) -> Any:
            return [table(name) for name in snapshot["names"]]

    assert [node.name for node in Good.nodes()] == ["a", "b"]
    with pytest.raises(DeclarationError):
        Bad.nodes()
    assert [node.name for node in Found.nodes(None, {"names": ["x", "y"]})] == ["x", "y"]
    assert (Good.discovers(), Found.discovers(), Good.extracts()) == (False, True, False)
    with pytest.raises(DeclarationError, match="no connect"):
        Good(credentials={}).connect(None)


def test_nearest_names() -> None:
    """One that is near, else all, else that there are none."""
    assert nearest("form", ["forms", "x"]) == "did you mean `forms`?"
    assert nearest("zzz", ["a", "b"]) == "there are: a, b"
    assert nearest("zzz", []) == "there are none"
    assert nearest("zzz", [f"n{i}" for i in range(30)]).endswith(" …")
    assert first_repeated(["a", "b", "a"]) == "a"
    assert first_repeated(["a", "b"]) is None
