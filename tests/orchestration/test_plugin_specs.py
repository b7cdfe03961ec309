"""What a plugin's spec, and a list, say in a config file: as CloudQuery's command line reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.sdk.errors import ConfigError
from orchestration.config import load_config

PLUGIN = """\
kind: source
spec:
  name: p
  registry: grpc
  path: 127.0.0.1:1
  destinations: [w]
  spec: SPEC
---
kind: destination
spec: {name: w}
"""


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("{since: 2024-01-01, at: 2024-01-01T00:00:00Z}", {"since": "2024-01-01", "at": "2024-01-01T00:00:00Z"}),
        ("{at: 12:30:45, rate: 1:30.5}", {"at": "12:30:45", "rate": "1:30.5"}),
        ("{1: a, 1.5: b, yes: c, ~: d}", {"1": "a", "1.5": "b", "true": "c", "null": "d"}),
        ("{day: !!timestamp 2024-01-01, n: 7, x: 1.5}", {"day": "2024-01-01", "n": 7, "x": 1.5}),
        ("{a: 1e3, b: 1.5e-3, c: +.5, d: 5., e: 1_e3}", {"a": 1000, "b": 0.0015, "c": 0.5, "d": 5, "e": 1000}),
        ("{a: 08, b: 010, c: 0o17, d: -08, e: 1e400}", {"a": 8, "b": 8, "c": 15, "d": -8, "e": "1e400"}),
        ("{a: y, b: N, c: 'y', d: yn, y: 1}", {"a": True, "b": False, "c": "y", "d": "yn", "y": 1}),
        ("{a: !!binary aGVsbG8=, b: !!set {x}}", {"a": "hello", "b": {"x": None}}),
        ("{a: !!omap [x: 1, z: 2], b: =, c: <<}", {"a": [{"x": 1}, {"z": 2}], "b": "=", "c": "<<"}),
    ],
)
def test_a_plugins_spec_is_what_json_can_say(tmp_path: Path, written: str, sent: dict[str, Any]) -> None:
    """Dates and times are texts, and so are keys, as CloudQuery's command line sends them."""
    path = tmp_path / "config.yaml"
    path.write_text(PLUGIN.replace("SPEC", written), encoding="utf-8")
    (source,) = load_config(path).sources
    assert json.loads(json.dumps(source.spec)) == sent


@pytest.mark.parametrize("written", [".inf", "-.inf", ".nan", "!!binary /w==", "!!binary x"])
def test_what_json_cannot_say_is_refused(tmp_path: Path, written: str) -> None:
    """As there; each with its line."""
    path = tmp_path / "config.yaml"
    path.write_text(PLUGIN.replace("SPEC", f"{{a: {written}}}"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is not YAML: (JSON has no such number|this is no text).* \(line 7"):
        load_config(path)


def test_a_list_may_be_put_in_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a field is a list, or anything of a plugin's: in brackets or braces, or below, without quotes."""
    monkeypatch.setenv("NAMES", '["a*", b]')
    monkeypatch.setenv("LINES", "[a,\nb]")
    path = tmp_path / "config.yaml"
    text = PLUGIN.replace("SPEC", '{regions: ${NAMES}, quoted: "${NAMES}", lines: ${LINES}, inner: x${NAMES}}')
    path.write_text(text.replace("  destinations", "  tables: ${NAMES}\n  destinations"), encoding="utf-8")
    (source,) = load_config(path).sources
    assert source.tables == ["a*", "b"]
    assert source.spec == {
        "regions": ["a*", "b"], "quoted": '["a*", b]', "lines": ["a", "b"], "inner": 'x["a*", b]',
    }  # fmt: skip
    monkeypatch.setenv("NAMES", "\n    - a\n    - b")
    assert load_config(path).sources[0].tables == ["a", "b"]
    monkeypatch.setenv("NAMES", "[a], registry: local")
    with pytest.raises(ConfigError, match="tables"):
        load_config(path)


def test_a_mapping_may_be_put_in_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec, for a plugin and for an integration of ours; also one that begins on a new line."""
    path = tmp_path / "config.yaml"
    for registry in ("grpc", "python"):
        for given in ('{"rows": 5}', "\n    rows: 5"):
            monkeypatch.setenv("SPEC", given)
            path.write_text(PLUGIN.replace("grpc", registry).replace("SPEC", "${SPEC}"), encoding="utf-8")
            assert load_config(path).sources[0].spec == {"rows": 5}
    monkeypatch.setenv("SPEC", "rows: 5")
    with pytest.raises(ConfigError, match="`spec` must be a mapping of names to values"):
        load_config(path)


def test_placeholders_stand_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In keys and in the kind; `${}` is none; a value that looks like one is left alone."""
    for name, value in {"KEY": "rows", "KIND": "source", "PATH_KEY": "path", "VALUE": "${KEY}"}.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "config.yaml"
    text = PLUGIN.replace("kind: source", "kind: ${KIND}").replace("  path:", "  ${PATH_KEY}:")
    spec = '{${KEY}: 1, "x_${KEY}": {${KEY}: 2}, c: "${VALUE}", d: "${}"}'
    path.write_text(text.replace("SPEC", spec), encoding="utf-8")
    assert load_config(path).sources[0].spec == {"rows": 1, "x_rows": {"rows": 2}, "c": "${KEY}", "d": "${}"}


def test_a_files_content_may_name_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are put in, as there, and an unset one is missed; no file brings in another."""
    monkeypatch.setenv("PASSWORD", "p")
    (tmp_path / "f").write_text("a:${PASSWORD}@${time:2025-01-01|2006}:${file:f}\n", encoding="utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(PLUGIN.replace("SPEC", '{a: "${file:f}"}'), encoding="utf-8")
    assert load_config(path).sources[0].spec == {"a": "a:p@2025:${file:f}"}
    monkeypatch.delenv("PASSWORD")
    with pytest.raises(ConfigError, match=r"document 1: `spec\.a` needs the environment variable PASSWORD"):
        load_config(path)
