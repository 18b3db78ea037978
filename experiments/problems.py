"""Errors that a person can mend; the message says what was found and what to do."""

from __future__ import annotations


class ResultError(RuntimeError):
    """A result folder that cannot be used; the message says what to do."""


class FailedJobsError(ResultError):
    """Some jobs of a run failed; the others are kept."""
