"""The programs that people type: orlop, one module per command."""
