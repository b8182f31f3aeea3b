"""Every field of config.json in words: what it is for, and which mechanism of the kernel it becomes.

The keys are the paths of `orlop.oci.config_schema`, without the indexes of lists: `mounts.options`. A test holds the
two together, so that no field is forgotten.
"""

from __future__ import annotations

from orlop.insight.field_role import EACH, ENTRY, GROUP, NOTHING, PART, FieldWords, unsupported
from orlop.insight.field_words_linux import LINUX_WORDS

_HOOK_PARTS = {
    "path": "The program, as an absolute path.",
    "args": "Its arguments; the first is its name.",
    "env": "Its whole environment: nothing of the caller's is passed on.",
    "timeout": "After so many seconds it is killed, which is a failure.",
}
_HOST_HOOK = "It runs on the host, outside of the container, with all the rights of who called orun."
_HOOKS = {
    "prestart": f"The same as createRuntime, under its old name. {_HOST_HOOK}",
    "createRuntime": f"Programs run once namespaces and mounts are there, before the change of root. {_HOST_HOOK}",
    "createContainer": "Programs run in the container's namespaces just before the change of root: they still see the"
    " host's files.",
    "startContainer": "Programs of the container's own root file system, run inside just before the process, as its"
    " user.",
    "poststart": f"Programs run once the process has started. {_HOST_HOOK}",
    "poststop": f"Programs run when the container is deleted. {_HOST_HOOK}",
}


def _hooks() -> dict[str, FieldWords]:
    rows = {"hooks": FieldWords(ENTRY, "host programs", "Programs to run at points of the container's life.")}
    for kind, words in _HOOKS.items():
        mechanism = "container program" if kind == "startContainer" else "host program"
        rows[f"hooks.{kind}"] = FieldWords(EACH, mechanism, words)
        for part, part_words in _HOOK_PARTS.items():
            rows[f"hooks.{kind}.{part}"] = FieldWords(PART, "", part_words)
    return rows


def _platform(name: str) -> FieldWords:
    return FieldWords(ENTRY, NOTHING, f"For {name} only: it has no effect on Linux.")


FIELD_WORDS: dict[str, FieldWords] = {
    "ociVersion": FieldWords(ENTRY, NOTHING, "The version of the specification that the file is written for."),
    # -- process ------------------------------------------------------------------------------------------------------
    "process": FieldWords(GROUP, "", "The program to run, and what it may do."),
    "process.terminal": FieldWords(
        ENTRY,
        "pseudoterminal",
        "With true the process gets a terminal of its own; else its stdin, stdout and stderr are the caller's.",
    ),
    "process.consoleSize": FieldWords(ENTRY, "pseudoterminal", "The terminal's size at the start."),
    "process.consoleSize.height": FieldWords(PART, "", "Rows."),
    "process.consoleSize.width": FieldWords(PART, "", "Columns."),
    "process.user": FieldWords(
        ENTRY, "user and group ids", "Whom the process runs as. Numbers only: the kernel knows no names."
    ),
    "process.user.uid": FieldWords(PART, "", "The user id. 0 is root; without a user namespace, the host's root."),
    "process.user.gid": FieldWords(PART, "", "The group id."),
    "process.user.umask": FieldWords(PART, "", "The permission bits that new files do not get."),
    "process.user.additionalGids": FieldWords(PART, "", "Supplementary groups."),
    "process.user.username": FieldWords(PART, "", "For Windows: no effect on Linux."),
    "process.args": FieldWords(ENTRY, "execve", "The program and its arguments. It is looked up inside the container."),
    "process.commandLine": _platform("Windows"),
    "process.env": FieldWords(ENTRY, "execve", "The environment, all of it: nothing of the caller's is passed on."),
    "process.cwd": FieldWords(ENTRY, "working directory", "The directory that the process starts in."),
    "process.capabilities": FieldWords(
        ENTRY, "capability sets", "Which parts of root's power the process has. What is in no set is given up for good."
    ),
    "process.capabilities.bounding": FieldWords(PART, "", "What may ever be gained, by executing a program."),
    "process.capabilities.effective": FieldWords(PART, "", "What the kernel looks at when the process does something."),
    "process.capabilities.inheritable": FieldWords(PART, "", "What a program with file capabilities may be given."),
    "process.capabilities.permitted": FieldWords(PART, "", "What the process may put into its effective set."),
    "process.capabilities.ambient": FieldWords(
        PART, "", "What programs keep that are executed by another user than root."
    ),
    "process.rlimits": FieldWords(
        EACH, "resource limit", "Limits of the process, as ulimit(1) shows them; children inherit them."
    ),
    "process.rlimits.type": FieldWords(PART, "", "Which limit."),
    "process.rlimits.soft": FieldWords(PART, "", "The limit in force, which the process may raise up to the hard one."),
    "process.rlimits.hard": FieldWords(PART, "", "The ceiling; to raise it takes CAP_SYS_RESOURCE."),
    "process.noNewPrivileges": FieldWords(
        ENTRY,
        "no_new_privs bit",
        "With true no program that is executed, setuid or not, adds to what the process may do.",
    ),
    "process.oomScoreAdj": FieldWords(
        ENTRY, "/proc/PID/oom_score_adj", "When memory runs out, the kernel kills high scores first (-1000 to 1000)."
    ),
    "process.apparmorProfile": FieldWords(
        ENTRY,
        "AppArmor profile",
        "What the security module AppArmor lets the program do; execve changes to it.",
    ),
    "process.selinuxLabel": unsupported("The SELinux label of the process."),
    "process.scheduler": unsupported("The scheduling policy of the process."),
    "process.ioPriority": unsupported("The I/O priority of the process."),
    "process.execCPUAffinity": unsupported("The CPUs for processes that `exec` starts."),
    # -- the file tree ------------------------------------------------------------------------------------------------
    "root": FieldWords(GROUP, "", "The root file system."),
    "root.path": FieldWords(
        ENTRY,
        "mount, pivot_root",
        "The directory that becomes `/`. A copy of its mount, so that the host's stays as it is.",
    ),
    "root.readonly": FieldWords(ENTRY, "read-only mount", "With true nothing in the root file system can be changed."),
    "hostname": FieldWords(ENTRY, "UTS namespace", "The name that hostname(1) shows inside."),
    "domainname": FieldWords(ENTRY, "UTS namespace", "The NIS domain name inside."),
    "mounts": FieldWords(EACH, "mount", "File systems, attached in the container's tree in this order."),
    "mounts.destination": FieldWords(PART, "", "Where, as a path inside the container."),
    "mounts.type": FieldWords(PART, "", "The file system. For a bind mount it has no meaning."),
    "mounts.source": FieldWords(PART, "", "A device or a name; for a bind mount, the path on the host."),
    "mounts.options": FieldWords(PART, "", "As in mount(8); what mount knows nothing about goes to the file system."),
    "mounts.uidMappings": FieldWords(PART, "", "An idmapped mount, which this version of orun refuses."),
    "mounts.gidMappings": FieldWords(PART, "", "An idmapped mount, which this version of orun refuses."),
    **_hooks(),
    "annotations": FieldWords(ENTRY, NOTHING, "Notes for other programs: in the state that hooks get, and no more."),
    **LINUX_WORDS,
    "solaris": _platform("Solaris"),
    "windows": _platform("Windows"),
    "vm": _platform("virtual machines"),
    "zos": _platform("z/OS"),
    "freebsd": _platform("FreeBSD"),
}
