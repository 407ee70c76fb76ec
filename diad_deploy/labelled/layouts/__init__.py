"""Layouts of labelled data sets, a module for each."""
