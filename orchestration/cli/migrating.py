"""`migrate-config`: what will be different when a config file of CloudQuery's is used here."""

from collections.abc import Mapping, Sequence
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
    """Say what a config file of CloudQuery's will do differently here; nothing is changed, no variable is needed."""
    from orchestration.config import load_config

    unset: list[str] = []
    loaded = load_config(config, unset=unset)
    unset = list(dict.fromkeys(unset))
    found = [
        {"where": each.where, "field": each.field, "works": each.works, "what": str(each)}
        for each in loaded.differences
    ]
    if json:
        output.print_json({"config": str(loaded.path), "differences": found, "always": list(ALWAYS), "unset": unset})
        return
    rows: list[list[Any]] = [
        [each["where"], each["field"], "yes" if each["works"] else "no", each["what"]] for each in found
    ]
    console = output.console()
    if rows:
        output.print_table(str(loaded.path), ["where", "field", "works", "what is different"], rows)
    console.print("Always:")
    for said in ALWAYS:
        console.print(f"- {said}", markup=False)
    if unset:
        console.print(f"\nNot set here, so that their fields were not checked: {', '.join(unset)}", markup=False)
    console.print(f"\n{loaded.path}: {_summary(found)}", markup=False)


def _summary(found: Sequence[Mapping[str, Any]]) -> str:
    failing = sum(not each["works"] for each in found)
    if not found:
        return "no field means anything else here"
    return f"{output.counted(len(found), 'difference')}; works: {len(found) - failing} yes, {failing} no"
