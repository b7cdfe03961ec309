"""A document of each version is read, and says where it cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.sdk.errors import DeclarationError
from integrations.sdk.openapi import Document, openapi_table
from integrations.sdk.openapi.extracting import part_of
from integrations.sdk.openapi.listings import Listing, listing_of, listings
from tests.sdk.openapi.documents import VERSIONS, answers, document, listing, of, parameter, ref

YAML = """
openapi: 3.0.3
info: {title: Shop, version: 2024-01-02}
paths:
  /things:
    get:
      responses:
        200:
          content:
            application/vnd.shop+json; charset=utf-8:
              schema:
                type: array
                items: {type: object, properties: {id: {type: string}, day: {type: string, example: 2024-01-02}}}
"""


def test_files_of_json_and_yaml(tmp_path: Path) -> None:
    """A status may be a number and a time stays a text, as they are in JSON."""
    (tmp_path / "spec.yaml").write_text(YAML, encoding="utf-8")
    table = openapi_table(tmp_path / "spec.yaml", "/things")
    assert [column.name for column in table.columns] == ["id", "day"]
    (tmp_path / "spec.json").write_text(json.dumps(document({"/things": listing(of())})), encoding="utf-8-sig")
    assert openapi_table(str(tmp_path / "spec.json"), "/things").primary_keys == ["id"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.yaml", "a: [", "neither JSON nor YAML"),
        ("a.yaml", "- 1", "no OpenAPI document"),
        ("a.json", '{"openapi": "4.0.0"}', "no OpenAPI document"),
        ("a.json", '{"asyncapi": "3.0.0"}', "neither `openapi` nor `swagger`"),
    ],
)
def test_what_is_no_document(tmp_path: Path, name: str, text: str, said: str) -> None:
    """The error says what it is not."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError, match=said):
        Document.load(tmp_path / name)
    with pytest.raises(DeclarationError, match="cannot be read"):
        Document.load(tmp_path / "absent.json")


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_may_be_a_reference(version: str) -> None:
    """A path, a parameter, an answer, a body and a schema, with what JSON Pointer escapes in their names."""
    item: dict[str, Any] = listing(ref("a~1thing~0s", version), version=version)
    item["get"]["parameters"] = [{"$ref": "#/x-parameters/page"}]
    item["get"]["responses"] = {"200": {"$ref": "#/x-answers/list"}}
    listed = {"type": "array", "items": ref("a~1thing~0s", version)}
    spec = document({"/things": {"$ref": "#/x-paths/things"}}, {"a/thing~s": of()}, version=version)
    spec["x-paths"] = {"things": item}
    spec["x-parameters"] = {"page": parameter("page", "integer", version=version)}
    spec["x-answers"] = {"list": answers(listed, version)["200"]}
    operation = Document(spec).operation("/things", "get")
    assert operation is not None
    assert operation.parameter("page") is not None
    assert openapi_table(spec, "/things").primary_keys == ["id"]


@pytest.mark.parametrize(
    ("reference", "said", "hint"),
    [
        ("#/components/schemas/Thnig", "leads nowhere: there is no `Thnig`", "`Thing`"),
        ("other.yaml#/Thing", "leads into another document", "bundle"),
        ("#/components/schemas/Loop", "leads back to itself", "Loop"),
    ],
)
def test_references_that_lead_nowhere(reference: str, said: str, hint: str) -> None:
    """Which reference, why, and what to do."""
    schemas = {"Thing": of(), "Loop": {"$ref": "#/components/schemas/Pool"}, "Pool": ref("Loop")}
    spec = document({"/things": listing({"$ref": reference})}, schemas)
    with pytest.raises(DeclarationError, match=said) as raised:
        openapi_table(spec, "/things")
    assert hint in raised.value.hint


def test_a_path_that_is_not_there() -> None:
    """The nearest one is named; a parameter's name and a slash at the end make no other path."""
    spec = document({"/v1/customers": listing(of()), "/v1/customers/{customer_id}/cards": listing(of())})
    with pytest.raises(DeclarationError, match="has no path /v1/costumers") as raised:
        openapi_table(spec, "/v1/costumers")
    assert "`/v1/customers`" in raised.value.hint
    assert openapi_table(spec, "/v1/customers/{id}/cards/").name == "customer_cards"
    with pytest.raises(DeclarationError, match="has no DELETE"):
        openapi_table(spec, "/v1/customers", method="delete")


@pytest.mark.parametrize(
    ("answer", "said", "hint"),
    [
        (of(name={"type": "string"}), "answers no list of records", "id, name"),
        ({"type": "array", "items": {"type": "string"}}, "answers no list of records", ""),
        ({"type": "object", "properties": {"ids": {"type": "array", "items": {"type": "string"}}}}, "no list", "ids"),
        (
            {
                "type": "object",
                "properties": {name: {"type": "array", "items": of()} for name in ("apples", "pears")},
            },
            "answers several lists: apples, pears",
            "records=",
        ),
    ],
)
def test_answers_without_a_list(answer: Any, said: str, hint: str) -> None:
    """It says what there is instead."""
    spec = document({"/things": {"get": {"responses": answers(answer)}}})
    with pytest.raises(DeclarationError, match=said) as raised:
        openapi_table(spec, "/things")
    assert hint in raised.value.hint


def test_the_list_is_found() -> None:
    """By the path's own word, by a usual word, inside an envelope, or where it is said to be."""

    def records(**lists: Any) -> str:
        spec = document({"/v1/pears": {"get": {"responses": answers({"type": "object", "properties": lists})}}})
        return listing_of(Document(spec), "/v1/pears").records

    many = {"type": "array", "items": of()}
    assert records(apples=many, pears=many) == "pears"
    assert records(apples=many, data=many) == "data"
    assert records(errors=many, whatever=many) == "whatever"
    assert records(messages=many, whatever=many) == "whatever"
    assert records(messages=many) == "messages"
    keyed = {"type": "object", "additionalProperties": of()}
    assert records(pears=keyed, apples=many) == "pears.*"
    assert records(data=keyed) == "data.*"
    assert records(whatever=many, options=keyed) == "whatever"
    assert records(data={"type": "object", "properties": {"list": many}}) == "data.list"
    assert records(_embedded={"type": "object", "properties": {"pears": many}}) == "_embedded.pears"
    spec = document({"/v1/pears": {"get": {"responses": answers(of(a=many, b=many))}}})
    assert openapi_table(spec, "/v1/pears", records="b").primary_keys == ["id"]
    with pytest.raises(DeclarationError, match="no list of records at `c`"):
        openapi_table(spec, "/v1/pears", records="c")


def test_a_document_in_several_files(tmp_path: Path) -> None:
    """Read from beside it, each reference from where it stands; what is not there, or elsewhere, is said."""
    (tmp_path / "things").mkdir()
    operation = {"parameters": [{"$ref": "../shared.yml#/size"}], "responses": answers({"$ref": "#/page"})}
    page = {"type": "object", "properties": {"items": {"type": "array", "items": {"$ref": "../spec.json#/x-thing"}}}}
    (tmp_path / "things/list.json").write_text(json.dumps({"get": operation, "page": page}), encoding="utf-8")
    (tmp_path / "shared.yml").write_text("size: {name: size, in: query, schema: {maximum: 9}}", encoding="utf-8")
    lost = {"$ref": "https://example.com/spec.json"}
    paths = {
        "/things": {"get": {"$ref": "things/list.json#/get"}},
        "/others": {"$ref": "others.json"},
        "/lost": listing(lost),
    }
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({**document(paths), "x-thing": of(name={"type": "string"})}), encoding="utf-8")
    read = Document.load(spec)
    assert [column.name for column in openapi_table(read, "/things").columns] == ["id", "name"]
    (operation_,) = (each for each in read.operations() if each.path == "/things")
    assert operation_.parameters[0].name == "size"
    part = Document(json.loads(json.dumps(part_of(read, [operation_]))))
    assert [column.name for column in openapi_table(part, "/things").columns] == ["id", "name"]
    said = [each.what for each in listings(read) if isinstance(each, DeclarationError)]
    assert len(said) == 2
    assert all("leads into another document, which is not there" in each for each in said)


def test_what_is_not_as_openapi_has_it_costs_its_operation_alone() -> None:
    """A parameter without a name, a text for an object, an empty path: each is said, and the others are read."""
    good = listing(of())
    spec = document(
        {
            "/parameters": listing(of(), {"in": "query"}),
            "/text": {"get": {"responses": {"200": "ok"}}},
            "/nothing": None,
            "/list": good,
        }
    )
    found = list(listings(Document(spec)))
    assert [each.name for each in found if isinstance(each, Listing)] == ["list"]
    said = [each.what for each in found if isinstance(each, DeclarationError)]
    assert [each.partition(":")[0] for each in said] == ["GET /parameters", "GET /text"]
    assert all("is not as OpenAPI has it" in each for each in said)
