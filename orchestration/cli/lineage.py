"""`headwater lineage`: the tables and columns that a query or a file of SQL reads and writes."""

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption, between

if TYPE_CHECKING:
    from assets.lineage import SqlLineage, StatementLineage, TableName

WORDS = {
    "parsed": "parsed",
    "partly": "partly parsed",
    "fallback": "fallback: only words were read",
    "failed": "failed",
}
STYLES = {"parsed": "green", "partly": "yellow", "fallback": "yellow", "failed": "red"}


def lineage(
    sql: Annotated[
        str | None, typer.Argument(help="The query, or - for stdin. Put -- before one that begins with --.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A file of SQL, or of a dbt model.")] = None,
    dialect: Annotated[
        str | None, typer.Option("--dialect", help="The query's dialect; else several are tried.")
    ] = None,
    database: Annotated[str | None, typer.Option("--database", help="The database of names without one.")] = None,
    default_schema: Annotated[
        str | None, typer.Option("--default-schema", help="The schema of names without one.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="Columns of tables: a JSON or YAML file of `table: [column, …]`.")
    ] = None,
    keep_temporary: Annotated[
        bool, typer.Option("--keep-temporary", help="Show temporary tables, instead of what they were filled from.")
    ] = False,
    time_limit: Annotated[
        float, typer.Option("--time-limit", callback=between(0.01, 3600), help="Seconds that it may take.")
    ] = 5.0,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the tables and columns that a query, or a file of SQL or of a dbt model, reads and writes."""
    from assets.lineage import resolve

    found = resolve(
        _text(sql, file),
        dialect=_dialect(dialect),
        default_database=database,
        default_schema=default_schema,
        schema=_tables(schema),
        keep_temporary=keep_temporary,
        time_limit_s=time_limit,
    )
    if json:
        output.print_json(document(found))
    else:
        _show(found)
    if found.status == "failed":
        raise typer.Exit(1)


def _text(sql: str | None, file: Path | None) -> str:
    """The SQL that is asked about. Raises: ConfigError."""
    from integrations.sdk.errors import ConfigError

    if (sql is None) == (file is None):
        raise ConfigError("give either the SQL or --file", hint='headwater lineage "SELECT …", or --file query.sql')
    if sql == "-" or file == Path("-"):
        return sys.stdin.read()
    if file is None:
        return sql or ""
    try:
        return file.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror or error}") from None


def _dialect(name: str | None) -> str | None:
    from difflib import get_close_matches

    from assets.lineage import DIALECTS, canonical
    from integrations.sdk.errors import ConfigError

    if canonical(name) is None:
        near = get_close_matches(name or "", DIALECTS, 1)
        raise ConfigError(
            f"the dialect `{name}` is unknown",
            hint=f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(DIALECTS)}",
        )
    return name


def _tables(path: Path | None) -> dict[str, Any] | None:
    """The columns of the tables in a file. Raises: ConfigError."""
    import yaml

    from assets.lineage import checked
    from integrations.sdk.errors import ConfigError
    from orchestration.yaml_values import why_not_yaml

    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        read = json_module.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {why_not_yaml(error)}") from None
    try:
        return dict(checked(read))
    except TypeError as error:
        raise ConfigError(
            f"{path} is no schema: {error}", hint="shop.orders: [id, total], or shop.orders: {id: int, total: decimal}"
        ) from None


def document(found: "SqlLineage") -> dict[str, Any]:
    """What --json prints."""
    return {
        "status": found.status,
        "confidence": found.confidence,
        "dialect": found.dialect,
        "sources": [_table(table) for table in found.sources],
        "targets": [_table(table) for table in found.targets],
        "columns": [
            {
                "target_table": _table(column.target_table) if column.target_table else None,
                "target": column.target,
                "sources": [{**_table(source.table), "column": source.column} for source in column.sources],
            }
            for column in found.columns
        ],
        "statements": [_statement(statement) for statement in found.statements],
        "refs": list(found.refs),
        "dbt_sources": [list(source) for source in found.dbt_sources],
        "unresolved": list(found.unresolved),
        "problems": list(found.problems),
    }


def _table(table: "TableName") -> dict[str, Any]:
    return {"database": table.catalog, "schema": table.schema, "table": table.name}


def _statement(statement: "StatementLineage") -> dict[str, Any]:
    return {
        "kind": statement.kind,
        "line": statement.line,
        "status": statement.status,
        "confidence": statement.confidence,
        "dialect": statement.dialect,
        "sources": [str(table) for table in statement.sources],
        "targets": [str(table) for table in statement.targets],
        "problem": statement.problem or None,
    }


def _show(found: "SqlLineage") -> None:
    tables = [[str(table), "read"] for table in found.sources] + [[str(table), "written"] for table in found.targets]
    if tables:
        output.print_table("Tables", ["table", "access"], tables)
    if found.columns:
        output.print_table(
            "Columns",
            ["table", "column", "from"],
            [
                [
                    str(column.target_table) if column.target_table else None,
                    column.target,
                    ", ".join(str(source) for source in column.sources),
                ]
                for column in found.columns
            ],
        )
    if len(found.statements) > 1:
        output.print_table(
            "Statements",
            ["line", "statement", "status", "reads", "writes"],
            [
                [
                    statement.line,
                    statement.kind,
                    statement.status,
                    ", ".join(str(table) for table in statement.sources),
                    ", ".join(str(table) for table in statement.targets),
                ]
                for statement in found.statements
            ],
        )
    console = output.console()
    dialect = "generic SQL" if found.dialect == "generic" else found.dialect
    how = f" as {dialect}" if dialect and found.status in ("parsed", "partly") else ""
    trust = f", confidence {found.confidence:g}" if found.confidence else ""
    console.print(f"{WORDS[found.status]}{how}{trust}", style=STYLES[found.status], markup=False)
    for each in found.unresolved:
        console.print(f"unresolved: {each}", markup=False)
    for problem in found.problems:
        console.print(problem, markup=False)
