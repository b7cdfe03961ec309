"""Statements that change what short names mean: `USE`, `SET SCHEMA`, `SET search_path`, `ALTER SESSION`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from assets.lineage.lexing import NAME, STRING, WORD, Token
from assets.lineage.names import TableName

USES_CATALOG = frozenset({"tsql", "fabric"})
"""Dialects whose `USE x` chooses a database that has schemas; elsewhere x stands where a schema does."""

DATABASE_IS_SCHEMA = frozenset(
    {"databricks", "spark", "spark2", "hive", "mysql", "clickhouse", "doris", "starrocks", "singlestore"}
)
NO_NAMESPACE = frozenset({"WAREHOUSE", "ROLE", "SECONDARY", "ROLES"})


@dataclass(frozen=True, slots=True)
class Defaults:
    """What fills the missing parts of a name.

    A name without a schema stays bare where only a database is known, unless the script chose that database itself.
    `attached` are the databases that the script opened: USE of one chooses a database, and no schema.
    """

    catalog: str | None = None
    schema: str | None = None
    chosen: bool = False
    attached: frozenset[str] = frozenset()

    def complete(self, name: TableName) -> TableName:
        """The name with its missing parts, as far as they are known."""
        if name.catalog or name.name[:1] in {"#", "@"}:
            return name
        schema = name.schema or self.schema
        if schema or self.chosen:
            return TableName(name.name, schema, self.catalog)
        return name


def changed(tokens: Sequence[Token], dialect: str, now: Defaults, initial: Defaults) -> Defaults | None:
    """The defaults after a statement; None if it is not one that changes them."""
    words = [token.key for token in tokens[:8]]
    if words[:1] in (["USE"], ["DATABASE"]):
        return _used(tokens, dialect, now, initial)
    if words[:1] == ["ATTACH"]:
        return replace(now, attached=now.attached | _attached(tokens))
    if words[:1] == ["SET"]:
        return _set(tokens, now)
    if words[:4] == ["ALTER", "SESSION", "SET", "CURRENT_SCHEMA"]:
        parts = _parts(tokens, 4)
        return replace(now, schema=parts[-1]) if parts else None
    return None


def _used(tokens: Sequence[Token], dialect: str, now: Defaults, initial: Defaults) -> Defaults:
    at, kind = 1, ""
    if len(tokens) > 2 and tokens[1].key in {"CATALOG", "DATABASE", "SCHEMA", "NAMESPACE", *NO_NAMESPACE}:
        at, kind = 2, tokens[1].key
    if kind in NO_NAMESPACE:
        return now
    parts = _parts(tokens, at)
    if not parts:
        return now
    if len(parts) == 1 and parts[0].upper() == "DEFAULT" and kind != "SCHEMA":
        return replace(initial, attached=now.attached)
    if len(parts) > 1:
        return replace(now, catalog=parts[-2], schema=parts[-1], chosen=True)
    if kind == "CATALOG" or (not kind and (dialect in USES_CATALOG or parts[0].lower() in now.attached)):
        return replace(now, catalog=parts[0], schema=None, chosen=True)
    if kind == "DATABASE" and dialect not in DATABASE_IS_SCHEMA:
        return replace(now, catalog=parts[0], schema=None, chosen=True)
    return replace(now, schema=parts[0], chosen=True)


def _attached(tokens: Sequence[Token]) -> frozenset[str]:
    """The database that `ATTACH 'shop.db' AS y` opens; without AS it is called as its file is."""
    for at, token in enumerate(tokens[:-1]):
        if token.key == "AS":
            return frozenset({tokens[at + 1].text.lower()})
    files = [token.text for token in tokens if token.kind == STRING]
    return frozenset(PurePath(file.rpartition(":")[2]).stem.lower() for file in files[:1])


def _set(tokens: Sequence[Token], now: Defaults) -> Defaults | None:
    """`SET SCHEMA x`, `SET CURRENT SCHEMA = x`, `SET search_path TO x, y` (the first that is no variable)."""
    at = 1
    while at < len(tokens) and tokens[at].key in {"SESSION", "LOCAL", "CURRENT"}:
        at += 1
    if at >= len(tokens) or tokens[at].key not in {"SCHEMA", "CURRENT_SCHEMA", "SEARCH_PATH"}:
        return None
    if tokens[at].key == "SEARCH_PATH":
        named = [t.text for t in tokens[at + 1 :] if t.kind in (WORD, NAME, STRING) and t.key not in {"TO", "DEFAULT"}]
        chosen = [name for name in named if not name.startswith("$")]
        return replace(now, schema=chosen[0]) if chosen else None
    parts = _parts(tokens, at + 1)
    return replace(now, schema=parts[-1]) if parts else None


def _parts(tokens: Sequence[Token], at: int) -> list[str]:
    """The parts of the name that begins here."""
    while at < len(tokens) and (tokens[at].key == "=" or tokens[at].key == "TO"):
        at += 1
    parts = []
    while at < len(tokens) and tokens[at].kind in (WORD, NAME, STRING):
        parts.append(tokens[at].text)
        if at + 1 >= len(tokens) or tokens[at + 1].key != ".":
            break
        at += 2
    return parts
