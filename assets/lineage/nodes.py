"""The names of tables where they stand in a statement's tree."""

from sqlglot import exp

from assets.lineage.lexing import name_parts
from assets.lineage.names import TableName, table_name


def name_of(table: exp.Expr) -> TableName | None:
    """The name of a table; None for a function, a parameter, a stage or a file."""
    this = table.args.get("this")
    if not isinstance(this, (exp.Dot, exp.Identifier)) or isinstance(this.expression, exp.Func):
        return _name_in_string(table if isinstance(table, exp.TableFromRows) else this)
    parts = _parts(this)
    for key in ("db", "catalog"):
        parts[:0] = _parts(table.args.get(key))
    name = table_name(parts)
    if not name.name or name.name.startswith("@") or (this.args.get("quoted") and name.is_file):
        return None
    return name


def _name_in_string(node: object) -> TableName | None:
    """The name that `IDENTIFIER('a.b')` and `TABLE('a.b')` have in a string."""
    if isinstance(node, exp.Anonymous) and node.name.upper() == "IDENTIFIER" and node.expressions:
        node = node.expressions[0]
    elif isinstance(node, (exp.DynamicIdentifier, exp.TableFromRows)):
        node = node.this
    else:
        return None
    return table_name(name_parts(node.name)) if isinstance(node, exp.Literal) and node.is_string else None


def _parts(node: object) -> list[str]:
    """The parts of a name. T-SQL's `db..t` has an empty text between."""
    if isinstance(node, exp.Dot):
        return _parts(node.this) + _parts(node.expression)
    return [node.name] if isinstance(node, exp.Expr) else []


def temporary_name(table: exp.Expr) -> TableName | None:
    """The name of a temporary table or table variable of T-SQL: `#t`, `##t`, `@t`."""
    this = table.args.get("this")
    if isinstance(this, exp.Parameter) and not table.args.get("db"):
        return TableName(f"@{this.name}")
    if isinstance(this, exp.Identifier) and (this.args.get("temporary") or this.args.get("global_")):
        return TableName(f"#{this.name}")
    return None


def written_name(table: exp.Expr) -> TableName | None:
    """The name of a table that is written, be it a temporary one."""
    return temporary_name(table) or name_of(table)
