"""What images are made of and what is done with them: pull, push, unpack, save, load, bundles."""
