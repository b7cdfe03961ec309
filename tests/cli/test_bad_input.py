"""Bad input: one clear message that names source, table, request and next step, and the right exit code.

What had been committed before stays committed.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integrations.sdk.testing import Answer, Asked, serving
from orchestration.cli.app import run
from orchestration.testing import SOURCE, Project
from tests.example import TOKEN, library

Api = Callable[[Asked], Answer]
MIB = 1 << 20


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment where a user would wait seconds."""
    monkeypatch.setattr("integrations.sdk.retrying.FIRST_WAIT_S", 0.005)


def bomb(size_mib: int) -> bytes:
    """A gzip body that grows a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * MIB) for _ in range(size_mib)) + packer.flush()


def books_answer(answer: Answer) -> Api:
    """The library, whose list of books is this answer."""
    return lambda asked: answer if asked.path == "/books" else library(asked)


HTML = Answer(body=b"<html><body>Please log in</body></html>", headers={"Content-Type": "text/html"})
TRUNCATED = Answer(body=b'{"books": [{"id": 1, "title": "Book 1"}, {"id": 2, "ti')
REFUSED = Answer(403, json={"message": "not for you"})
BROKEN = Answer(500, json={"message": "oops"})
BOMB = Answer(body=bomb(200), headers={"Content-Encoding": "gzip"})
GARBLED = Answer(body=b"this was never compressed", headers={"Content-Encoding": "gzip"})
FLOOD_OF_WAIT = Answer(429, json={}, headers={"Retry-After": "1000000"})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (HTML, "web page, not JSON"),
        (TRUNCATED, "not whole JSON"),
        (REFUSED, "answers 403"),
        (BROKEN, "answers 500"),
        (BOMB, "larger than 64 MiB"),
        (GARBLED, "cannot be decompressed"),
        (FLOOD_OF_WAIT, "asks to wait 1000000 s"),
    ],
    ids=["html", "truncated", "refused", "broken", "bomb", "garbled", "long wait"],
)
def test_a_bad_answer_fails_its_table_alone(
    answer: Answer, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table fails by name, with the request; its sibling is committed; what was loaded before stays."""
    with serving(library) as server:
        project = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url})
        assert run(["sync", "--config", str(project.config)]) == 0
    with serving(books_answer(answer)) as server:
        project = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url})
        capsys.readouterr()
        assert run(["sync", "--config", str(project.config)]) == 1
        said = capsys.readouterr().err
    assert says in said
    assert f"{SOURCE}.books" in said
    assert f"GET {server.url}/books?page=1" in said
    assert "→" in said
    assert "Traceback" not in said
    assert TOKEN not in said
    assert project.query(f"SELECT count(*) FROM {SOURCE}.books") == [(4,)]
    assert project.query(f"SELECT count(*) FROM {SOURCE}.chapters") == [(8,)]
    outcomes = project.query("SELECT table_name, outcome FROM headwater.syncs ORDER BY started_at DESC LIMIT 3")
    assert dict(outcomes) == {"books": "failed", "chapters": "skipped", "authors": "done"}


def test_a_refused_log_in_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When nothing works because of the credentials, the code and the message say so."""
    with serving(library) as server:
        project = Project(tmp_path, "tests.example", {"token": "wrong-token", "base_url": server.url})
        assert run(["test-connection", "--config", str(project.config)]) == 3
        assert run(["sync", f"{SOURCE}.books", "--config", str(project.config)]) == 3
        said = capsys.readouterr().err
    assert "refuses the credentials (401" in said
    assert "test-connection" in said
    assert "wrong-token" not in said


def test_an_unreachable_host_is_exit_code_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A source that cannot be reached is the source's problem, and is said once, with its address."""
    spec = {"token": TOKEN, "base_url": "http://127.0.0.1:9"}
    project = Project(tmp_path, "tests.example", spec)
    assert run(["sync", f"{SOURCE}.authors", "--config", str(project.config)]) == 4
    said = capsys.readouterr().err
    assert "no connection" in said
    assert "GET http://127.0.0.1:9/authors" in said
    assert said.count("error:") == 1


def test_a_mistake_in_a_resolver_is_the_author_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resolver that raises fails its table, with the line where it did; --debug adds the traceback."""
    folder = tmp_path / "integrations" / "broken_one"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from integrations.sdk import *\n"
        "def read(client, parent, window):\n"
        "    yield {'id': 1}\n"
        "    raise KeyError('naem')\n"
        "class Broken(Integration):\n"
        "    tables = [Table('t', [Column('id', BIGINT, primary_key=True)], read)]\n"
        "    def connect(self, spec):\n"
        "        return None\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("integrations.__path__", [str(tmp_path / "integrations"), *_integrations_path()])
    project = Project(tmp_path, "integrations.broken_one", {})
    assert run(["sync", "--config", str(project.config)]) == 1
    said = capsys.readouterr().err
    assert "its resolver raised KeyError: 'naem' (at __init__.py:4)" in said
    assert "Traceback" not in said
    assert run(["sync", "--config", str(project.config), "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def _integrations_path() -> Iterator[str]:
    import integrations

    return iter(list(integrations.__path__))


def test_an_unknown_pattern_of_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pattern in `tables` that matches nothing is an error at load."""
    project = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": "http://x"}, tables=["boks"])
    assert run(["validate", "--config", str(project.config), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["source"] == SOURCE
    assert "`boks`" in error["message"]
    assert error["hint"] == "did you mean `books`?"


def test_a_warehouse_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warehouse file that is no database is said, and is not touched."""
    (tmp_path / "warehouse.duckdb").write_text("this is not a database, and it is longer than a header would be" * 100)
    with serving(library) as server:
        project = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url})
        assert run(["sync", "--config", str(project.config)]) == 1
    said = capsys.readouterr().err
    assert "cannot be opened" in said
    assert "Traceback" not in said
