"""What each event changes in the book, subject by subject; ``evolve`` joins them."""
