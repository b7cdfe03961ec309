"""What a staged line has besides its record: the scope that it was read in, and its place among the others."""

from assets.warehouse.reader import ORDER, SCOPE


def scoped(lines: bytes, scope: int | None) -> bytes:
    """Put the scope's number first into every line; a line break occurs between records only."""
    if scope is None or not lines:
        return lines
    mark = mark_of(scope)
    if lines.startswith(b"{}") or b"\n{}" in lines:  # only exact lines without columns
        return b"\n".join(mark[:-1] + b"}" if line == b"{}" else mark + line[1:] for line in lines.split(b"\n"))
    return mark + lines[1:].replace(b"\n{", b"\n" + mark)


def mark_of(scope: int) -> bytes:
    """How a line of that scope begins."""
    return f'{{"{SCOPE}":{scope},'.encode()


def ordered(line: bytes, after: int) -> bytes:
    """An exact line with its place among the fast ones, as its last field."""
    comma = b"" if line == b"{}" else b","
    return line[:-1] + comma + f'"{ORDER}":{after}}}'.encode()
