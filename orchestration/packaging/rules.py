"""Every rule of `headwater check`: its id, how certain it is, and its sentence. docs/secoda.md has them all.

An error is a rule of which the documents, or the package itself, leave no doubt; where they contradict each
other, or leave it open, it is a warning.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
SHOWN_PER_RULE = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `about` is what is looked at: the script's text, its manifest, or what it declares."""

    id: str
    severity: Severity
    about: Literal["script", "manifest", "declared"]
    sentence: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule does not hold."""

    rule: Rule
    message: str
    line: int | None = None


def _rules(about: Literal["script", "manifest", "declared"], severity: Severity, **sentences: str) -> list[Rule]:
    return [Rule(id.replace("_", "-"), severity, about, sentence) for id, sentence in sentences.items()]


RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in [
        *_rules(
            "script",
            "error",
            script_unreadable="The script is Python text that can be read.",
            integration_missing="The script defines a class that extends SecodaIntegration, and its extract().",
            sibling_import="A package is a single file: it imports no file beside it.",
            unstable_id="A `databuilder_id` is not made of chance, of the time, or of an address in memory.",
            secret_in_source="A credential is not written into the script.",  # noqa: S106 - a sentence
        ),
        *_rules(
            "script",
            "warning",
            starts_on_import='The script is started below `if __name__ == "__main__":` only.',
            third_party_import="The script needs no package besides secodadk and what that brings.",
            direct_http="Requests are made with http_get and its like: others pass by the list of endpoints.",
            ignored_field="A Resource is given no field that it does not have: it would be ignored in silence.",
            field_of_other_type="A field is given to the entity types that it is documented for.",
            undocumented_field="A field that the package has and no document describes is not relied on.",
            put_auth="http_put is not given `auth`: secodadk 0.0.6 does not send it.",
            status_unchecked="An answer's status is looked at before its body: no status raises by itself.",
        ),
        *_rules(
            "manifest",
            "error",
            manifest_invalid="The manifest is YAML with the keys that docs/secoda.md lists.",
            icon_unusable="The icon is a PNG, JPEG, GIF, WebP or SVG image below 1 MiB.",
            input_undeclared="Every key that is read from `self.credentials` is an input.",
            endpoint_unlisted="Every address that is asked is below an endpoint of the manifest.",
        ),
        *_rules(
            "manifest",
            "warning",
            manifest_missing="The script has a manifest.",
            input_unused="Every input is read from `self.credentials`.",
            input_not_sensitive="An input whose name speaks of a secret is sensitive.",
            input_without_help="Every input has a help text.",
            endpoint_in_clear="An endpoint is https, except on the own machine.",
        ),
        *_rules(
            "declared",
            "error",
            entity_type_unknown="An entity type is one of the seven that the SDK knows.",
            id_empty="A `databuilder_id` is not empty.",
            id_changes="Two runs, one after the other, declare the same ids.",
            duplicate_id="An id belongs to one resource: no two different ones share it.",
            column_parent_missing="A column has a parent.",
            table_schema_missing="A table has a `schema`.",
            table_database_missing="A table has a `database`.",
            chart_parent_missing="A chart has a parent.",
            required_parent_undeclared="The parent of a column or a chart is declared, too.",
            column_parent_kind="The parent of a column is a table or a column.",
            chart_parent_kind="The parent of a chart is a dashboard.",
            parent_cycle="No resource is its own ancestor.",
            lineage_ends="An edge joins two kinds of ends that may be joined.",
            lineage_end_undeclared="An internal end of an edge is declared as a resource.",
            lineage_self="An edge does not lead back to where it starts.",
            sql_empty="A TablesFromSQLQuery has a query.",
            secret_in_resource="No sensitive input is in what the catalog shows.",  # noqa: S106 - a sentence
        ),
        *_rules(
            "declared",
            "warning",
            nothing_declared="Something is declared: a sync of nothing looks like a failure.",
            id_looks_random="An id does not look like a random or passing one: a UUID, an address, a time.",
            ids_differ_in_case="Two ids differ in more than upper and lower case.",
            repeated_resource="A resource is declared once.",
            parent_undeclared="The parent of a schema, table or dashboard is declared, too.",
            parent_kind="A parent is of the kind above: database, schema, table; dashboard_group, dashboard.",
            dashboard_group_missing="A dashboard has a `group`, or a dashboard_group as its parent.",
            chart_product_missing="A chart has a `product`.",
            column_title_period="The name of a column has no period.",
            column_title_case="The name of a column is in lower case.",
            native_type_long="A `native_type` is not longer than 50 characters.",
            lineage_both_external="At least one end of an edge is a resource of the integration itself.",
            lineage_duplicate="An edge is declared once.",
            lineage_cycle="Edges do not lead in a circle.",
            lineage_to_parent="An edge is not another word for the parent: containment is no lineage.",
            external_name_partial="An external table or column has cluster, database, schema and table.",
        ),
    ]
}


ONLY_OF_SCRIPTS = frozenset({"sibling-import", "third-party-import", "starts-on-import"})
"""What does not matter to a module of the project, which is never uploaded by itself."""


class Findings:
    """What has been found, in order; each rule at most `SHOWN_PER_RULE` times, and all of it counted."""

    def __init__(self, found: Iterable[Finding] = ()) -> None:
        self.shown: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.extend(found)

    def extend(self, found: Iterable[Finding]) -> None:
        """Add more; the same sentence about the same line counts once, and without a line not after one with it."""
        known = set(self.shown)
        said = {(each.rule.id, each.message) for each in self.shown if each.line is not None}
        for each in found:
            if each in known or (each.line is None and (each.rule.id, each.message) in said):
                continue
            self.counts[each.rule.id] += 1
            if self.counts[each.rule.id] <= SHOWN_PER_RULE:
                self.shown.append(each)
                known.add(each)

    def number(self, severity: Severity) -> int:
        """How many errors, or warnings."""
        return sum(count for id, count in self.counts.items() if RULES[id].severity == severity)


def finding(rule: str, message: str, line: int | None = None) -> Finding:
    """A finding, by the rule's id."""
    return Finding(RULES[rule], message, line)
