"""What the OCI specifications define, as data and validation. No I/O."""
