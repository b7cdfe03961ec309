"""Every error that Headwater raises on purpose, named for what its reader does next.

    HeadwaterError
    ├── DeclarationError      fix the integration's code: a table, column or resolver is declared wrongly
    │   └── UnknownColumn     a resolver asked for a parent column that is not there
    ├── ConfigError           fix config.yaml, the environment or the command line        exit code 2
    ├── LoginRefused          check the credentials and log in again                      exit code 3
    ├── SourceError           wait and retry, or report it to the source                  exit code 4
    │   ├── SourceUnreachable     no connection: name, route, refusal, TLS
    │   ├── SourceTimeout         no whole answer before the deadline
    │   ├── SourceRefused         a status that is not success
    │   ├── PageUnreadable        an answer that is not what was asked for
    │   │   ├── BodyTooLarge      an answer beyond the size cap
    │   │   └── PageRepeated      paging that does not move on
    │   └── RequestForbidden      a request that our own rules do not let out
    ├── ResolverFailed        an integration's own code raised: report it to its author
    ├── WarehouseError        the warehouse cannot be opened, locked or written
    │   ├── SyncUnderWay          another run is at it: wait until it has ended
    │   ├── LeaseLost             another run has taken over: this one may commit nothing more
    │   └── SchemaFrozen          the table's contract does not allow the change
    ├── TableSkipped          mend its parent first
    └── TablesFailed          some tables failed, the others are committed                exit code 1

An error carries facts (source, table, client, request, status); its text is redacted when it is made.
"""

from collections.abc import Sequence

from integrations.sdk.redact import redact


class HeadwaterError(Exception):
    """What failed, where, and what to do about it; `exit_code` is the command line's."""

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "", request: str = "", status: int | None = None) -> None:
        self.what = redact(what)
        self.hint = redact(hint)
        self.request = redact(request)
        self.status = status
        self.source = ""
        self.table = ""
        self.client = ""
        super().__init__(self.what)

    def at(self, *, source: str = "", table: str = "", client: str = "") -> "HeadwaterError":
        """Fill in where it happened, and give the same error back."""
        self.source = self.source or source
        self.table = self.table or table
        self.client = self.client or redact(client)
        return self

    @property
    def place(self) -> str:
        """`source.table (client x)`, as far as it is known."""
        place = ".".join(part for part in (self.source, self.table) if part)
        return f"{place} (client {self.client})" if place and self.client else place

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        request = f" [{self.request}]" if self.request else ""
        hint = f"\n  → {self.hint}" if self.hint else ""
        return f"{place}{self.what}{request}{hint}"


class DeclarationError(HeadwaterError):
    """A table, column, resolver or integration is declared wrongly. Raised when the code loads."""

    exit_code = 2


class UnknownColumn(DeclarationError, KeyError):
    """A resolver asked its parent for a column that was not read."""

    __str__ = HeadwaterError.__str__


class ConfigError(HeadwaterError):
    """config.yaml, the environment or the command line asks for something that cannot be."""

    exit_code = 2


class LoginRefused(HeadwaterError):
    """The source does not accept the credentials (401, or 403 when logging in)."""

    exit_code = 3


class SourceError(HeadwaterError):
    """The source did not give what was asked for.

    `sent` is False when the request certainly did not reach the source, `final` is True when the same request
    cannot succeed later.
    """

    exit_code = 4
    sent = True
    final = False


class SourceUnreachable(SourceError):
    """No connection could be made or kept."""


class SourceTimeout(SourceError):
    """No whole answer came before the deadline."""


class SourceRefused(SourceError):
    """The answer's status is not success, after all retries."""


class PageUnreadable(SourceError):
    """The answer is not the JSON page that the resolver expects."""


class BodyTooLarge(PageUnreadable):
    """The answer, decompressed, is beyond the size cap."""


class PageRepeated(PageUnreadable):
    """The same page, or the same page token, came again: paging does not move on."""


class RequestForbidden(SourceError):
    """The request goes where the client may not send it: another origin, another scheme."""


class ResolverFailed(HeadwaterError):
    """An integration's own code raised something that is none of these errors."""


class WarehouseError(HeadwaterError):
    """The warehouse cannot be opened, locked or written."""


class SyncUnderWay(WarehouseError):
    """Another run holds the table."""


class LeaseLost(WarehouseError):
    """Another run has taken the table over; nothing of this one is committed any more."""


class SchemaFrozen(WarehouseError):
    """The records, or the declaration, differ from the table, and its contract does not allow that."""


class TableSkipped(HeadwaterError):
    """A table was not read, since one that it depends on failed."""


class TablesFailed(HeadwaterError):
    """Some tables of a sync failed; the others are committed. `errors` has one per failed table."""

    def __init__(self, what: str, errors: Sequence[HeadwaterError], *, committed: int) -> None:
        super().__init__(what)
        self.errors = list(errors)
        codes = {error.exit_code for error in errors if not isinstance(error, TableSkipped)}
        if not committed and len(codes) == 1:  # nothing worked, all for one reason: say that reason
            self.exit_code = codes.pop()
