"""Root file systems made of layers: the contract, and one module per snapshotter."""
