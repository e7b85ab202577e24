"""One account judged by itself: may it take the trade, what it costs, how it scores."""
