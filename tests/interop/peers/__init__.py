"""CloudQuery's own programs, built once from their released versions, then run.

Not called `cloudquery`: plugin.py beside it would import that instead of the SDK.
"""
