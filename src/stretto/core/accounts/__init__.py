"""Accounts and venues as the book sees them: snapshots, conduct, exclusions, settings."""
