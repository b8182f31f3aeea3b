"""The compiler: from a validated configuration and facts of the host to a plan. No I/O, no root, no kernel."""
