"""Mistakes on the command line: one line that says what is wrong, one that says what to do, and exit code 2."""

import json
from contextlib import redirect_stdout
from importlib.metadata import version
from io import StringIO

import pytest

from orchestration.cli.app import run

MISTAKES = [
    ("sinc", "headwater: there is no command `sinc`", "did you mean `sync`?"),
    ("xyzzy", "headwater: there is no command `xyzzy`", "there are: backfill, check, "),
    ("state shw", "headwater state: there is no command `shw`", "did you mean `show`?"),
    (
        "--nope",
        "headwater: there is no option `--nope` before the command",
        "each command has its own, and they follow it",
    ),
    ("sync --sinec x", "headwater sync: there is no option `--sinec`", "did you mean `--since`?"),
    ("sync -z", "headwater sync: there is no option `-z`", "there are: --config, --debug, "),
    ("sync --since", "headwater sync: `--since` needs a value", "see headwater sync --help"),
    ("sync --dry-run=x", "headwater sync: `--dry-run` takes no value", "see headwater sync --help"),
    ("backfill", "headwater backfill: [SOURCE.]TABLE is missing", "A table whose cursor has windows; see headwater"),
    ("new", "headwater new: NAME is missing", "What to call it: "),
    ("state rewind s", "headwater state rewind: `--to` is missing", "Where the next sync begins: "),
    ("preview t -n x", "headwater preview: `--number` is not a whole number", "see headwater preview --help"),
    ("preview t -n 0", "headwater preview: `--number`: 0 is not from 1 to 10,000", "see headwater preview --help"),
    ("tables --format x", "headwater tables: `--format`: `x` is not one of `json`, `markdown`", "see headwater tables"),
    ("validate a b", "headwater validate: it takes no argument `a b`", "see headwater validate --help"),
]


@pytest.mark.parametrize(("line", "what", "hint"), MISTAKES, ids=[line for line, _, _ in MISTAKES])
def test_a_mistake_says_what_to_do(line: str, what: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For people on stderr, and nothing else; with --json, wherever it stands, as one document on stdout."""
    assert run(line.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {what}\n  → {hint}")
    assert printed.err.count("\n") == 2
    command, *rest = line.split()
    assert run(["--json", command, *rest] if command == "--nope" else [command, "--json", *rest]) == 2
    printed = capsys.readouterr()
    error = json.loads(printed.out)["error"]
    assert (printed.err, error["kind"]) == ("", "ConfigError")
    assert "`--json` before" in error["message"] or error["message"] == what


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Not an error message, but the exit code of one; what is asked for ends well."""
    for line in ([], ["state"]):
        assert run(line) == 2
        assert capsys.readouterr().err.startswith(f"Usage: {' '.join(['headwater', *line])} [OPTIONS] COMMAND")
    assert run(["sync", "--help"]) == 0
    assert "Sync sources" in capsys.readouterr().out


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """As pip has it."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"headwater {version('headwater')}\n"


def test_a_reader_that_has_gone_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """As in `headwater validate --schema | head`."""

    class Closed(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with redirect_stdout(Closed()):
        assert run(["validate", "--schema"]) == 1
    assert capsys.readouterr().err == ""
