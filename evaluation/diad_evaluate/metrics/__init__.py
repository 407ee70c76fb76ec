"""Maps and labels -> AUROC, F1, AU-PRO and their curves."""
