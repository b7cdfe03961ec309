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
    ],
)
def test_a_plugins_spec_is_what_json_can_say(tmp_path: Path, written: str, sent: dict[str, Any]) -> None:
    """Dates and times are texts, and so are keys, as CloudQuery's command line sends them."""
    path = tmp_path / "config.yaml"
    path.write_text(PLUGIN.replace("SPEC", written), encoding="utf-8")
    (source,) = load_config(path).sources
    assert json.loads(json.dumps(source.spec)) == sent


def test_a_list_may_be_put_in_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a field is a list, or anything of a plugin's: in brackets or braces, on one line, without quotes."""
    monkeypatch.setenv("NAMES", '["a*", b]')
    monkeypatch.setenv("LINES", "[a,\nb]")
    path = tmp_path / "config.yaml"
    text = PLUGIN.replace("SPEC", '{regions: ${NAMES}, quoted: "${NAMES}", lines: ${LINES}, inner: x${NAMES}}')
    path.write_text(text.replace("  destinations", "  tables: ${NAMES}\n  destinations"), encoding="utf-8")
    (source,) = load_config(path).sources
    assert source.tables == ["a*", "b"]
    assert source.spec == {
        "regions": ["a*", "b"], "quoted": '["a*", b]', "lines": "[a,\nb]", "inner": 'x["a*", b]',
    }  # fmt: skip
    monkeypatch.setenv("NAMES", "[a], registry: local")
    with pytest.raises(ConfigError, match="tables"):
        load_config(path)
