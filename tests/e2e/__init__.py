"""End-to-end tests of the OCI runtime by its command line alone; `--runtime PATH` names the one to test."""
