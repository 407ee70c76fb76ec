"""Results: records, comparisons, plots and the page."""
