"""What an answer's status means: log in again, wait and retry, or give up."""

import email.utils
import math
import time
from typing import TYPE_CHECKING

from integrations.sdk.errors import HeadwaterError, LoginRefused, SourceRefused
from integrations.sdk.redact import excerpt

if TYPE_CHECKING:
    from integrations.sdk.transport import Response

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
MAX_SHOWN = 200
UNSAID_WAIT_S = 60.0  # for a limit that is not said to end: most are per minute, and GitHub asks for that
SHORTEST_RESET_S = 1.0  # resets are in whole seconds: at zero the second may not be over yet
EPOCH_FROM = 1_000_000_000.0  # a reset at or above this is an instant, below it a span of seconds
MILLISECONDS_FROM = 100_000_000_000.0


def is_passing(response: "Response", repeatable: bool) -> bool:
    """Whether the same request may succeed later, and may be sent again: `repeatable` if it may be acted on twice."""
    if response.status_code == 403:
        return is_limited(response)
    if response.status_code in (429, 503):  # not acted upon, so safe for any method
        return True
    return response.status_code in PASSING and repeatable


def retry_after_s(response: "Response") -> float | None:
    """The seconds that the answer asks us to wait; None when it does not say, or not in a known form.

    Source: RFC 9110, section 10.2.3 (seconds, or a date).
    """
    value = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        instant = _instant(value)
        if instant is None:
            return None
        seconds = instant - time.time()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def is_limited(response: "Response") -> bool:
    """Whether the refusal is about how much is asked, not about who asks: 429, or a 403 that says so."""
    if response.status_code == 403:  # how some sources say 429
        return "retry-after" in response.headers or _remaining(response) == 0 or _speaks_of_a_limit(response)
    return response.status_code == 429


def asked_wait_s(response: "Response") -> float | None:
    """The seconds to wait before the same request is sent again; None when it does not say, for our own back-off.

    `Retry-After` comes first, then the reset of a limit that is used up. A refusal that speaks of a rate limit
    while the counted one is not used up means another one: a minute.
    Source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    said = retry_after_s(response)
    if said is not None or not is_limited(response):
        return said
    remaining = _remaining(response)
    reset = None if remaining else _reset_s(response)
    if reset is not None:
        return max(reset, SHORTEST_RESET_S)
    unsaid = response.status_code == 403 or (remaining and _speaks_of_a_limit(response))
    return UNSAID_WAIT_S if unsaid else None


def _reset_s(response: "Response") -> float | None:
    """The seconds until the limit is renewed; None when the answer does not say.

    `X-RateLimit-Reset` is an instant, by the source's clock, in seconds or milliseconds since 1970, or a span of
    seconds, as `RateLimit-Reset` always is.
    Source: draft-ietf-httpapi-ratelimit-headers-07, section 5.3
    """
    value = _number(response, "x-ratelimit-reset", "ratelimit-reset")
    if value is None or value < EPOCH_FROM:
        return value
    at = value / 1000 if value >= MILLISECONDS_FROM else value
    return at - (_instant(response.headers.get("date", "")) or time.time())


def _remaining(response: "Response") -> float | None:
    """How many more requests the source allows, None when it does not say."""
    return _number(response, "x-ratelimit-remaining", "ratelimit-remaining")


def _number(response: "Response", *headers: str) -> float | None:
    """The first of the headers that is there, None unless it is a number."""
    try:
        value = float(next((response.headers[name] for name in headers if name in response.headers), ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _speaks_of_a_limit(response: "Response") -> bool:
    return b"rate limit" in response.content[: 16 * MAX_SHOWN].lower()


def _instant(date: str) -> float | None:
    """Seconds since 1970 of a date as in HTTP headers; None when it cannot be read."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def refusal(response: "Response") -> HeadwaterError:
    """The error for an answer whose status is not success."""
    status = response.status_code
    shown = excerpt(response.text, MAX_SHOWN)
    said = f": {shown}" if shown and "<html" not in shown.lower() else ""
    if status == 401:
        return LoginRefused(
            f"the source refuses the credentials (401{said})",
            request=response.request,
            status=status,
            hint="check the credentials in the source's spec, then run test-connection",
        )
    hints = {
        403: "the credentials may not read this: ask for the permission, or skip the table",
        404: "check base_url and the path; the thing may be gone",
        429: "lower requests_per_second or concurrency of the source",
    }
    passing = "try again later; the source has a problem" if status >= 500 else "report it to the integration"
    return SourceRefused(
        f"the source answers {status} {response.reason}".rstrip() + said,
        request=response.request,
        status=status,
        hint=hints.get(429 if is_limited(response) else status, passing),
    )
