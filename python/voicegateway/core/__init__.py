"""Import paths of the first Python product, kept for programs that use them."""
