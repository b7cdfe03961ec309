"""`migrate-config`: what will be different when a config file of CloudQuery's is used here."""

from typing import Any

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

ALWAYS = (
    "tables land in DuckDB, one schema per source, before they go anywhere else; rows are removed as stale only after "
    "a sync of their table that was whole and without an error",
    "a table that fails makes the exit code 1: CloudQuery's is 0",
    "a placeholder is put in after the YAML is read, so that its value never reaches beyond its place; paths are "
    "relative to the config file",
)


def migrate_config(config: ConfigOption = None, json: JsonOption = False, debug: DebugOption = False) -> None:
    """Say what a config file of CloudQuery's will do differently here; nothing is changed."""
    from orchestration.config import load_config

    loaded = load_config(config)
    found = [
        {"where": each.where, "field": each.field, "works": each.works, "what": each.what}
        for each in loaded.differences
    ]
    if json:
        output.print_json({"config": str(loaded.path), "differences": found, "always": list(ALWAYS)})
        return
    rows: list[list[Any]] = [
        [each["where"], each["field"], "yes" if each["works"] else "no", each["what"]] for each in found
    ]
    if rows:
        output.print_table(str(loaded.path), ["where", "field", "works", "what is different"], rows)
    else:
        output.console().print(f"{loaded.path}: no field of it means anything else here", markup=False)
    output.console().print("Always:")
    for said in ALWAYS:
        output.console().print(f"- {said}", markup=False)
