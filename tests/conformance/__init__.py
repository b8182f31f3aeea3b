"""The runtime spec's own validation suite, run on orun and its peers: what `make conformance` starts."""
