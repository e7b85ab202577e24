"""What a person may ask of a running book, and what follows."""
