"""The OCI runtime: one module per verb, the state directory, and the planner that answers the executor."""
