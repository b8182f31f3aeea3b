"""The version of the runtime, as `orun --version` prints it."""

from __future__ import annotations

from orlop import __version__
from orlop.errors import Unavailable
from orlop.oci.config import OCI_VERSION


def version_text() -> str:
    """Three or four lines in runc's form: version, spec, and libseccomp's version if there is one."""
    lines = [f"orun version {__version__}", f"spec: {OCI_VERSION}"]
    seccomp = seccomp_version()
    if seccomp:
        lines.append(f"libseccomp: {seccomp}")
    return "\n".join(lines) + "\n"


def seccomp_version() -> str:
    """libseccomp's version; "" when the library is not installed."""
    from orlop.linux.seccomp import library_version

    try:
        return library_version()
    except Unavailable:
        return ""
