"""Simulated copies of published studies, and how the world answers to them."""
