"""What is said of a run that failed: one line, with its tables and their reasons; to a webhook if there is one."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
import requests

from integrations.sdk.redact import redact, register_secret

log = logging.getLogger(__name__)
SETTING = "HEADWATER_WEBHOOK"
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Alert:
    """A failed run. `tables` are reasons by table, empty when it failed outside of them."""

    run_id: str
    job: str
    source: str
    tables: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def text(self) -> str:
        """One line."""
        said = "; ".join(f"{table}: {reason}" for table, reason in self.tables.items()) or self.reason
        return redact(" ".join(f"{self.source or self.job} failed (run {self.run_id[:8]}): {said}".split()))


def told(run: dg.DagsterRun, failure: dg.DagsterEvent, steps: Sequence[dg.DagsterEvent]) -> Alert:
    """An alert, from what Dagster knows of a run: the tables' reasons are the metadata of its failure."""
    tables: dict[str, str] = {}
    reasons = []
    for event in steps:
        data = event.step_failure_data
        if data.user_failure_data:
            tables |= {table: str(value.value) for table, value in data.user_failure_data.metadata.items()}
            reasons.append(data.user_failure_data.description or "")
        elif data.error:
            reasons.append(data.error.message)
    reason = "; ".join(filter(None, reasons)) or (failure.message or "")
    return Alert(run.run_id, run.job_name, run.tags.get("headwater/source", ""), tables, reason)


def send(alert: Alert) -> bool:
    """Post the alert to HEADWATER_WEBHOOK, as Slack and its like understand it; whether it was taken.

    A webhook that fails is logged: it must not hide the failure that it was to tell of.
    """
    url = os.environ.get(SETTING)
    if not url:
        return False
    register_secret(url)
    document = {
        "text": alert.text,
        "run_id": alert.run_id,
        "job": alert.job,
        "source": alert.source,
        "tables": {table: redact(reason) for table, reason in alert.tables.items()},
    }
    try:
        answer = requests.post(url, json=document, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        log.error("webhook_failed reason=%s", redact(type(error).__name__))
        return False
    if not answer.ok:
        log.error("webhook_refused status=%d", answer.status_code)
    return answer.ok
