"""Closing, reducing, amending and flattening what an earlier signal opened."""
