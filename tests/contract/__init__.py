"""One suite per contract, run for every implementation."""
