"""Names and texts as SQL spells them; everything that comes from outside goes through here."""


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
    return "'" + value.replace("'", "''") + "'"


def names(identifiers: list[str]) -> str:
    """Several identifiers, with commas."""
    return ", ".join(map(name, identifiers))
