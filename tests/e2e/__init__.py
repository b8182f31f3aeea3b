"""End-to-end tests of the OCI runtime, by its command line alone; `--runtime PATH` names another one to test them against."""
