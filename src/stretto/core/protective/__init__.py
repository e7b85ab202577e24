"""Stops and targets: wanted against standing, checked, and placed as orders."""
