"""Names for what SQLite lets be called anything."""

from collections.abc import Iterable

from integrations.sdk.names import INTERNAL_PREFIX, NAME, slug


def name_all(originals: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A name of its own for each: itself where the rule allows it, else the nearest, numbered when that is taken.

    >>> name_all(["id", "Permit No.", "permit no", "permit_no"])
    {'id': 'id', 'permit_no': 'permit_no', 'Permit No.': 'permit_no_2', 'permit no': 'permit_no_3'}
    """
    names = {each: each for each in originals if NAME.match(each) and not each.startswith(INTERNAL_PREFIX)}
    used = {*names.values(), *taken}
    for original in originals:
        if original not in names:
            names[original] = _free(slug(original), used)
            used.add(names[original])
    return names


def _free(name: str, used: set[str]) -> str:
    candidate, number = name, 1
    while candidate in used:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
