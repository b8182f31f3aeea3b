"""Unit tests of the linux layer, and the interpreters of BPF that some of them need."""
