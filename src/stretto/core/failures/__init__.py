"""What a failure means and what follows, as tables and arithmetic: no book, no order."""
