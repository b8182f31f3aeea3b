"""The real callers of an OCI runtime, with ours in its place: podman, containerd, conmon, buildah."""
