"""The registry client against real parts, and those parts for other tests: docker-registry, nginx, a token server."""
