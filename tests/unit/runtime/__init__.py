"""Unit tests of the runtime layer; a package, so that they share the fake executor and the sample containers."""
