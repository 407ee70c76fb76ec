"""Layouts of test data: one file each, and `choice`, which tells them apart."""
