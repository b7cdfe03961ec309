"""Logging: every record is redacted when it is made, so that no handler, ours or Dagster's, sees a secret."""

import logging
import sys
from typing import Any

from integrations.sdk.redact import RedactingFilter

OURS = ("orchestration", "assets", "integrations")

_make_record = logging.getLogRecordFactory()
_redactor = RedactingFilter()


def redact_all_logs() -> None:
    """Redact the message and the traceback of every log record of this process, whoever logs it."""
    logging.setLogRecordFactory(_redacted_record)


def log_to_stderr(*, debug: bool) -> None:
    """For the command line: warnings, or everything of ours when debugging."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.DEBUG if debug else logging.ERROR)


def _redacted_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _make_record(*args, **kwargs)
    _redactor.filter(record)
    return record
