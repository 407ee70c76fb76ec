"""What an evaluation writes: tables, plots and the page."""
