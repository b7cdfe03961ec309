"""What a new integration will have: which of a document's listings, under which names, and what a user has to give."""

import fnmatch
import keyword
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integrations.sdk.errors import ConfigError, DeclarationError
from integrations.sdk.names import nearest
from integrations.sdk.openapi.columns import keys_inside
from integrations.sdk.openapi.document import Document
from integrations.sdk.openapi.families import Member, families
from integrations.sdk.openapi.listings import Listing, listing_of, listings
from integrations.sdk.openapi.logins import BY_HAND, Login, Logins, base_url_of
from integrations.sdk.openapi.naming import other_names, setting_name, singular, snake, unique
from integrations.sdk.openapi.records import records_of

SHARED_BY = 2  # as many listings make a parameter that nothing gives a setting of the source
OWN = ("token", "base_url")  # settings that every source has
TAKEN = ("client", "column", "parent", "path", "quote", "window")  # words that a table's module has other uses for


@dataclass(frozen=True, slots=True)
class Plan:
    """The tables, parents before children; what is left out, and why; how to connect, and what that lacks."""

    name: str
    document: Document
    members: Sequence[Member]
    names: Mapping[str, str]
    left_out: Sequence[DeclarationError]
    logins: Logins
    base_url: str

    @property
    def login(self) -> Login | None:
        """The common log-in."""
        return self.logins.common

    @property
    def lacking(self) -> str:
        """What the common log-in lacks."""
        return self.logins.lacking

    def own_login(self, member: Member) -> Login | None:
        """The log-in that a table asks for, where that is not the common one."""
        login = self.logins.of(member.listing.operation)
        return None if login is self.login else login

    @property
    def other_logins(self) -> list[Login]:
        """The log-ins that some tables ask for instead of the common one."""
        return list(dict.fromkeys(login for member in self.members if (login := self.own_login(member))))

    @property
    def secrets(self) -> list[str]:
        """What a user has to log in by."""
        logins = [*([self.login] if self.login else []), *self.other_logins]
        return list(dict.fromkeys(name for login in logins for name in login.secrets))

    @property
    def headers(self) -> dict[str, str | None]:
        """The headers that most requests must have, with their values; and those that a user gives, with None."""
        asked = Counter(pair for member in self.members for pair in member.listing.headers.items())
        usual = {name: value for (name, value), count in asked.items() if value and count * 2 > len(self.members)}
        return usual | {name: None for name, value in asked if value is None and name not in usual}

    def own_headers(self, member: Member) -> dict[str, str]:
        """The headers of a table's requests that others have otherwise."""
        shared = self.headers
        return {name: value for name, value in member.listing.headers.items() if value and shared.get(name) != value}

    @property
    def settings(self) -> list[str]:
        """What a user gives, since no listing does."""
        below = [name for member in self.members for name in member.settings.values()]
        return list(
            dict.fromkeys(
                [*below, *(setting_name(snake(name)) for name, value in self.headers.items() if value is None)]
            )
        )

    @property
    def attributes(self) -> list[str]:
        """The settings that paths need, which the client has."""
        return list(dict.fromkeys(name for member in self.members for name in member.settings.values()))

    def guesses(self, member: Member) -> list[str]:
        """What its author has to confirm: whose key a parameter is by its name alone, and that one page is all."""
        said = []
        if member.guessed and member.parent:
            column = f"the `{member.given[member.need]}` of `{self.table(member.parent)}`"
            said.append(f"`{member.need}` is taken for {column}, by its name")
        if member.listing.unpaged:
            said.append(f"one page is read, though there is a `{member.listing.unpaged}`")
        return said

    @property
    def to_confirm(self) -> list[str]:
        """All guesses, each with the operation that it is about."""
        return [f"{member.listing.operation}: {said}" for member in self.members for said in self.guesses(member)]

    def module(self, member: Member) -> str:
        """The name of the table's module, without the source's."""
        name = self.names[member.listing.path]
        return f"{name}_" if keyword.iskeyword(name) else name

    def table(self, member: Member) -> str:
        """The table's name."""
        return f"{self.name}_{self.names[member.listing.path]}"

    def row(self, member: Member) -> str:
        """What one row of the table is called in code."""
        name = singular(self.names[member.listing.path])
        return f"{name}_row" if name in TAKEN or keyword.iskeyword(name) else name


def plan_for(
    name: str, document: Document, patterns: Sequence[str] = (), keys: Mapping[str, Sequence[str]] | None = None
) -> Plan:
    """The plan for the document's listings, those that the patterns name, with these primary keys by path.

    Raises: ConfigError for a pattern that matches nothing, and when no table is left.
    """
    wanted = dict(keys or {})
    found: list[Listing] = []
    left_out: list[DeclarationError] = []
    every = [*listings(document), *_asked_for(document, patterns, wanted)]
    for each in every:
        if isinstance(each, DeclarationError):
            left_out += [] if patterns else [each]
        elif _is_wanted(each.path, patterns) and each.path not in [known.path for known in found]:
            found.append(_keyed(document, each, wanted))
    _check_patterns(document, patterns, found)
    logins = Logins(document)
    members = _kept(document, families(found), left_out, logins, patterns)
    if not members:
        reasons = "\n".join(f"  {error.what}" for error in left_out[:10])
        raise ConfigError(f"{document.name} has no listing that can be a table", hint=reasons)
    names = _names(members)
    if logins.lacking:
        left_out.append(DeclarationError(f"a log-in by {logins.lacking}", hint=BY_HAND))
    return Plan(
        name,
        document,
        members,
        names,
        left_out,
        logins,
        base_url_of(document),
    )


def _names(members: Sequence[Member]) -> dict[str, str]:
    """The tables' names by path; of two that would be called the same, the second says more of where it is."""
    names: dict[str, str] = {}
    for member in members:
        path, above = member.listing.path, names[member.parent.listing.path] if member.parent else ""
        free = (name for name in (member.listing.name, *other_names(path, above)) if name not in names.values())
        names[path] = next(free, "") or unique([*names.values(), member.listing.name])[-1]
    return names


def _asked_for(document: Document, patterns: Sequence[str], keys: Mapping[str, Sequence[str]]) -> list[Listing]:
    """The listings of paths that are named in full, whatever they look like; what is wrong with one is said."""
    named = [pattern for pattern in (*patterns, *keys) if pattern in document.paths]
    return [listing_of(document, path) for path in dict.fromkeys(named)]


def _keyed(document: Document, listing: Listing, keys: Mapping[str, Sequence[str]]) -> Listing:
    if listing.path not in keys:
        return listing
    method = listing.operation.method
    return listing_of(document, listing.path, method=method, primary_key=keys[listing.path])


def _is_wanted(path: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(path == pattern or fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _check_patterns(document: Document, patterns: Sequence[str], found: Sequence[Listing]) -> None:
    for pattern in patterns:
        if not any(_is_wanted(each.path, [pattern]) for each in found):
            raise ConfigError(f"no listing of {document.name} matches {pattern}", hint=nearest(pattern, document.paths))


def _kept(
    document: Document,
    members: Sequence[Member],
    left_out: list[DeclarationError],
    logins: Logins,
    named: Sequence[str],
) -> list[Member]:
    """The members that can be tables; those without a key, or below what is left out, are not."""
    counted = Counter(name for member in members for name in set(member.settings.values()))
    counted.update(name for member in members if member.listing.path in named for name in member.settings.values())
    kept: list[Member] = []
    for member in members:
        if reason := _reason(document, member, kept, counted, logins):
            left_out.append(DeclarationError(f"{member.listing.operation}: {reason[0]}", hint=reason[1]))
        else:
            kept.append(member)
    for member in kept:
        member.children = [child for child in member.children if child in kept]
    return kept


def _reason(
    document: Document, member: Member, kept: Sequence[Member], counted: Mapping[str, int], logins: Logins
) -> tuple[str, str] | None:
    path = member.listing.path
    if not member.listing.keys:
        record = records_of(document, member.listing.operation, member.listing.records)[1]
        names = ", ".join([*keys_inside(document, record), *(each.name for each in member.listing.fields)][:8])
        return "its records have no key that is recognised", f"name it: --key {path}=…, of {names}"
    if member.parent and member.parent not in kept:
        return f"{member.parent.listing.path}, whose rows it needs, is left out", ""
    lacking = [need for need, name in member.settings.items() if counted[name] < SHARED_BY or name in OWN]
    if lacking:
        return f"nothing lists what its `{lacking[0]}` may be", f"name it to have one setting for it: --path {path}"
    if said := logins.lacking_of(member.listing.operation):
        return f"it asks for a log-in by {said}", BY_HAND
    return None
