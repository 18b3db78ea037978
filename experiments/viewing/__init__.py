"""Worlds fitted to logs of viewing: who watched what, when and for how long."""
