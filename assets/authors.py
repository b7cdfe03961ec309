"""Where an integration's own code is called: whatever it raises becomes an error of ours, redacted and placed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integrations.sdk.errors import HeadwaterError, ResolverFailed

log = logging.getLogger(__name__)


def explained(error: BaseException, what: str, *, source: str, table: str = "", client: str = "") -> HeadwaterError:
    """The error as one of ours, with where it happened; `what` is the code of the author that raised it."""
    if not isinstance(error, HeadwaterError):
        log.debug("authors_code_failed source=%s table=%s", source, table, exc_info=error)
        error = ResolverFailed(
            f"{what} raised {type(error).__name__}: {error}{_line_of(error)}",
            hint="this is a mistake in the integration; --debug shows the traceback",
        )
    return error.at(source=source, table=table, client=client)


@contextmanager
def authors_code(what: str, source: str) -> Iterator[None]:
    """Call an author's code in the block. Raises: HeadwaterError, also where it would end the program."""
    try:
        yield
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary of an author's code
        raise explained(error, what, source=source) from None


def _line_of(error: BaseException) -> str:
    """The line of the integration's code where it was raised."""
    trace, place = error.__traceback__, ""
    while trace:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "integrations" in path.parts and "sdk" not in path.parts:
            place = f" (at {path.name}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place
