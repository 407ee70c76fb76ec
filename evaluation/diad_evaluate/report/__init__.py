"""The output of an evaluation: tables, plots and the page."""
