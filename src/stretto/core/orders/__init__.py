"""The order machine: one venue order, its states, fills and quantities."""
