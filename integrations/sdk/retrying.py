"""Trying again: what passes is waited for, as long as the source asks and the page's deadline allows."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from integrations.sdk.counters import counters
from integrations.sdk.errors import PageUnreadable, SourceError, SourceRefused, SourceTimeout, SourceUnreachable
from integrations.sdk.limits import Gate
from integrations.sdk.refusals import asked_wait_s, is_passing, refusal
from integrations.sdk.transport import Limits, Response

FIRST_WAIT_S = 0.5
LONGEST_BACKOFF_S = 30.0
WORTH_A_WORD_S = 10.0  # a pause of this length is told, so that nobody takes it for a standstill
FIRST_CONNECTS = 3  # a host that has never answered is probably wrong: trying longer only hides it

T = TypeVar("T")

log = logging.getLogger(__name__)


class Passing(Exception):
    """An answer, or its absence, that may be different next time."""

    def __init__(self, error: SourceError, wait_s: float | None = None, response: Response | None = None) -> None:
        self.error, self.wait_s, self.response = error, wait_s, response


class Deadline:
    """When a page must be whole, on the monotonic clock; waiting for our own turn does not count."""

    __slots__ = ("at",)

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds


class Exhausted(Exception):
    """The last answer is still one that should pass, and no more tries are left."""

    def __init__(self, error: SourceError, response: Response) -> None:
        self.error, self.response = error, response


def check_passing(response: Response, repeatable: bool, limits: Limits) -> None:
    """Raise Passing when the same request may succeed later, Exhausted when that is too long to wait."""
    if not is_passing(response, repeatable):
        return
    wait_s = asked_wait_s(response)
    if wait_s is not None and wait_s > limits.longest_wait_s:
        raise Exhausted(_asks_too_long(response, wait_s, limits.longest_wait_s), response)
    raise Passing(_as_source_error(response), wait_s, response)


def parsed(response: Response, parse: Callable[[Response], T]) -> T:
    """What `parse` makes of the answer. Raises: Passing when it may have been cut short."""
    try:
        return parse(response)
    except PageUnreadable as error:
        if _may_be_cut(response, error):
            raise Passing(error) from None
        raise


def persist(
    attempt: Callable[[], T],
    repeatable: bool,
    deadline: Deadline,
    limits: Limits,
    gate: Gate,
    sleep: Callable[[float], None],
    has_answered: Callable[[], bool],
) -> T:
    """Try until it succeeds, cannot succeed, or has been tried enough.

    `has_answered` tells a source that is away for a moment from an address where there never was one.

    Raises: Exhausted when there is an answer, and it still is one that should pass; SourceError when there is none.
    """

    def guarded() -> T:
        try:
            return attempt()
        except (SourceUnreachable, SourceTimeout) as error:
            if error.final or (error.sent and not repeatable):
                raise
            raise Passing(error) from None

    try:
        return guarded()
    except Passing as first:
        failures = [first]

    def again() -> T:
        if failures:
            raise failures.pop()
        counters().add(retries=1)
        return guarded()

    def wait(state: RetryCallState) -> float:
        last = _last(state)
        asked = last.wait_s
        if asked is not None:
            if gate.pause(asked) and asked >= WORTH_A_WORD_S:
                log.warning("source_asks_to_wait seconds=%.0f request=%s", asked, last.error.request)
            deadline.at += asked
            return asked + random.uniform(0, min(1.0, asked / 10))
        backoff_s: float = min(FIRST_WAIT_S * 2**state.attempt_number, LONGEST_BACKOFF_S)
        return random.uniform(0.5, 1.0) * backoff_s

    def enough(state: RetryCallState) -> bool:
        error = _last(state).error
        absent = isinstance(error, SourceUnreachable) and not error.sent and not has_answered()
        tries = min(limits.retries + 1, FIRST_CONNECTS) if absent else limits.retries + 1
        return state.attempt_number >= tries or time.monotonic() + state.upcoming_sleep >= deadline.at

    retrying = Retrying(retry=retry_if_exception_type(Passing), wait=wait, stop=enough, sleep=sleep, reraise=True)
    try:
        return retrying(again)
    except Passing as last:
        if last.response is not None:
            raise Exhausted(last.error, last.response) from None
        raise last.error from None


def _last(state: RetryCallState) -> Passing:
    """What the last try ended with: nothing else is tried again."""
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Passing)
    return error


def _may_be_cut(response: Response, error: PageUnreadable) -> bool:
    """Whether an unreadable body may be a body cut short, which a second try can mend."""
    return "truncated" in error.what or not response.content.rstrip().endswith((b"}", b"]", b">"))


def _as_source_error(response: Response) -> SourceError:
    error = refusal(response)
    return error if isinstance(error, SourceError) else SourceRefused(error.what, request=response.request)


def _asks_too_long(response: Response, wait_s: float, longest_s: float) -> SourceRefused:
    return SourceRefused(
        f"the source answers {response.status_code} and asks to wait {wait_s:.0f} s, more than the "
        f"{longest_s:.0f} s that are waited at most",
        request=response.request,
        status=response.status_code,
        hint="sync again later, or lower requests_per_second",
    )
