"""Brokers: the simulated venue, and one module per real venue.

Import only the core and the ports; know nothing of books, plans or journals.
"""
