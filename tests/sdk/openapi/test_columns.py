"""What a column is: from a schema of any version, and from what an author says otherwise."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.sdk import BIGINT, DECIMAL, JSON, TEXT
from integrations.sdk.errors import DeclarationError
from integrations.sdk.openapi import DROP, Document, Override, openapi_table
from integrations.sdk.openapi.columns import primary_key_of
from integrations.sdk.openapi.samples import Sampler
from integrations.sdk.schema import Path
from tests.sdk.openapi.documents import VERSIONS, columns, document, listing, of, ref

TIMED = "TIMESTAMP WITH TIME ZONE"
TYPES = [
    ({"type": "boolean"}, "BOOLEAN"),
    ({"type": "integer"}, "BIGINT"),
    ({"type": "integer", "format": "int32"}, "INTEGER"),
    ({"type": "integer", "format": "int64"}, "BIGINT"),
    ({"type": "integer", "format": "uint64"}, "UBIGINT"),
    ({"type": "number"}, "DOUBLE"),
    ({"type": "number", "format": "float"}, "DOUBLE"),
    ({"type": "number", "format": "decimal"}, "DOUBLE"),
    ({"type": "string"}, "VARCHAR"),
    ({"type": "string", "format": "date-time"}, TIMED),
    ({"type": "string", "format": "date"}, "DATE"),
    ({"type": "string", "format": "time"}, "VARCHAR"),
    ({"type": "string", "format": "duration"}, "INTERVAL"),
    ({"type": "string", "format": "uuid"}, "UUID"),
    ({"type": "string", "format": "byte"}, "BLOB"),
    ({"type": "string", "format": "binary"}, "VARCHAR"),
    ({"type": "string", "format": "int64"}, "BIGINT"),
    ({"type": "string", "format": "something-new"}, "VARCHAR"),
    ({"type": "string", "enum": ["a", "b"]}, "VARCHAR"),
    ({"enum": ["a", "b"]}, "VARCHAR"),
    ({"enum": [1, 2]}, "BIGINT"),
    ({"enum": [1, 1.5]}, "DOUBLE"),
    ({"type": "array", "items": {"type": "string"}}, "VARCHAR[]"),
    ({"type": "array", "items": {"type": "integer", "format": "int32"}}, "INTEGER[]"),
    ({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}, "DOUBLE[][]"),
    ({"type": "array", "items": {"type": "object"}}, "JSON"),
    ({"type": "array"}, "JSON"),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, "JSON"),
    ({"type": "object", "additionalProperties": {"type": "string"}}, "JSON"),
    ({"type": "object"}, "JSON"),
    ({}, "JSON"),
    ({"type": "string", "description": "When it was made, in RFC 3339 format."}, TIMED),
    ({"type": "string", "description": "How long, as an RFC 3339 duration."}, "VARCHAR"),
]
SINCE_3_0 = [
    ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "JSON"),
    ({"anyOf": [{"type": "string"}, {"type": "object"}]}, "JSON"),
    ({"oneOf": [{"type": "string", "enum": ["a"]}, {"type": "string"}]}, "VARCHAR"),
    ({"type": "integer", "nullable": True}, "BIGINT"),
]
SINCE_3_1 = [
    ({"type": ["string", "null"]}, "VARCHAR"),
    ({"type": ["null", "integer"]}, "BIGINT"),
    ({"type": ["string", "integer"]}, "JSON"),
    ({"type": ["integer", "number"]}, "DOUBLE"),
    ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, TIMED),
    ({"oneOf": [{"type": "null"}, {"type": "boolean"}]}, "BOOLEAN"),
    ({"const": "fixed"}, "VARCHAR"),
    ({"type": "string", "contentEncoding": "base64"}, "BLOB"),
    (True, "JSON"),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("schema", "type_"), TYPES, ids=str)
def test_a_schema_has_the_same_type_in_every_version(schema: Any, type_: str, version: str) -> None:
    """A number is a double, a format counts, and what the document leaves open is JSON."""
    assert columns(of(field=schema), version=version)["field"] == type_


@pytest.mark.parametrize(("schema", "type_"), SINCE_3_0 + SINCE_3_1, ids=str)
def test_what_newer_versions_say(schema: Any, type_: str) -> None:
    """Null beside a type changes nothing; several types are JSON, unless they are one."""
    assert columns(of(field=schema))["field"] == type_


@pytest.mark.parametrize("version", VERSIONS)
def test_parts_are_merged(version: str) -> None:
    """`allOf` adds its parts' properties, those of references and of their parts too; the nearest word counts."""
    schemas = {
        "Base": {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "integer"}}},
        "Timed": {"allOf": [ref("Base", version), {"properties": {"at": {"type": "string", "format": "date-time"}}}]},
    }
    record = {"allOf": [ref("Timed", version)], "properties": {"name": {"type": "string"}}}
    assert columns(record, schemas, version) == {"id": "BIGINT", "name": "VARCHAR", "at": TIMED}


@pytest.mark.parametrize("version", VERSIONS)
def test_documents_that_go_in_circles(version: str) -> None:
    """A record that holds records like itself, a list of lists of itself, and a part that is the whole, all end."""
    schemas = {
        "Node": {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "parent": ref("Node", version),
                "children": {"type": "array", "items": ref("Node", version)},
                "tree": ref("Tree", version),
            },
            "allOf": [ref("Node", version)],
        },
        "Tree": {"type": "array", "items": ref("Tree", version)},
    }
    found = columns(ref("Node", version), schemas, version)
    assert found == {"id": "VARCHAR", "parent": "JSON", "children": "JSON", "tree": "JSON"}
    sample = Sampler(Document(document({}, schemas, version=version))).record(ref("Node", version), 1)
    assert sample.keys() == found.keys()


def test_a_record_of_one_kind_or_another() -> None:
    """It has the columns of every kind; a field that differs from kind to kind is JSON."""
    schemas = {
        "Cat": of(kind={"type": "string"}, lives={"type": "integer"}, size={"type": "integer"}),
        "Dog": of(kind={"type": "string"}, breed={"type": "string"}, size={"type": "string"}),
    }
    found = columns({"oneOf": [ref("Cat"), ref("Dog")]}, schemas)
    assert found == {"id": "BIGINT", "kind": "VARCHAR", "lives": "BIGINT", "size": "JSON", "breed": "VARCHAR"}


def test_alternatives_that_2_0_has_no_word_for() -> None:
    """A list of items without a type is no list; a field without a name is no column."""
    text = {"type": "string"}
    user = {"items": [of(name=text), {"type": "null"}]}
    assert columns({"items": [of(age={"items": [{"type": "integer"}, {"type": "null"}]}), user]}, version="2.0") == {
        "id": "BIGINT",
        "age": "BIGINT",
        "name": "VARCHAR",
    }
    assert columns({"type": "object", "properties": {"": text, "id": text}}) == {"id": "VARCHAR"}


def test_names_of_fields_become_names_of_columns() -> None:
    """A column takes its value from the field, however that is written; two that would share a name do not."""
    record = of(**{name: {"type": "string"} for name in ("createdAt", "created_at", "HTTPStatus", "@type", "log.in")})
    table = openapi_table(document({"/things": listing(record)}), "/things")
    found = {column.name: column.origin for column in table.columns}
    assert found == {
        "id": Path(("id",)),
        "created_at": Path(("createdAt",)),
        "created_at_2": Path(("created_at",)),
        "http_status": Path(("HTTPStatus",)),
        "type": Path(("@type",)),
        "log_in": Path(("log.in",)),
    }


def test_descriptions_passwords_and_what_is_only_written() -> None:
    """The first sentence is the column's description, what stands beside a reference before its target's."""
    record = of(
        name={"type": "string", "description": "What *it* is called.\n\nAnd much more. And more."},
        owner={"$ref": "#/components/schemas/Person", "description": "Whose it is."},
        pin={"type": "string", "format": "password"},
        secret={"type": "string", "writeOnly": True},
    )
    table = openapi_table(document({"/things": listing(record)}, {"Person": {"description": "A person."}}), "/things")
    said = {column.name: (column.description, column.masked) for column in table.columns}
    assert said == {
        "id": ("", False),
        "name": ("What *it* is called.", False),
        "owner": ("Whose it is.", False),
        "pin": ("", True),
    }


def test_an_author_knows_better() -> None:
    """A type, a name, a description, a key, or no column at all; by the field's name or the column's."""
    record = of(unitPrice={"type": "number"}, note={"type": "string"}, raw={"$ref": "#/components/schemas/Missing"})
    spec = document({"/things": listing(record)})
    overrides = {
        "unitPrice": Override(name="price", type=DECIMAL(12, 2), description="In euros."),
        "note": DROP,
        "raw": JSON,
        "id": TEXT,
    }
    table = openapi_table(spec, "/things", columns=overrides, primary_key=["id", "price"])
    assert [(each.name, each.type.sql, each.primary_key) for each in table.columns] == [
        ("id", "VARCHAR", True),
        ("price", "DECIMAL(12,2)", True),
        ("raw", "JSON", False),
    ]
    assert table.column("price").description == "In euros."  # type: ignore[union-attr]
    with pytest.raises(DeclarationError, match="no field `unit_prize`") as raised:
        openapi_table(spec, "/things", columns={"raw": DROP, "unit_prize": BIGINT})
    assert "`unit_price`" in raised.value.hint
    with pytest.raises(DeclarationError, match="no column `ident`"):
        openapi_table(spec, "/things", columns={"raw": DROP}, primary_key=["ident"])


def test_records_that_are_inside_an_object() -> None:
    """As with JSON:API, Kubernetes and edges of a graph: the columns are those of the object that the record is in."""
    text = {"type": "string"}
    described = {"type": "object", "properties": {"uid": text, "name": text, "status": text}}
    assert columns(of(type=text, attributes=described, name=text)) == {
        "id": "BIGINT", "type": "VARCHAR", "uid": "VARCHAR", "attributes_name": "VARCHAR", "status": "VARCHAR",
        "name": "VARCHAR",
    }  # fmt: skip
    pod = {"type": "object", "properties": {"kind": text, "metadata": described, "spec": of()}}
    table = openapi_table(document({"/pods": listing(pod)}), "/pods", columns={"metadata.status": DROP, "name": BIGINT})
    assert {column.name: column.origin for column in table.columns} == {
        "kind": Path(("kind",)),
        "uid": Path(("metadata", "uid")),
        "name": Path(("metadata", "name")),
        "spec": Path(("spec",)),
    }
    assert table.primary_keys == ["uid"]
    assert columns(of(metadata=described)) == {"id": "BIGINT", "metadata": "JSON"}


def test_a_key_that_is_inside_an_object_is_named() -> None:
    """It may be another's, as a member's user; so it is no key until it is said to be one."""
    member = {"type": "object", "properties": {"role": {"type": "string"}, "user": of()}}
    spec = document({"/members": listing(member)})
    assert openapi_table(spec, "/members").primary_keys == []
    table = openapi_table(spec, "/members", primary_key=["user.id", "role"])
    assert table.primary_keys == ["user_id", "role"]
    assert [column.name for column in table.columns] == ["user_id", "role", "user"]
    with pytest.raises(DeclarationError, match=r"no column `user\.uuid`"):
        openapi_table(spec, "/members", primary_key=["user.uuid"])


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (["name", "id"], "id"),
        (["_id", "uuid"], "_id"),
        (["team_member_id", "id_of_owner"], None),
        (["customer_card_id", "name"], "customer_card_id"),
        (["card_id", "customer_id"], "card_id"),
        (["name", "code"], None),
    ],
)
def test_a_key_is_taken_from_its_name_or_not_at_all(names: list[str], key: str | None) -> None:
    """Rows merge by it: a key that is guessed wrongly would lose records, so names and codes are none."""
    assert primary_key_of(names, "customer_cards") == key


def scalars() -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([schema for schema, _ in TYPES if isinstance(schema, dict)])


def schemas() -> st.SearchStrategy[Any]:
    """Any schema, references to each of three definitions included, whatever these are."""
    return st.recursive(
        st.one_of(scalars(), st.sampled_from(["A", "B", "C"]).map(ref)),
        lambda inner: st.one_of(
            st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
            st.dictionaries(st.sampled_from(["x", "y", "Z"]), inner, max_size=3).map(
                lambda properties: {"type": "object", "properties": properties}
            ),
            st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"allOf": parts}),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"oneOf": [*parts, {"type": "null"}]}),
        ),
        max_leaves=8,
    )


@settings(deadline=None)
@given(a=schemas(), b=schemas(), c=schemas(), field=schemas())
def test_any_document_ends_in_columns_or_in_words(a: Any, b: Any, c: Any, field: Any) -> None:
    """However schemas refer to each other, there are columns and a sample with a value for each, or a clear error."""
    spec = document({"/things": listing(of(field=field))}, {"A": a, "B": b, "C": c})
    try:
        table = openapi_table(spec, "/things")
    except DeclarationError as error:
        assert "leads back to itself" in str(error)  # noqa: PT017 - only now and then is there one
        return
    assert [column.name for column in table.columns] == ["id", "field"]
    sample = Sampler(Document(spec)).record(of(field=field), 1)
    assert sample.keys() == {"id", "field"}
