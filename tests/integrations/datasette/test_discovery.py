"""What discovery asks for, and that it is the same each time."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from integrations.datasette import Datasette, Spec
from integrations.datasette.routes import tilde_encode
from integrations.sdk import Bearer, HttpClient
from integrations.sdk.errors import ConfigError, LoginRefused, PageUnreadable, SourceRefused
from orchestration.demo import server


def discovered(url: str, **credentials: Any) -> dict[str, Any]:
    spec = Spec.model_validate({"url": url})
    integration = Datasette(credentials=credentials)
    return dict(integration.discover(integration.connect(spec)))


def tables_of(snapshot: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (database,) = snapshot["databases"]
    return {table["name"]: table for table in database["tables"]}


def test_the_same_database_gives_the_same_bytes_without_the_server_s_address(url: str) -> None:
    first, second = (json.dumps(discovered(url), indent=2, sort_keys=True) for _ in range(2))
    assert first == second
    assert "127.0.0.1" not in first
    assert "count" not in first


def test_tables_views_types_keys_and_foreign_keys_are_found_out(url: str) -> None:
    tables = tables_of(discovered(url))
    assert sorted(tables) == [
        *("Permits/2024 (new).csv", "categories", "cheap", "empty", "goods", "log", "nullable", "pairs"),
        *("types", "untyped"),
    ], "hidden tables and a view that cannot be read are left out"
    assert tables["pairs"]["primary_key"] == ["a", "b"], "in the key's order, not the columns'"
    assert tables["pairs"]["columns"][0] == {"name": "b", "type": "INTEGER", "not_null": True}
    assert tables["cheap"]["kind"] == "view"
    assert tables["goods"]["foreign_keys"] == [
        {"column": "Sub Category", "other_table": "categories", "other_column": "code"},
        {"column": "category", "other_table": "categories", "other_column": "code"},
        {"column": "other", "other_table": "categories", "other_column": "code"},
    ], "one that names no column refers to the primary key"


def test_a_view_that_cannot_be_read_is_said_in_the_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    discovered(url)
    assert any("view_left_out" in line and "broken" in line for line in caplog.messages)


def test_types_are_asked_for_to_the_last_one_when_the_server_cuts_its_answers(
    database: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(server.SETTINGS, "max_returned_rows", 3)
    with server.serving(database) as small:
        assert discovered(small) == discovered(url)


def test_without_sql_every_column_is_json_and_the_log_says_so(
    database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(server.SETTINGS, "default_allow_sql", "off")
    with server.serving(database) as closed:
        snapshot = discovered(closed)
    assert any("column_types_unknown" in line for line in caplog.messages)
    tables = tables_of(snapshot)
    assert tables["types"]["primary_key"] == ["id"]
    assert [column["name"] for column in tables["cheap"]["columns"]] == ["id", "category", "twice"]
    spec = Spec.model_validate({"url": "http://127.0.0.1:1"})
    types = {column.type.sql for table in Datasette.tables_from(spec, snapshot) for column in table.columns}
    assert types == {"JSON", "BIGINT"}, "BIGINT is rowid"
    spec = Spec.model_validate({"url": "http://127.0.0.1:1", "by_parent": {"goods": "category"}})
    with pytest.raises(ConfigError, match="not known whether the column may be null"):
        Datasette.tables_from(spec, snapshot)


def test_only_the_named_databases_are_asked_for(url: str) -> None:
    assert [found["name"] for found in discovered(url, databases=["odd name.v1"])["databases"]] == ["odd name.v1"]
    with pytest.raises(ConfigError, match="no database `odd name`") as refused:
        discovered(url, databases=["odd name"])
    assert "odd name.v1" in refused.value.hint


def test_names_in_paths_are_encoded_as_datasette_does() -> None:
    from datasette.utils import tilde_encode as theirs

    for name in ("plain", "a.b/c", "~%+ -_", "größe ☃", 'it\'s ("new")\n'):
        assert tilde_encode(name) == theirs(name)


class Answers(BaseAdapter):
    """Answers every request with one status and body, and keeps what was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__()
        self.status, self.body = status, body
        self.asked: list[PreparedRequest] = []

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        self.asked.append(request)
        response = Response()
        response.status_code = self.status
        response.raw = BytesIO(self.body)
        response.url = str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


def test_a_token_that_datasette_does_not_know_is_a_login_refused() -> None:
    integration = Datasette(credentials={})
    client = HttpClient("http://127.0.0.1:1", adapter=Answers(403, b'{"ok": false, "error": "Forbidden"}'))
    with pytest.raises(LoginRefused, match="403"):
        integration.test_connection(client)
    client = HttpClient("http://127.0.0.1:1", adapter=Answers(404, b"{}"))
    with pytest.raises(SourceRefused, match="404"):
        integration.test_connection(client)


def test_the_token_is_sent_as_a_bearer_token() -> None:
    adapter = Answers(200, b"[]")
    client = HttpClient("http://127.0.0.1:1", auth=Bearer(SecretStr("dstok_secret")), adapter=adapter)
    Datasette(credentials={}).test_connection(client)
    assert adapter.asked[0].headers["Authorization"] == "Bearer dstok_secret"


def test_something_that_is_not_datasette_is_told_apart() -> None:
    client = HttpClient("http://127.0.0.1:1", adapter=Answers(200, b'{"hello": "world"}'))
    with pytest.raises(PageUnreadable, match="not a list of databases"):
        Datasette(credentials={}).discover(client)


def test_connection_is_tested_with_one_request(url: str) -> None:
    integration = Datasette(credentials={})
    integration.test_connection(integration.connect(Spec.model_validate({"url": url})))
