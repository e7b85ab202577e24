"""When an account is compared with its venue, and what of positions and orders differs."""
