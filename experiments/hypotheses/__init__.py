"""`undertow hypotheses`: ten hypotheses with their nulls, each judged by seeds, held or not."""
