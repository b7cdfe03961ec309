"""Families: which listing is below which, by the parameters that it needs and who gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.sdk.openapi.columns import KEYS
from integrations.sdk.openapi.document import PARAMETER
from integrations.sdk.openapi.listings import Listing
from integrations.sdk.openapi.naming import called, collection, nouns, setting_name, singular, snake, unique
from integrations.sdk.types import Kind


@dataclass(slots=True)
class Member:
    """A listing in its family.

    `need` is the parameter that is the parent's key; it is `guessed` where its name alone says whose, and no path.
    `given` says which of the parent's columns each parameter is;
    `settings` which of the source's settings those are that only a user can give.
    """

    listing: Listing
    parent: "Member | None" = None
    need: str = ""
    guessed: bool = False
    given: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    children: "list[Member]" = field(default_factory=list)

    @property
    def above(self) -> dict[str, str]:
        """What the parameters that its parent gives are called as columns."""
        return names_above(self.listing, self.given)


def families(listings: Sequence[Listing]) -> list[Member]:
    """All listings as members, parents before their children; a listing has one parent at most."""
    members = {listing.path: Member(listing) for listing in listings}
    for member in members.values():
        if member.listing.needs:
            member.parent, member.need, member.guessed = _parent_of(member, list(members.values()))
    for member in members.values():
        if member.parent:
            member.parent.children.append(member)
    made: list[Member] = []
    for member in members.values():
        if member.parent is None:
            _walk(member, made)
    return made


def names_above(listing: Listing, given: Mapping[str, str]) -> dict[str, str]:
    """What the parameters from a parent are called as columns: as the record calls the same, but never as its key.

    A record's field of that name is the same thing when it is a simple value, and another when it is an object.
    """
    own = {each.name: each for each in listing.fields}
    made: dict[str, str] = {}
    for need, column in given.items():
        name, *others = called(listing.path, need), f"{snake(need)}_{column}", f"parent_{snake(need)}"
        if (same := own.get(name)) and (same.primary_key or same.type.kind is Kind.JSON):
            name = next((other for other in others if other not in own and other != name), f"{name}_above")
        made[need] = unique([*made.values(), name])[-1]
    return made


def _parent_of(member: Member, all_: Sequence[Member]) -> tuple[Member | None, str, bool]:
    """Who lists what a parameter names, the last of those that anybody lists; that parameter; whether it is a guess.

    It is the path above the parameter, else the one that lists things of that name.
    """
    for need in reversed(member.listing.needs):
        known = [each for each in all_ if each is not member and not _is_below(each, member) and _key_for(each, need)]
        if above := [each for each in known if _is_above(each, member, need)]:
            return above[0], need, False
        if elsewhere := _elsewhere(member, need, known):
            return elsewhere, need, True
    return None, "", False


def _elsewhere(member: Member, need: str, known: Sequence[Member]) -> Member | None:
    """The listing that a parameter's name means: the only one nearest to the top, or the one that has no other word."""
    found = [each for each in known if each.listing.keys and _is_named(each, member, need)]
    found = [each for each in found if _is_same_place(each, member, need) and _is_same_type(each, member, need)]
    found = [each for each in found if len(each.listing.needs) == min(len(other.listing.needs) for other in found)]
    plain = [each for each in found if len(nouns(each.listing.path)) == 1]
    plain.sort(key=lambda each: each.listing.path.count("/"))
    return plain[0] if plain else found[0] if len(found) == 1 else None


def _fill(member: Member) -> None:
    """Say where its parameters come from: what the parent got, the child gets; one is the parent's key."""
    path, needs, parent = member.listing.path, member.listing.needs, member.parent
    given, settings = {}, {need: setting_name(called(path, need)) for need in needs}
    if parent:
        for need in needs:
            there = _same_place(parent.listing.path, path).get(need, need)
            if there in parent.above:
                given[need] = parent.above[there]
            elif there in parent.settings:
                settings[need] = parent.settings[there]
        given[member.need] = _key_for(parent, member.need) or member.need
    member.given = given
    member.settings = {need: setting for need, setting in settings.items() if need not in given}


def _same_place(path: str, below: str) -> dict[str, str]:
    """What a path calls the parameters that one below it may call otherwise."""
    if not PARAMETER.sub("{}", below).startswith(PARAMETER.sub("{}", path)):
        return {}
    return dict(zip(PARAMETER.findall(below), PARAMETER.findall(path), strict=False))


def _is_above(candidate: Member, member: Member, need: str) -> bool:
    """Whether the parameter stands right below the candidate's path."""
    above, found, _ = member.listing.path.partition(f"{{{need}}}")
    there = collection(candidate.listing.path)
    return bool(found) and PARAMETER.sub("{}", there) == PARAMETER.sub("{}", above.rstrip("/"))


def _is_named(candidate: Member, member: Member, need: str) -> bool:
    """Whether the parameter is called as what the candidate lists: `customer`, `customer_id`; and no word of a few."""
    one = _one_of(candidate)
    if _schema_of(member, need).get("enum"):
        return False
    return called(member.listing.path, need) in (one, *(f"{one}_{key.strip('_')}" for key in KEYS))


def _is_same_place(candidate: Member, member: Member, need: str) -> bool:
    """Whether the words before a path's parameter are the candidate's: groups of a chat are none of a bill."""
    above, found, _ = member.listing.path.partition(f"{{{need}}}")
    if not found or not PARAMETER.sub("", above).strip("/"):
        return True
    here, there = nouns(above), nouns(candidate.listing.path)
    if singular(here[-1]) != singular(there[-1]):
        return True  # the path says nothing of what the parameter is
    return all(one == other for one, other in zip(reversed(here), reversed(there), strict=False))


def _is_same_type(candidate: Member, member: Member, need: str) -> bool:
    """Whether the parameter takes such keys: a number no text; a text a number if its name says that it is the key."""
    wanted, column = _schema_of(member, need).get("type"), _key_for(candidate, need)
    is_number = any(each.name == column and each.type.kind is Kind.INTEGER for each in candidate.listing.fields)
    if wanted == "integer":
        return is_number
    return not (wanted == "string" and is_number and called(member.listing.path, need) == _one_of(candidate))


def _schema_of(member: Member, need: str) -> Mapping[str, Any]:
    """What a parameter may be, as far as it is said beside its name."""
    said = next((each.schema for each in member.listing.operation.parameters if each.name == need), None)
    return said if isinstance(said, Mapping) else {}


def _one_of(member: Member) -> str:
    """What one of the things that it lists is called."""
    return singular(nouns(member.listing.path)[-1])


def _is_below(candidate: Member, member: Member) -> bool:
    above = candidate.parent
    while above:
        if above is member:
            return True
        above = above.parent
    return False


def _key_for(parent: Member, need: str) -> str | None:
    """Which of the parent's columns the parameter is: the one of its name, or of its end, else the key."""
    own = {each.name for each in parent.listing.fields}
    named, keys = snake(need), parent.listing.keys
    short = named.removeprefix(f"{_one_of(parent)}_")
    wanted = (*(name for name in (named, short) if name in (*keys, *KEYS)), *keys, named, *KEYS[:1])
    return next((name for name in wanted if name in own), None)


def _walk(member: Member, made: list[Member]) -> None:
    _fill(member)
    made.append(member)
    for child in member.children:
        _walk(child, made)
