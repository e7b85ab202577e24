"""Seeded worlds: books, accounts and signals made up for a demo, and nothing that runs them."""
