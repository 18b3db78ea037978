"""Undertow's experiments: configs, runs, metrics, statistics and reports."""
