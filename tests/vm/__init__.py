"""What wants another host than the one that runs the tests is run in QEMU."""
