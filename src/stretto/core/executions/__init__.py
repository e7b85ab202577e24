"""Executions and allocations: how they begin, what they hold, how they end."""
