"""The kernel as Python sees it: numbers by name, /proc, cgroup layouts, seccomp. The only ctypes in the tree."""
