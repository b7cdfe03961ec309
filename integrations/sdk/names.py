"""Rules for names, and the nearest right name for a wrong one."""

import difflib
import re
from collections.abc import Iterable

from integrations.sdk.errors import DeclarationError

NAME = re.compile(r"[a-z_][a-z\d_]*\Z")  # CloudQuery's rule for tables and columns
INTERNAL_PREFIX = "_cq_"


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known name, or all of them when none is near.

    >>> nearest("forsm", ["forms", "responses"])
    'did you mean `forms`?'
    >>> nearest("x", ["forms", "responses"])
    'there are: forms, responses'
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"there are: {', '.join(names[:20])}{' …' if len(names) > 20 else ''}" if names else "there are none"


def check_name(what: str, name: str) -> None:
    """Raise DeclarationError unless the name is lower case, digits and underscores, and not ours."""
    if not isinstance(name, str) or not NAME.match(name):
        raise DeclarationError(
            f"{what} `{name}`: a name is lower-case letters, digits and underscores, not a digit first",
            hint=f"call it `{slug(str(name))}`",
        )
    if name.startswith(INTERNAL_PREFIX):
        raise DeclarationError(
            f"{what} `{name}`: names that begin with {INTERNAL_PREFIX} are Headwater's own",
            hint="choose another name",
        )


def slug(text: str) -> str:
    """The nearest name that the rule allows.

    >>> slug("Permit No.")
    'permit_no'
    >>> slug("2nd")
    '_2nd'
    """
    name = re.sub(r"[^a-z\d]+", "_", text.lower()).strip("_") or "unnamed"
    return f"_{name}" if name[0].isdigit() else name


def first_repeated(names: Iterable[str]) -> str | None:
    """The first name that comes twice, if any does."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
