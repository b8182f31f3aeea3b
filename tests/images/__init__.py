"""`orlop` as it is installed, with registries, images and callers of others."""
