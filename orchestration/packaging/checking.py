"""A script, or a configured source, against all rules: its text, its manifest, and what it declares."""

import inspect
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from assets.catalog_store import FIELDS
from assets.resources import extracting
from assets.source import Source
from assets.warehouse.quoting import names, text
from integrations.sdk.errors import RequestForbidden
from integrations.sdk.lineage import DeclaredLineage
from integrations.sdk.manifest import Endpoints, Manifest
from integrations.sdk.resource import Resource, noticing_ignored_fields
from integrations.sdk.script_network import HttpNetwork
from integrations.sdk.strategies import InMemoryIngest
from orchestration.packaging.declared import check_declared, check_same_ids
from orchestration.packaging.manifest_rules import check_manifest, read_for_check
from orchestration.packaging.rules import ONLY_OF_SCRIPTS, Finding, Findings, finding
from orchestration.packaging.script_rules import check_script
from orchestration.packaging.script_text import ScriptText
from orchestration.scripts import PREFIX, loaded_anew


@dataclass(slots=True)
class Report:
    """What has been looked at, and what was found."""

    script: Path | None
    manifest: Manifest | None = None
    looked_at: list[str] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    asked: list[str] = field(default_factory=list)
    resources: int = 0
    lineage: int = 0

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return self.findings.number("error")

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return self.findings.number("warning")


def check_text(script: Path, *, is_script: bool = True) -> Report:
    """The script's text and its manifest, or a module's text; nothing is imported, nothing is run."""
    report = Report(script, looked_at=["script"])
    content = script.read_bytes()
    try:
        parsed: ScriptText | None = ScriptText(content, script)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        parsed, line = None, getattr(error, "lineno", None)
        report.findings.extend([finding("script-unreadable", f"{type(error).__name__}: {error}", line)])
    if parsed:
        found = check_script(parsed)
        report.findings.extend(each for each in found if is_script or each.rule.id not in ONLY_OF_SCRIPTS)
    if is_script:
        report.manifest, problems = read_for_check(script)
        report.findings.extend(problems)
        if report.manifest:
            report.looked_at.append("manifest")
            report.findings.extend(check_manifest(report.manifest, parsed))
    return report


def check_source(source: Source, *, run: bool) -> Report:
    """A configured source: its text, its manifest, and what it declares now, or declared in its last run.

    Raises: what the extraction raises, except for a request that the manifest does not let out.
    """
    file = inspect.getsourcefile(source.integration)
    is_script = source.integration.__module__.startswith(PREFIX)
    report = check_text(Path(file), is_script=is_script) if file else Report(None)
    if run:
        report.findings.extend(_run_twice(source, report))
    else:
        stored = _last_declared(source)
        if stored is not None:
            report.looked_at.append("last run")
            report.resources, report.lineage = len(stored[0]), len(stored[1])
            report.findings.extend(check_declared(*stored, source.masking))
    return report


class _Noting:
    """Notes every address that is asked, and refuses what the manifest does not list."""

    def __init__(self, endpoints: Endpoints | None) -> None:
        self.endpoints = endpoints
        self.asked: dict[str, None] = {}
        self.refused: list[RequestForbidden] = []

    def check(self, method: str, url: str) -> None:
        """Raises: RequestForbidden."""
        self.asked[f"{method} {url.partition('?')[0]}"] = None
        if self.endpoints:
            try:
                self.endpoints.check(method, url)
            except RequestForbidden as error:
                self.refused.append(error)
                raise


def _run_twice(source: Source, report: Report) -> Iterator[Finding]:
    """Run the extraction twice; writes nothing, and masks nothing that is looked at."""
    report.looked_at.append("two runs")
    noting = _Noting(source.manifest.allowed(_credentials(source)) if source.manifest else None)
    with noticing_ignored_fields() as ignored:
        runs = [_run_anew(source, noting) for _ in range(2)]
    report.asked = list(noting.asked)
    for refused in noting.refused:
        yield finding("endpoint-unlisted", refused.what)
    for _, name in ignored:
        yield finding("ignored-field", f"Resource has no field `{name}`")
    if all(complete for _, complete in runs):
        first, second = (declared for declared, _ in runs)
        changed = list(check_same_ids(first.resources, second.resources))
        yield from changed
        report.resources, report.lineage = len(second.resources), len(second.lineage)
        yield from check_declared(second.resources, second.lineage, source.masking, stable=not changed)


def _run_anew(source: Source, noting: _Noting) -> tuple[InMemoryIngest, bool]:
    """The same with a script's modules loaded anew, as each sync has them: what one remembers is no other id."""
    file = inspect.getsourcefile(source.integration)
    if not file or not source.integration.__module__.startswith(PREFIX):
        return _run(source, noting)
    with loaded_anew(Path(file)) as integration:
        return _run(replace(source, integration=integration), noting)


def _run(source: Source, noting: _Noting) -> tuple[InMemoryIngest, bool]:
    """What one run declares, and whether it came to its end."""
    declared = InMemoryIngest()
    try:
        with redirect_stdout(sys.stderr), extracting(source, noting):  # the report alone is this command's output
            integration = source.instantiate(ingest_resources_strategy=declared)
            integration.ingest_resources_strategy = declared
            integration.network_call_strategy = HttpNetwork(
                parallel_requests=source.parallel_requests,
                requests_per_second=source.requests_per_second,
                allowed=noting,
            )
            integration.start()
    except RequestForbidden:
        if not noting.refused:
            raise
        return declared, False
    return declared, True


def _last_declared(source: Source) -> tuple[list[Resource], list[DeclaredLineage]] | None:
    """What the catalog has of the source; None when it was never synced."""
    if not source.warehouse.exists():
        return None
    known = "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'catalog' AND table_name = 'resources'"
    of_it = f"WHERE source = {text(source.name)}"
    with source.warehouse.session() as session:
        if not session.query(known)[1]:
            return None
        rows = session.query(f"SELECT {names(list(FIELDS))} FROM catalog.resources {of_it}")[1]
        edges = session.query(
            f"SELECT from_identifier::VARCHAR, to_identifier::VARCHAR FROM catalog.lineage {of_it} ORDER BY position"
        )[1]
    resources = [Resource.model_validate(dict(zip(FIELDS, row, strict=True))) for row in rows]
    pairs = [{"from_identifier": json.loads(start), "to_identifier": json.loads(end)} for start, end in edges]
    return (resources, TypeAdapter(list[DeclaredLineage]).validate_python(pairs)) if resources or pairs else None


def _credentials(source: Source) -> dict[str, Any]:
    return dict(source.spec) if isinstance(source.spec, dict) else {}
