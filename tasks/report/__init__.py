"""The report: one page to look through a run's pictures."""
