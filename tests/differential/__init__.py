"""The same input given to us and to the programs that everybody has; what comes out must be the same."""
