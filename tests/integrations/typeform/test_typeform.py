"""Typeform from config.yaml to DuckDB, over a socket."""

import json
import logging
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

import integrations.typeform
from integrations.sdk.errors import LoginRefused, PageRepeated, SourceRefused
from integrations.sdk.window import Window
from integrations.typeform import Spec, Typeform
from tests.integrations import Project
from tests.integrations.typeform.server import NOON, RETRY_AFTER_S, TypeformServer, response

FORMS, RESPONSES = "typeform_forms", "typeform_form_responses"
WRONG = "tfp_wrong/horse+battery"
INTERNAL = "_cq_id, _cq_parent_id, _cq_client_id, _cq_sync_time, _cq_source_name"


def ids(project: Project) -> list[tuple[str, str]]:
    return sorted(project.query(f"SELECT form_id, response_id FROM typeform.{RESPONSES}"))


def expected(typeform: TypeformServer) -> list[tuple[str, str]]:
    return sorted((form, each["response_id"]) for form, all_ in typeform.responses.items() for each in all_)


def test_every_form_and_response_arrives_once(typeform: TypeformServer, project: Project) -> None:
    """Paging is followed to its end on both levels, and a response id that two forms share is two rows."""
    for number in range(205):  # more than one full page of forms
        typeform.add(number, responses={0: 5, 1: 1, 2: 4}.get(number, 0))
    run = project.run()
    assert run.succeeded
    assert run.outcomes == {FORMS: "done", RESPONSES: "done"}
    assert project.query(f"SELECT id FROM typeform.{FORMS} ORDER BY id") == [(f"form{n:03d}",) for n in range(205)]
    assert ids(project) == expected(typeform)
    pages_of_responses = 3 + 1 + 2 + 202  # an empty listing is a page
    assert len(typeform.asked) == 2 + pages_of_responses
    assert run.tables[RESPONSES].record.requests == pages_of_responses
    assert run.materialised == [["typeform", FORMS], ["typeform", RESPONSES]]


def test_values_keep_their_types(typeform: TypeformServer, project: Project) -> None:
    """Every column has its declared type, and holds what the API gave."""
    id = typeform.add(7, responses=1)
    project.run()
    declared = {(node.name, column.name): column.type.sql for node in Typeform.nodes() for column in node.table.columns}
    found = project.query(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name='typeform'"
    )
    assert {(t, c): type_ for t, c, type_ in found if not c.startswith("_cq_")} == declared
    (form,) = project.query(f"SELECT * EXCLUDE (settings, {INTERNAL}) FROM typeform.{FORMS}")
    assert form == (
        id,
        "Survey № 7",
        datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2024, 2, 3, 4, 5, 6, 789000, tzinfo=UTC),
        False,
        f"https://example.typeform.com/to/{id}",
        f"https://api.typeform.com/forms/{id}",
        "https://api.typeform.com/themes/blue",
    )
    (sent,) = typeform.responses[id]
    (row,) = project.query(f"SELECT * EXCLUDE (hidden, answers, {INTERNAL}) FROM typeform.{RESPONSES}")
    assert row == (
        id,
        "response0",
        "response0",
        "landing0",
        NOON - timedelta(minutes=5),
        NOON,
        0,
        *(sent["metadata"][key] for key in ("platform", "browser", "user_agent", "referer", "network_id")),
    )
    (texts,) = project.query(f"SELECT hidden, answers FROM typeform.{RESPONSES}")
    assert [json.loads(text) for text in texts] == [sent["hidden"], sent["answers"]]
    assert project.query(f"SELECT settings ->> 'is_trial' FROM typeform.{FORMS}") == [("false",)]


def test_absent_fields_are_null(typeform: TypeformServer, project: Project) -> None:
    """A response that was begun and not sent has no answers and no score: its row has nulls there."""
    id = typeform.add(1, responses=1)
    for key in ("submitted_at", "answers", "calculated", "metadata"):
        typeform.responses[id][0].pop(key)
    typeform.responses[id][0]["submitted_at"] = "0001-01-01T00:00:00Z"  # Typeform's way to say never
    assert project.run().succeeded
    row = project.query(f"SELECT score, platform, answers, year(submitted_at) FROM typeform.{RESPONSES}")
    assert row == [(None, None, None, 1)]


def test_a_429_is_waited_for_and_counted(typeform: TypeformServer, project: Project) -> None:
    """No request goes out again before Retry-After has passed, nothing is lost, and each repeat is counted."""
    for number in range(3):
        typeform.add(number, responses=3)
    typeform.busy_every = 4
    run = project.run()
    assert run.succeeded
    assert ids(project) == expected(typeform)
    refused = typeform.answers(429)
    assert refused
    for asked in refused:
        again = min(later.at for later in typeform.asked if later.url == asked.url and later.at > asked.at)
        assert again - asked.at >= RETRY_AFTER_S
    assert sum(outcome.record.retries for outcome in run.tables.values()) == len(refused)
    assert project.query("SELECT sum(retries), sum(requests) FROM headwater.syncs") == [
        (len(refused), len(typeform.asked))
    ]


def test_a_window_brings_only_its_rows(typeform: TypeformServer, project: Project) -> None:
    """`--since` and `--until` reach the API, and what is outside stays at the source; forms have no window."""
    form = typeform.add(1, responses=10)
    empty = typeform.add(2, responses=2)
    run = project.run(Window(NOON + timedelta(hours=3), NOON + timedelta(hours=6, minutes=30)))
    assert run.outcomes == {FORMS: "done", RESPONSES: "done"}
    assert ids(project) == [(form, f"response{hour}") for hour in (3, 4, 5, 6)]
    assert sorted(project.query(f"SELECT id FROM typeform.{FORMS}")) == [(form,), (empty,)]


def test_a_window_open_on_one_side(typeform: TypeformServer, project: Project) -> None:
    """An absent bound is not sent."""
    form = typeform.add(1, responses=4)
    project.run(Window(start=NOON + timedelta(hours=2)))
    assert ids(project) == [(form, "response2"), (form, "response3")]
    assert not [asked for asked in typeform.asked if "until" in asked.url]


def test_windows_that_touch_make_one_row_of_the_edge(typeform: TypeformServer, project: Project) -> None:
    """The API's `until` is inclusive: what is on the edge comes with both windows, and is one row."""
    typeform.add(1, responses=5)
    edge = NOON + timedelta(hours=2)
    project.run(Window(end=edge))
    project.run(Window(start=edge))
    assert ids(project) == expected(typeform)


def test_a_second_run_adds_nothing(typeform: TypeformServer, project: Project) -> None:
    """Reading the same again leaves the same rows, under the same ids."""
    for number in range(3):
        typeform.add(number, responses=3)
    both = f"SELECT _cq_id, id FROM typeform.{FORMS} UNION ALL SELECT _cq_id, response_id FROM typeform.{RESPONSES}"
    project.run()
    before = sorted(project.query(both))
    again = project.run()
    assert sorted(project.query(both)) == before
    assert len(before) == 3 + 9
    assert [(o.record.rows, o.total_rows, o.record.removed) for o in again.tables.values()] == [(3, 3, 0), (6, 9, 0)]


def test_what_is_deleted_at_the_source_goes(typeform: TypeformServer, project: Project) -> None:
    """A sync asks for what is new; one that begins anew finds that a response was deleted, and deletes it here."""
    id = typeform.add(1, responses=3)
    project.run()
    del typeform.responses[id][1]
    assert project.run().tables[RESPONSES].record.removed == 0
    assert project.run(full_refresh=True).tables[RESPONSES].record.removed == 1
    assert ids(project) == expected(typeform)


@pytest.mark.parametrize(("trouble", "status"), [("broken", 500), ("gone", 404)])
def test_one_forms_failure_leaves_the_others(
    typeform: TypeformServer, project: Project, trouble: str, status: int
) -> None:
    """The other forms' responses are committed, the outcome is partial and says so; the next run makes it whole."""
    for number in range(3):
        typeform.add(number, responses=2)
    getattr(typeform, trouble).add("form001")
    run = project.run()
    assert not run.succeeded
    assert run.outcomes == {FORMS: "done", RESPONSES: "partial"}
    assert [pair for pair in expected(typeform) if pair[0] != "form001"] == ids(project)
    error = run.tables[RESPONSES].error
    assert isinstance(error, SourceRefused)
    assert (error.status, error.source, error.table) == (status, "typeform", RESPONSES)
    assert "1 of 3 reads failed" in str(error)
    assert "/forms/form001/responses" in str(error)
    getattr(typeform, trouble).clear()
    assert project.run().succeeded
    assert ids(project) == expected(typeform)


def test_a_failure_keeps_what_was_read_before(typeform: TypeformServer, project: Project) -> None:
    """A form that cannot be read now keeps the responses of the run before: a failed read deletes nothing."""
    for number in range(2):
        typeform.add(number, responses=2)
    project.run()
    typeform.gone.add("form001")
    typeform.responses["form000"] += [{**typeform.responses["form000"][0], "response_id": "new"}]
    assert project.run().outcomes[RESPONSES] == "partial"
    assert ids(project) == expected(typeform)


def test_a_wrong_token_is_refused_by_name(
    typeform: TypeformServer, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says where, and to log in again; the responses are skipped, and nothing is asked for them."""
    typeform.add(1, responses=1)
    monkeypatch.setenv("TYPEFORM_TOKEN", WRONG)
    run = project.run()
    assert not run.succeeded
    assert run.outcomes == {FORMS: "failed", RESPONSES: "skipped"}
    error = run.tables[FORMS].error
    assert isinstance(error, LoginRefused)
    assert error.exit_code == 3
    assert error.status == 401
    assert str(error).startswith(f"typeform.{FORMS}: ")
    assert "check the credentials" in str(error)
    assert [asked.status for asked in typeform.asked] == [401]  # not tried again: it would lock accounts


@pytest.mark.parametrize("token", [pytest.param(None, id="accepted"), pytest.param(WRONG, id="refused")])
def test_the_token_is_written_nowhere(
    typeform: TypeformServer,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    token: str | None,
) -> None:
    """Not in DuckDB, Dagster's home or any log, in any form, though the source says it back in its refusal."""
    if token:
        monkeypatch.setenv("TYPEFORM_TOKEN", token)
    typeform.add(1, responses=2)
    typeform.broken.add(typeform.add(2))
    with caplog.at_level(logging.DEBUG):
        run = project.run()
    assert run.outcomes[FORMS] == ("failed" if token else "done")
    secret = token or typeform.token
    printed = capfd.readouterr()
    everything = "\n".join([project.written(), caplog.text, printed.out, printed.err])
    assert FORMS in everything
    assert FORMS in project.written_by_dagster()
    forms = (secret, quote(secret, safe=""), b64encode(secret.encode()).decode().rstrip("="))
    assert [form for form in forms if form in everything] == []


def test_personal_data_stays_in_the_warehouse(typeform: TypeformServer, project: Project) -> None:
    """Dagster, where more people look, is shown no answer, hidden field, network, browser or referer."""
    typeform.add(1, responses=2)
    run = project.run()
    assert "ada@example.com" in project.written()
    shown = project.written_by_dagster()
    assert "Survey № 1" in shown or "Survey \\u2116 1" in shown  # the preview is there
    assert [personal for personal in ("ada@example.com", "7aef2b1c", "Mozilla/5.0") if personal in shown] == []
    assert run.succeeded


def test_an_api_without_numbered_pages_is_noticed(typeform: TypeformServer, project: Project) -> None:
    """Were `page` ignored, the first page would come again: the form fails, rather than lose the rest unseen."""
    typeform.add(1, responses=2)  # one page: nobody can tell
    typeform.add(2, responses=3)
    typeform.ignores_page = True
    run = project.run()
    assert run.outcomes == {FORMS: "done", RESPONSES: "partial"}
    assert isinstance(run.tables[RESPONSES].error, PageRepeated)


def test_the_page_size_has_bounds() -> None:
    """A size that the API would refuse is refused when the config is read."""
    for size in (0, 1001):
        with pytest.raises(ValueError, match="page_size"):
            Spec(access_token="x", page_size=size)  # type: ignore[arg-type]


def test_the_readme_names_everything() -> None:
    """Every setting, table and column is in the README."""
    readme = Path(str(integrations.typeform.__file__)).with_name("README.md").read_text(encoding="utf-8")
    names = [*Spec.model_fields]
    for node in Typeform.nodes():
        names += [node.name, *(column.name for column in node.table.columns)]
    assert [name for name in names if f"`{name}`" not in readme] == []


def test_every_form_has_a_cursor_of_its_own(typeform: TypeformServer, project: Project) -> None:
    """Three forms of five responses are fifteen rows at the first sync, and each next one asks for what is new.

    With one cursor among all forms, which is how CloudQuery's plugin does it, the first form's newest response
    hides the older ones of the others: five of fifteen arrive, and the ten never.
    """
    forms = [typeform.add(number, responses=5) for number in range(3)]
    assert project.run().tables[RESPONSES].record.rows == 15
    typeform.responses[forms[1]].append(response(9))
    late = typeform.add(3, responses=2)
    typeform.asked.clear()
    run = project.run()
    assert ids(project) == expected(typeform)
    assert len(ids(project)) == 18
    since = {
        asked.url.split("/")[2]: "since=2024-05-01T15:00:00Z" in unquote(asked.url)
        for asked in typeform.asked
        if "responses" in asked.url
    }
    assert since == {**dict.fromkeys(forms, True), late: False}
    assert run.tables[RESPONSES].record.mode == "incremental"
    cursors = project.query("SELECT parent_key, value FROM headwater.cursors ORDER BY ALL")
    assert cursors == [
        ('["form000"]', "2024-05-01T16:00:00.000000Z"),
        ('["form001"]', "2024-05-01T21:00:00.000000Z"),
        ('["form002"]', "2024-05-01T16:00:00.000000Z"),
        ('["form003"]', "2024-05-01T13:00:00.000000Z"),
    ]
