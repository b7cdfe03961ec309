"""Run our own resolver over labelled queries and score it.

    python -m tests.lineage.score CORPUS.jsonl [--json]
    python -m tests.lineage.score --dbt CORPUS.jsonl [--json]

A line of the first is a case with `sql`, `dialect`, `default_catalog`, `default_schema`, `schema`, `expected_sources`,
`column_lineage` and others; of the second a dbt model with `sql`, `expected_refs`, `expected_dbt_sources`. Contested
labels are left out. Every case is resolved with its own dialect, defaults and schema.
"""

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assets.lineage import SqlLineage, resolve

Case = Mapping[str, Any]
Parts = tuple[str, ...]
Edges = set[tuple[str | int, Parts]]

PSEUDO = {"dual", "sysdummy1"}
NAME = re.compile(r'"(?:[^"]|"")*"|\[[^\]]*\]|[^.`]+')
SHORT_CHARACTERS = 200
"""Queries up to here are what the speed is measured on: three of four in the public corpus."""


def read_cases(path: Path) -> list[dict[str, Any]]:
    """The cases of a file, one JSON object a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def name_parts(name: str | Sequence[str]) -> list[str]:
    """A table's name in parts, in lower case and without quotes."""
    if isinstance(name, str):
        pieces = (piece.strip() for piece in NAME.findall(name.strip()))
        name = [piece[1:-1] if piece[:1] in '"[' and len(piece) > 1 else piece for piece in pieces if piece]
    return [str(part).strip('"`[]').lower() for part in name if part]


def qualified(parts: Sequence[str], case: Case) -> Parts:
    """A name with the case's defaults before it, and split at all dots, as expected names are compared."""
    whole = ".".join(parts).split(".")
    schema, catalog = case.get("default_schema"), case.get("default_catalog")
    if len(whole) == 1 and schema:
        whole = ([schema.lower()] if catalog else name_parts(schema)) + whole
    if len(whole) == 2 and catalog:
        whole = [catalog.lower(), *whole]
    return tuple(whole)


def without_pseudo(tables: Iterable[Parts]) -> set[Parts]:
    """Tables but for those of one row that engines have to select constants from."""
    return {table for table in tables if table[-1] not in PSEUDO}


class Counts:
    """Exact answers, and precision and recall over all that was expected and found."""

    def __init__(self) -> None:
        self.n = self.exact = self.right = self.expected = self.found = self.failures = 0

    def add(self, expected: set[Any], found: set[Any], *, failed: bool = False) -> None:
        """Count one case."""
        self.n += 1
        self.exact += expected == found and not failed
        self.right += len(expected & found)
        self.expected += len(expected)
        self.found += len(found)
        self.failures += failed

    def document(self) -> dict[str, Any]:
        """As --json prints it; percentages from 0 to 100."""
        return {
            "n": self.n,
            "exact": percent(self.exact, self.n),
            "precision": percent(self.right, self.found),
            "recall": percent(self.right, self.expected),
            "failures_pct": percent(self.failures, self.n),
        }


def percent(part: int, whole: int) -> float:
    """A percentage; 0 of nothing is 0."""
    return round(100 * part / max(whole, 1), 2)


def answer(case: Case, *, columns: bool = True) -> SqlLineage | None:
    """What our resolver says to a case; None if it raises, which it never may."""
    try:
        return resolve(
            case["sql"],
            dialect=case["dialect"],
            default_database=case.get("default_catalog"),
            default_schema=case.get("default_schema"),
            schema=case.get("schema"),
            columns=columns,
        )
    except Exception:
        return None


def prediction(case: Case, found: SqlLineage | None) -> dict[str, Any]:
    """An answer as a line of predictions: no sources where nothing could be read."""
    if found is None or found.status == "failed":
        return {"id": case["id"], "sources": None}
    columns = [
        {"target": column.target, "sources": [[*source.table.parts, source.column] for source in column.sources]}
        for column in found.columns
    ]
    return {"id": case["id"], "sources": [list(table.parts) for table in found.sources], "columns": columns}


def edges(columns: Sequence[Mapping[str, Any]], case: Case, *, by_position: bool) -> Edges:
    """Edges from a column that is read to one that is given out, by its name or by its place."""
    found: Edges = set()
    for at, column in enumerate(columns):
        target = at if by_position else column["target"].strip('"`[]').lower()
        for source in column["sources"]:
            parts = name_parts(source)
            found.add((target, (*qualified(parts[:-1], case), parts[-1])))
    return found


def score(cases: Sequence[Case], predictions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The scores of predictions, without the speed."""
    groups: dict[str, Counts] = defaultdict(Counts)
    dialects: dict[str, Counts] = defaultdict(Counts)
    for case in cases:
        predicted = predictions.get(case["id"]) or {}
        sources = predicted.get("sources")
        if case.get("expected_sources") is not None and not case.get("contested"):
            expected = without_pseudo(qualified(name_parts(name), case) for name in case["expected_sources"])
            found = without_pseudo(qualified(name_parts(name), case) for name in sources or [] if name_parts(name))
            for counts in (groups["table"], dialects[case["dialect"]], *([groups["hard"]] if case.get("hard") else [])):
                counts.add(expected, found, failed=sources is None)
        if case.get("column_lineage") and not case.get("col_contested"):
            columns = predicted.get("columns")
            by_position = case.get("col_match") == "position" and len(columns or []) == len(case["column_lineage"])
            groups["column_with_schema" if case.get("schema") else "column_without_schema"].add(
                edges(case["column_lineage"], case, by_position=by_position),
                edges(columns or [], case, by_position=by_position),
                failed=columns is None,
            )
    names = ("table", "hard", "column_with_schema", "column_without_schema")
    return {
        **{name: groups[name].document() for name in names},
        "by_dialect": {name: counts.document() for name, counts in sorted(dialects.items(), key=lambda d: -d[1].n)},
    }


def queries_per_cpu_s(cases: Sequence[Case], rounds: int = 3) -> float:
    """Short queries, table level, per second of CPU time: the best of some rounds, after one to warm up."""
    short = [case for case in cases if len(case["sql"]) <= SHORT_CHARACTERS] or list(cases)
    best = 0.0
    for _ in range(rounds + 1):
        before = time.process_time()
        for case in short:
            answer(case, columns=False)
        best = max(best, len(short) / max(time.process_time() - before, 1e-9))
    return round(best)


def score_dbt(cases: Sequence[Case]) -> dict[str, Any]:
    """Exact refs and sources of dbt models, and how many of the wrong ones say that something is unresolved."""
    counts = {"literal": Counts(), "all": Counts()}
    hidden = said = 0
    for case in cases:
        found = resolve(case["sql"], dialect=case["dialect"], columns=False)
        expected = {("ref", name) for name in case["expected_refs"]}
        expected |= {(str(source), str(table)) for source, table in case["expected_dbt_sources"]}
        named = {("ref", name) for name in found.refs} | set(found.dbt_sources)
        counts["all"].add(expected, named)
        if case.get("literal_refs_complete"):
            counts["literal"].add(expected, named)
        elif expected != named:
            hidden += 1
            said += bool(found.unresolved)
    documents = {name: each.document() for name, each in counts.items()}
    return {**documents, "hidden_by_macros": {"n": hidden, "reported_unresolved": said}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the scores as tables or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.lineage.score", description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path, help="A file of labelled queries, one JSON object a line.")
    parser.add_argument("--json", action="store_true", help="Print one JSON document.")
    parser.add_argument("--dbt", action="store_true", help="The corpus holds dbt models with Jinja.")
    parser.add_argument("--predictions", type=Path, help="Write our answers here, a JSON object a line.")
    given = parser.parse_args(arguments)
    cases = read_cases(given.corpus)
    if given.dbt:
        scores = score_dbt(cases)
    else:
        predictions = {case["id"]: prediction(case, answer(case)) for case in cases}
        if given.predictions:
            lines = "".join(json.dumps(line) + "\n" for line in predictions.values())
            given.predictions.write_text(lines, encoding="utf-8")
        scores = {**score(cases, predictions), "queries_per_cpu_s": queries_per_cpu_s(cases)}
    if given.json:
        print(json.dumps(scores, indent=2))
        return 0
    rows = {name: value for name, value in scores.items() if isinstance(value, dict) and name != "by_dialect"}
    rows |= {f"  {name}": value for name, value in scores.get("by_dialect", {}).items()}
    print(f"{'':24}{'n':>6}{'exact %':>10}{'precision':>11}{'recall':>9}{'failures %':>12}")
    for name, row in rows.items():
        if "exact" in row:
            cells = f"{row['exact']:10.2f}{row['precision']:11.2f}{row['recall']:9.2f}{row['failures_pct']:12.2f}"
            print(f"{name:24}{row['n']:6}{cells}")
    if "queries_per_cpu_s" in scores:
        print(f"short queries per CPU-second: {scores['queries_per_cpu_s']:,}")
    if "hidden_by_macros" in scores:
        print(
            "hidden by macros: {n}, of them reported as unresolved: {reported_unresolved}".format(
                **scores["hidden_by_macros"]
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
