"""Content-addressed blobs: the store, and ingests that can be resumed."""
