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


def is_passing(response: "Response", repeatable: bool) -> bool:
    """Whether the same request may succeed later, and may be sent again: `repeatable` if it may be acted on twice."""
    if response.status_code == 403:
        return "retry-after" in response.headers  # how some sources say 429
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
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


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
        hint=hints.get(status, passing),
    )
