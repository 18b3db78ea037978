"""Undertow's policies and learners."""
