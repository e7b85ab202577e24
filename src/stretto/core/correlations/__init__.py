"""Which accounts would become the same bet: factor rows and pairs."""
