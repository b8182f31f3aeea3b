"""Archives that mean harm, and what becomes of them."""
