"""Unit tests of the compiler; a package, so that they share the random configurations and the rules of all plans."""
