"""The layouts of labelled data sets, one module each."""
