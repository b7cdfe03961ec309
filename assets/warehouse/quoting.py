"""Names and texts as SQL spells them; everything that comes from outside goes through here."""

NUL, NUL_IN_SQL = "\0", "' || chr(0) || '"  # DuckDB 1.5 ends a statement at a NUL


def name(identifier: str) -> str:
    """An identifier in double quotes.

    >>> name('t"; drop table x; --')
    '"t""; drop table x; --"'
    """
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text in single quotes.

    >>> text("it's")
    "'it''s'"
    """
    quoted = "'" + value.replace("'", "''") + "'"
    return quoted if "\0" not in quoted else f"({quoted.replace(NUL, NUL_IN_SQL)})"


def names(identifiers: list[str]) -> str:
    """Several identifiers, with commas."""
    return ", ".join(map(name, identifiers))
