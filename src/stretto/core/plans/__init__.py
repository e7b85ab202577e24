"""From a signal to a plan: screening, sizes, pairs, subset, and every reason kept."""
