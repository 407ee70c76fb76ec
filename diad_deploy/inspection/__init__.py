"""A folder of images -> a report."""
