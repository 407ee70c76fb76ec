"""What a benchmark writes: records, tables, curves and the page."""
