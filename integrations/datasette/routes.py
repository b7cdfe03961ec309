"""Where things are on a Datasette server: names in URLs are tilde-encoded."""

import re

ODD = re.compile(rb"[^A-Za-z0-9_-]")


def tilde_encode(name: str) -> str:
    """The name as Datasette writes it in a path.

    Source: https://docs.datasette.io/en/stable/internals.html#tilde-encoding

    >>> tilde_encode("Permits/2024 (new).csv")
    'Permits~2F2024+~28new~29~2Ecsv'
    >>> tilde_encode("größe")
    'gr~C3~B6~C3~9Fe'
    """

    def encoded(found: re.Match[bytes]) -> bytes:
        return b"+" if found[0] == b" " else b"~%02X" % ord(found[0])

    return ODD.sub(encoded, name.encode()).decode()


def database_path(route: str) -> str:
    """A database's path, to which `.json` can be added."""
    return f"/{tilde_encode(route)}"


def table_path(route: str, table: str) -> str:
    """The path of a table or a view, to which `.json` can be added."""
    return f"/{tilde_encode(route)}/{tilde_encode(table)}"
