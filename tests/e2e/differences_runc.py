"""What runc 1.1 does otherwise, by area. "The spec" is the OCI runtime specification, 1.3; runc 1.1 knows 1.0."""

from __future__ import annotations

from .difference import Difference

_BAD = "test_bad_config.py::test_a_bad_configuration_is_refused_by_its_field"

_COMMAND_LINE = (
    Difference(
        "checkpoints with criu, where orun says that this is not there yet",
        ("test_command_line.py::test_a_verb_of_a_later_release_says_so",),
    ),
    Difference("talks to systemd, where orun refuses", ("test_command_line.py::test_the_systemd_driver_is_refused",)),
    Difference("has the `features` of the spec 1.0", ("test_command_line.py::test_features_tell_what_is_not_there",)),
    Difference("has no `run --rm`", ("test_run.py::test_run_accepts_rm",)),
    Difference("has no `--pidfd-socket`", ("test_terminal.py::test_create_sends_a_pidfd",)),
    Difference("does not type what orun's labs type", ("test_lab.py::test_lab_1_works_as_typed",)),
    Difference(
        "takes an id that begins with a dot", ("test_threat_m.py::test_threat_m_an_id_does_not_begin_with_a_dot",)
    ),
    Difference(
        "takes `exec --user +0`, and wraps numbers out of range around, 4294967296 to user 0 (CVE-2024-40635)",
        (
            "test_threat_f.py::test_threat_f_a_user_is_digits_in_range_or_refused[4294967296]",
            "test_threat_f.py::test_threat_f_a_user_is_digits_in_range_or_refused[+0]",
            "test_threat_f.py::test_threat_f_digits_out_of_range_are_no_name_either",
        ),
    ),
)

_CONFIGURATION = (
    Difference(
        "does not look at ociVersion, which must be there and be a version (config.md, Specification version)",
        (f"{_BAD}[ociVersion-missing]", f"{_BAD}[ociVersion--one-]", f"{_BAD}[ociVersion--2-0-0-is-not-supported]"),
    ),
    Difference(
        "does not read what follows the JSON document in config.json",
        ("test_bad_config.py::test_a_bad_document_is_refused[something follows]",),
    ),
    Difference(
        "takes relative paths where the spec wants absolute ones: linux.devices, maskedPaths, readonlyPaths",
        (
            f"{_BAD}[linux.devices-not-an-absolute-path]",
            f"{_BAD}[linux.maskedPaths[0]--proc-acpi-is-not-an-absolute-path]",
            f"{_BAD}[linux.readonlyPaths[0]--proc-bus-is-not-an-absolute-path]",
        ),
    ),
    Difference(
        "takes values that the spec does not have: umask 01000, half a consoleSize, a timeout of 0, a bind mount"
        " without a source, a device without numbers, access `rwx`, a seccomp rule without names",
        (
            f"{_BAD}[process.user.umask-512-is-out-of-range]",
            f"{_BAD}[process.consoleSize-missing]",
            f"{_BAD}[hooks-0-is]",
            f"{_BAD}[mounts[7]-needs-a-source]",
            f"{_BAD}[linux.devices-major-and-minor]",
            f"{_BAD}[linux.resources.devices[0].access--rwx-is-not-made-of]",
            f"{_BAD}[linux.seccomp-empty]",
        ),
    ),
    Difference(
        "ignores what has no effect: mappings without a user namespace",
        (f"{_BAD}[linux.uidMappings-no-user-namespace]",),
    ),
    Difference(
        "implements personality, intelRdt and blockIO, or ignores them; orun says that it has not got them",
        (
            f"{_BAD}[linux.personality-not-supported]",
            f"{_BAD}[linux.intelRdt-not-supported]",
            f"{_BAD}[linux.resources.blockIO-not-supported]",
        ),
    ),
    Difference(
        "knows the spec 1.0, and so ignores what is newer: domainname, idmapped mounts, timeOffsets, scheduler,"
        " ioPriority, netDevices, memoryPolicy",
        (
            f"{_BAD}[domainname-host]",
            "test_rootfs.py::test_domainname_is_set",
            f"{_BAD}[mounts[7]-idmapped]",
            f"{_BAD}[mounts[5].uidMappings-not-supported]",
            f"{_BAD}[linux.timeOffsets-time]",
            f"{_BAD}[process.scheduler-not-supported]",
            f"{_BAD}[process.ioPriority-not-supported]",
            f"{_BAD}[linux.netDevices-not-supported]",
            f"{_BAD}[linux.memoryPolicy-not-supported]",
        ),
    ),
    Difference(
        "does not make the time namespace of the spec 1.1 (it does since 1.2)",
        (
            "test_namespaces.py::test_time_offsets_are_set",
            "test_namespaces.py::test_a_new_time_namespace_without_offsets",
            "test_namespaces.py::test_exec_enters_the_time_namespace",
        ),
    ),
    Difference(
        "takes a control character in the hostname and in HOME",
        (
            f"{_BAD}[hostname-control-character]",
            *(
                rf"test_threat_m.py::test_threat_m_a_home_with_a_control_character_is_refused[{character}]"
                for character in (r"\n", r"\r", r"\t", r"\x1b", r"\x7f")
            ),
            "test_threat_m.py::test_threat_m_a_home_of_exec_with_a_control_character_is_refused",
        ),
    ),
    Difference(
        "makes the root a slave or private, whatever rootfsPropagation says, or refuses it, unless the root is a mount",
        ("test_rootfs.py::test_rootfs_propagation_is_what_the_root_has",),
    ),
    Difference(
        "removes the `..` of a cgroupsPath, where orun refuses it; and takes the root, and a systemd path for a path",
        (
            "test_threat_l.py::test_threat_l_a_cgroups_path_with_dots_is_refused",
            f"{_BAD}[linux.cgroupsPath--]",
            f"{_BAD}[linux.cgroupsPath-systemd]",
        ),
    ),
)

_LIFE = (
    Difference(
        "runs poststart hooks at the end of create; the spec: after the program has started (config.md, POSIX-platform"
        " Hooks)",
        ("test_hooks.py::test_poststart_runs_after_start",),
    ),
    Difference(
        "fails in create when a poststart hook fails, since it runs there",
        ("test_hooks.py::test_a_failing_poststart_hook_is_told",),
    ),
    Difference(
        "does not run the poststop hooks after one that fails; the spec: warn and go on (runtime.md, Lifecycle)",
        ("test_hooks.py::test_a_failing_poststop_hook_is_a_warning_and_the_next_one_runs",),
    ),
    Difference(
        "tells the number of a hook that failed, but not its field",
        ("test_hooks.py::test_a_failing_hook_is_told_by_its_field",),
    ),
    Difference(
        "leaves cgroups, and a state directory without a state, when it is killed in create",
        (
            "test_killed_at_every_point.py::test_create_killed_in_a_hook[prestart-the caller's]",
            "test_killed_at_every_point.py::test_create_killed_in_a_hook[prestart-all]",
            "test_killed_at_every_point.py::test_create_killed_in_a_hook[createRuntime-the caller's]",
            "test_killed_at_every_point.py::test_create_killed_in_a_hook[createRuntime-all]",
            "test_killed_at_every_point.py::test_create_killed_in_a_hook[createContainer-the caller's]",
            "test_killed_at_every_point.py::test_create_killed_in_a_hook[createContainer-all]",
        ),
    ),
    Difference(
        "leaves cgroups when it is killed at some moments, and then may not delete the container",
        (
            "test_killed_at_every_point.py::test_create_killed_at_random_moments",
            "test_killed_at_every_point.py::test_run_killed_at_random_moments",
            "test_killed_at_every_point.py::test_delete_killed_at_random_moments",
        ),
        varies="the moments are random",
    ),
    Difference(
        "tells a container as created for good when `run` is killed between the start of the program and the next step",
        ("test_killed_at_every_point.py::test_a_foreground_run_that_is_killed_leaves_a_container_that_can_be_deleted",),
        varies="the moment is just after the program's first words",
    ),
    Difference(
        "tells a container whose directory is empty as an error only, and does not delete it",
        ("test_lifecycle.py::test_an_empty_state_directory_can_be_listed_and_deleted",),
    ),
    Difference(
        "lets the loser of two creates or runs of one id remove the winner's directory, so that both may fail",
        (
            "test_races.py::test_of_two_creates_of_one_id_exactly_one_wins",
            "test_races.py::test_of_two_runs_of_one_id_exactly_one_wins",
        ),
        varies="two calls race",
    ),
    Difference(
        "lets one of two starts wait for ever, now and then",
        ("test_races.py::test_of_two_starts_one_wins_at_most",),
        varies="two calls race",
    ),
)

_HOST = (
    Difference(
        "shows the container the very file of the runtime in /proc/self/exe, read-only (CVE-2019-5736)",
        ("test_threat_a.py::test_threat_a_the_exe_seen_inside_is_not_the_file_of_the_host",),
    ),
    Difference(
        "makes directories where a link leads that is exchanged meanwhile (CVE-2024-45310)",
        ("test_threat_c.py::test_threat_c_a_target_swapped_for_a_link_stays_in_root",),
        varies="a link and the runtime race",
    ),
    Difference(
        "masks with whatever the image has at /dev/null, and sends the standard streams there (CVE-2025-31133)",
        (
            "test_threat_d.py::test_threat_d_a_mask_is_the_true_null_device[a file]",
            "test_threat_d.py::test_threat_d_a_mask_is_the_true_null_device[a link]",
            "test_threat_d.py::test_threat_d_a_mask_is_the_true_null_device[another device]",
        ),
    ),
    Difference(
        "makes links in a directory of the host to which the image's /dev is a link (CVE-2026-41579)",
        ("test_threat_d.py::test_threat_d_dev_as_a_link_does_not_lead_out",),
        leaves=True,
    ),
    Difference(
        "writes sysctls to files of the image, where nothing is mounted on /proc (CVE-2025-52881)",
        ("test_threat_e.py::test_threat_e_a_sysctl_is_not_written_to_a_file_of_the_root_file_system",),
    ),
)

AREAS: dict[str, tuple[Difference, ...]] = {
    "Command line": _COMMAND_LINE,
    "Configuration": _CONFIGURATION,
    "Hooks, races, death": _LIFE,
    "The way to the host": _HOST,
}
