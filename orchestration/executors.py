"""Which executor runs a job's steps: chosen in one place, by HEADWATER_EXECUTOR.

A source's tables are one step, and its threads are inside it, so that in-process is right unless several
sources share a job or a machine is not enough.
"""

import os

import dagster as dg

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest

DEFAULT = "in_process"
EXTRAS = {
    "celery": ("dagster_celery", "celery_executor"),
    "dask": ("dagster_dask", "dask_executor"),
    "k8s": ("dagster_k8s", "k8s_job_executor"),
}
NAMES = (DEFAULT, "multiprocess", *EXTRAS)


def executor() -> dg.ExecutorDefinition:
    """The executor that is asked for. Raises: ConfigError when it is unknown or not installed."""
    name = os.environ.get("HEADWATER_EXECUTOR") or DEFAULT
    if name == DEFAULT:
        return dg.in_process_executor
    if name == "multiprocess":
        return dg.multiprocess_executor
    if name not in EXTRAS:
        raise ConfigError(f"HEADWATER_EXECUTOR={name}: there is no such executor", hint=nearest(name, NAMES))
    module, attribute = EXTRAS[name]
    try:
        imported = __import__(module, fromlist=[attribute])
    except ImportError:
        raise ConfigError(
            f"HEADWATER_EXECUTOR={name} needs {module}, which is not installed",
            hint=f"pip install 'headwater[{name}]'",
        ) from None
    found: dg.ExecutorDefinition = getattr(imported, attribute)
    return found
