"""What a venue's word, view or silence means for orders, allocations and the book."""
