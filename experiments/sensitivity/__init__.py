"""Global sensitivity: which parameters of the world matter, and how often each effect appears."""
