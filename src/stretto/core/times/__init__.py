"""Delays, gaps between releases, and how evenly things were spread."""
