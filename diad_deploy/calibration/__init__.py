"""Good images -> score distribution -> thresholds."""
