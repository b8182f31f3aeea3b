"""What crun 1.8 does otherwise, by area. "The spec" is the OCI runtime specification, 1.3."""

from __future__ import annotations

from .difference import Difference
from .machine_facts import is_below_the_root_cgroup, lacks_sys_resource

_BAD = "test_bad_config.py::test_a_bad_configuration_is_refused_by_its_field"

_COMMAND_LINE = (
    Difference(
        "has no `events` and no `features`",
        (
            "test_command_line.py::test_help_names_every_verb",
            "test_command_line.py::test_each_verb_has_help[events]",
            "test_command_line.py::test_each_verb_has_help[features]",
            "test_command_line.py::test_an_unknown_flag_is_named[events]",
            "test_command_line.py::test_an_unknown_flag_is_named[features]",
            "test_command_line.py::test_features_is_the_document_of_the_spec",
            "test_command_line.py::test_features_tell_what_is_not_there",
            "test_lifecycle.py::test_an_unknown_id_is_an_error[events]",
            "test_events.py::test_stats_are_one_line_with_the_keys_of_runc",
            "test_events.py::test_stats_tell_the_limits",
            "test_events.py::test_stats_have_every_cpu_and_the_cpuset",
            "test_events.py::test_events_come_at_the_interval_until_the_container_is_gone",
            "test_events.py::test_an_out_of_memory_kill_is_an_event",
        ),
    ),
    Difference(
        "does not know `checkpoint` and `restore`, as built by Debian, where orun says that they are not there yet",
        ("test_command_line.py::test_a_verb_of_a_later_release_says_so",),
    ),
    Difference("talks to systemd, where orun refuses", ("test_command_line.py::test_the_systemd_driver_is_refused",)),
    Difference(
        "without a verb prints one line on stderr, and no help", ("test_command_line.py::test_no_verb_shows_help",)
    ),
    Difference(
        "takes a long flag with two dashes only; runc, in Go, takes one too",
        ("test_command_line.py::test_a_flag_may_be_written_with_one_dash",),
    ),
    Difference(
        "writes the bare message to a `--log` in text, where runc writes `level=error msg=...`",
        (
            "test_command_line.py::test_the_log_as_text_has_the_error",
            "test_threat_m.py::test_threat_m_a_line_break_makes_no_second_line_in_the_log[text]",
        ),
    ),
    Difference(
        "prints a line break or an escape sequence of config.json as it is",
        ("test_threat_m.py::test_threat_m_stderr_is_one_line_without_control_characters",),
    ),
    Difference(
        "leaves the id mappings of `spec --rootless` to the caller",
        ("test_command_line.py::test_spec_rootless_has_a_user_namespace",),
    ),
    Difference(
        "adds `systemd-scope` to `state`, and its `rootfs` is root.path as written",
        ("test_lifecycle.py::test_state_has_the_keys_of_runc",),
    ),
    Difference(
        "heads the column of ids in `list` with NAME, and its JSON has no `ociVersion` and no `rootfs`",
        (
            "test_list.py::test_without_containers_the_table_is_its_heading",
            "test_list.py::test_the_json_has_the_keys_of_runc",
        ),
    ),
    Difference(
        "prints bare pids in `ps`, and takes no options of ps(1)",
        (
            "test_ps.py::test_the_table_has_a_heading_and_a_row_for_each_process",
            "test_ps.py::test_options_are_those_of_ps",
            "test_ps.py::test_a_process_of_exec_is_shown",
        ),
    ),
    Difference(
        "sends nothing and exits with 0 when `kill` is given a name that it does not know, or one in small letters",
        (
            "test_kill.py::test_a_signal_is_a_name_or_a_number[term]",
            "test_kill.py::test_an_unknown_signal_is_refused[NOSUCH]",
            "test_kill.py::test_an_unknown_signal_is_refused[SIGNOSUCH]",
        ),
    ),
    Difference("resumes a running container", ("test_pause.py::test_resume_of_a_running_container_is_refused",)),
    Difference(
        "tells a paused container that was not started as created, and does not end it by KILL before it is resumed",
        (
            "test_pause.py::test_a_created_container_can_be_paused_and_starts_once_it_is_resumed",
            "test_pause.py::test_a_created_container_that_is_paused_can_be_ended",
        ),
    ),
    Difference(
        "keeps its record of a container in the file `status`, not state.json",
        ("test_list.py::test_a_container_with_a_damaged_state_is_told_and_neither_listed_nor_deleted",),
    ),
    Difference(
        "`update --memory -1` leaves the limit of memory and swap, and so fails where there is one (runc lifts both)",
        ("test_update.py::test_memory_without_a_limit_is_without_one_of_swap",),
    ),
    Difference(
        "takes no terminal but stdin for the caller's (runc: any of the three streams, or the controlling one)",
        ("test_terminal.py::test_a_terminal_that_is_only_the_controlling_one_will_do",),
    ),
    Difference(
        "does not warn of an unknown capability or of a relative mount destination",
        (
            "test_process.py::test_an_unknown_capability_is_told_on_stderr_without_a_log",
            "test_mounts.py::test_a_relative_destination_is_taken_from_the_root_and_told",
        ),
    ),
    Difference(
        "lists nothing with `--rootless=true`, and has no `--criu`",
        ("test_command_line.py::test_how_cgroups_are_made_matters_to_no_other_verb",),
    ),
    Difference("has no `run --keep`", ("test_run.py::test_run_keep_leaves_a_stopped_container",)),
    Difference("has no `run --rm`", ("test_run.py::test_run_accepts_rm",)),
    Difference("has no `--pidfd-socket`", ("test_terminal.py::test_create_sends_a_pidfd",)),
    Difference(
        "ignores a `--console-socket` that is not needed",
        ("test_terminal.py::test_a_console_socket_without_a_terminal_is_refused",),
    ),
    Difference("does not type what orun's labs type", ("test_lab.py::test_lab_1_works_as_typed",)),
    Difference(
        "takes any container id that a file may have for its name",
        (
            *(
                f"test_threat_m.py::test_threat_m_an_id_with_other_characters_is_refused[{verb}-{word}]"
                for verb in ("create", "run")
                for word in ("/x", "a b", r"a\tb", r"a\x1b[0m", r"\xe4", "a%2e", "a:b", "a*")
            ),
        ),
    ),
    Difference(
        "removes a directory outside of `--root` on `delete --force ../x`",
        (
            "test_threat_m.py::test_threat_m_no_verb_leaves_the_root_directory[delete-../x]",
            "test_threat_m.py::test_threat_m_no_verb_leaves_the_root_directory[delete-..]",
        ),
    ),
)

_EXEC = (
    Difference(
        "`exec` does not take noNewPrivileges over from the container (runc does)",
        ("test_exec.py::test_exec_has_the_capabilities_of_the_container",),
    ),
    Difference(
        "`exec --env` replaces the environment of the container, PATH with it (runc adds to it)",
        (
            "test_exec.py::test_env_is_added",
            "test_exec.py::test_env_replaces_what_the_container_has",
            "test_exec.py::test_a_variable_of_the_container_is_replaced_and_not_there_twice",
        ),
    ),
    Difference(
        "`exec --cap` replaces the capabilities of the container (runc adds to them), and ignores an unknown name",
        ("test_exec.py::test_cap_adds_a_capability", "test_exec.py::test_an_unknown_capability_is_told_and_left_out"),
    ),
    Difference(
        "exits with 1 where an `exec` fails on the host's side (runc: 255), and with 64 for an unknown flag (runc: 1)",
        (
            "test_exec.py::test_a_failed_exec_is_told_from_a_program_that_fails[nothing]",
            "test_exec.py::test_a_failed_exec_is_told_from_a_program_that_fails[--user nobody-we-know true]",
            "test_exec.py::test_a_failed_exec_is_told_from_a_program_that_fails[--process /no-such-file]",
            "test_exec.py::test_exec_in_a_container_that_cannot_is_told_from_a_program_that_fails",
            "test_exec.py::test_a_wrong_command_line_of_exec_exits_with_1",
        ),
    ),
    Difference(
        "has no `exec --additional-gids`",
        ("test_exec.py::test_additional_gids_are_added",),
    ),
    Difference("has no `exec --ignore-paused`", ("test_pause.py::test_exec_ignore_paused_runs_after_resume",)),
    Difference(
        "`exec --cgroup` has no effect on cgroup v1",
        (
            "test_exec.py::test_cgroup_puts_the_process_below_the_cgroup_of_the_container",
            "test_exec.py::test_a_cgroup_that_does_not_exist_is_refused",
        ),
    ),
    Difference(
        "`exec --user` takes signs, blanks, empty parts and numbers out of range, most of which become user 0",
        (
            *(
                f"test_threat_f.py::test_threat_f_a_user_is_digits_in_range_or_refused[{user}]"
                for user in ("-1", "4294967295", "4294967296", " 0", "+0", ":0", "0:", "0:-1", "0:4294967295")
            ),
            "test_threat_f.py::test_threat_f_digits_out_of_range_are_no_name_either",
        ),
    ),
    Difference(
        "may leave the caller's terminal raw after `exec --tty`",
        ("test_terminal.py::test_exec_tty_gives_a_terminal",),
        varies="it does now and then",
    ),
    Difference(
        "does not give the terminal of `exec --tty --user` to the user",
        ("test_terminal.py::test_exec_tty_as_another_user_can_open_it",),
    ),
)

_CONFIGURATION = (
    Difference(
        "takes a value of the wrong JSON type for none",
        (
            f"{_BAD}[root.readonly--yes-is-not-a-boolean]",
            f"{_BAD}[process.args-not-an-array]",
            f"{_BAD}[process.user.uid--0-is-not-a-whole-number]",
            f"{_BAD}[process.user.uid-true-is-not-a-whole-number]",
            f"{_BAD}[process.noNewPrivileges--yes-is-not-a-boolean]",
            f"{_BAD}[process.terminal-1-is-not-a-boolean]",
            f"{_BAD}[linux.resources.memory--64M-is-not-a-whole-number]",
            f"{_BAD}[linux.resources.pids--many-is-not-a-whole-number]",
            f"{_BAD}[hooks-not-an-array]",
        ),
    ),
    Difference("takes a process without args, which `start` must refuse", (f"{_BAD}[process.args-missing]",)),
    Difference(
        "takes two namespaces of one type, which must be an error (config-linux.md, Namespaces)",
        (f"{_BAD}[linux.namespaces[5]-given-twice]",),
    ),
    Difference(
        "takes relative paths where the spec wants absolute ones: process.cwd, devices, maskedPaths, readonlyPaths",
        (
            f"{_BAD}[process.cwd--work-is-not-an-absolute-path]",
            f"{_BAD}[linux.devices-not-an-absolute-path]",
            f"{_BAD}[linux.maskedPaths[0]--proc-acpi-is-not-an-absolute-path]",
            f"{_BAD}[linux.readonlyPaths[0]--proc-bus-is-not-an-absolute-path]",
        ),
    ),
    Difference(
        "takes values that the spec does not have: a device of type `x` or without numbers, access `rwx`, a propagation"
        " `public`, seccomp's `x86` and `SECCOMP_FLAG`, a rule without names",
        (
            f"{_BAD}[linux.devices--x-is-not-a-device-type]",
            f"{_BAD}[linux.devices-major-and-minor]",
            f"{_BAD}[linux.resources.devices[0].access--rwx-is-not-made-of]",
            f"{_BAD}[linux.rootfsPropagation--public-is-not-a-propagation-mode]",
            f"{_BAD}[linux.seccomp--x86-]",
            f"{_BAD}[linux.seccomp--SECCOMP-FLAG-]",
            f"{_BAD}[linux.seccomp-empty]",
        ),
    ),
    Difference(
        "takes numbers out of range: user 4294967295 (no change, so root), umask 01000, shares -1, swappiness 101,"
        " a timeout of 0, half a consoleSize",
        (
            f"{_BAD}[process.user.uid-4294967295-is-out-of-range]",
            "test_threat_f.py::test_threat_f_the_id_that_means_no_change_is_refused",
            f"{_BAD}[process.user.umask-512-is-out-of-range]",
            f"{_BAD}[process.consoleSize-missing]",
            f"{_BAD}[linux.resources.cpu--1-is-out-of-range]",
            f"{_BAD}[linux.resources.memory-101]",
            f"{_BAD}[hooks-0-is]",
        ),
    ),
    Difference(
        "ignores what has no effect: mappings without a user namespace, offsets without a time namespace",
        (f"{_BAD}[linux.uidMappings-no-user-namespace]", f"{_BAD}[linux.timeOffsets-time]"),
    ),
    Difference("takes a systemd cgroupsPath for a path", (f"{_BAD}[linux.cgroupsPath-systemd]",)),
    Difference(
        "implements personality, intelRdt, rdma, mountLabel and seccomp's NOTIFY, or ignores them;"
        " orun says that it has not got them",
        (
            f"{_BAD}[linux.personality-not-supported]",
            f"{_BAD}[linux.intelRdt-not-supported]",
            f"{_BAD}[linux.resources.rdma-not-supported]",
            f"{_BAD}[linux.mountLabel-not-supported]",
            f"{_BAD}[linux.seccomp-not-supported]",
        ),
    ),
    Difference(
        "knows the spec 1.0, and so ignores what is newer: scheduler, ioPriority, netDevices, memoryPolicy",
        (
            f"{_BAD}[process.scheduler-not-supported]",
            f"{_BAD}[process.ioPriority-not-supported]",
            f"{_BAD}[linux.netDevices-not-supported]",
            f"{_BAD}[linux.memoryPolicy-not-supported]",
        ),
    ),
    Difference(
        "says nothing of an unknown capability, which must be a warning (config.md, `capabilities`)",
        ("test_process.py::test_an_unknown_capability_is_a_warning",),
    ),
    Difference(
        "takes a control character in the hostname and in HOME",
        (
            f"{_BAD}[hostname-control-character]",
            "test_threat_m.py::test_threat_m_a_home_with_a_control_character_is_refused",
            "test_threat_m.py::test_threat_m_a_home_of_exec_with_a_control_character_is_refused",
        ),
    ),
    Difference(
        "leaves HOME empty for a user that is not in /etc/passwd (runc says `/`)",
        ("test_process.py::test_home_is_slash_for_an_unknown_user",),
    ),
    Difference(
        "does not make the time namespace of the spec 1.1",
        (
            "test_namespaces.py::test_time_offsets_are_set",
            "test_namespaces.py::test_a_new_time_namespace_without_offsets",
            "test_namespaces.py::test_exec_enters_the_time_namespace",
        ),
    ),
    Difference(
        "does not name the program that may not be executed",
        ("test_run.py::test_a_program_that_may_not_be_executed_is_named",),
    ),
    Difference(
        "waits in `run` for an orphan of the program, where runc ends with the program",
        ("test_run.py::test_an_orphan_without_a_pid_namespace_does_not_hang_run",),
    ),
    Difference(
        "gives the terminal of `run` no window size",
        (
            "test_terminal.py::test_the_window_size_is_passed_at_start",
            "test_terminal.py::test_a_new_window_size_is_passed_on",
        ),
    ),
)

_MOUNTS = (
    Difference(
        "gives a tmpfs with `tmpcopyup` the mode 1777, whatever the directory's is",
        ("test_image_config.py::test_a_volume_has_the_images_content_and_keeps_writes_out_of_it",),
    ),
    Difference("keeps `ro` where `rw` follows", ("test_mounts.py::test_of_two_opposite_options_the_later_counts",)),
    Difference(
        "leaves a mount private that is to be shared or unbindable",
        (
            "test_mounts.py::test_propagation_is_set[shared-shared:]",
            "test_mounts.py::test_propagation_is_set[rshared-shared:]",
            "test_mounts.py::test_propagation_is_set[unbindable-unbindable]",
        ),
    ),
    Difference(
        "does not name the option that a file system refuses",
        ("test_mounts.py::test_an_unknown_option_of_a_file_system_is_named",),
    ),
    Difference(
        "drops nosuid, nodev and noexec of the mount that a readonlyPath lies on",
        ("test_rootfs.py::test_a_read_only_path_keeps_the_options_of_its_mount",),
    ),
    Difference(
        "binds on /proc itself and below it; runc and orun refuse all but the files that lxcfs offers",
        (
            "test_threat_c.py::test_threat_c_a_link_that_leads_a_mount_into_proc_is_refused",
            "test_threat_e.py::test_threat_e_a_bind_mount_below_proc_is_refused[/proc/self]",
            "test_threat_e.py::test_threat_e_a_bind_mount_below_proc_is_refused[/proc/sys]",
            "test_threat_e.py::test_threat_e_a_bind_mount_below_proc_is_refused[/proc/sys/kernel]",
            "test_threat_e.py::test_threat_e_a_bind_mount_below_proc_is_refused[/proc/1/attr]",
            "test_threat_e.py::test_threat_e_a_bind_mount_in_place_of_proc_is_refused",
        ),
    ),
    Difference(
        "takes a file of the image at /dev/null for the null device, and sends the standard streams there",
        (
            "test_threat_d.py::test_threat_d_a_mask_is_the_true_null_device[a file]",
            "test_threat_d.py::test_threat_d_a_mask_is_the_true_null_device[a link]",
        ),
    ),
)

_CGROUPS = (
    Difference(
        "starts at the root of each hierarchy, where runc starts at the caller's own cgroup",
        (
            "test_cgroups.py::test_the_cgroup_is_below_the_callers_own",
            "test_cgroups.py::test_a_relative_path_starts_at_the_callers_own",
        ),
        is_here=is_below_the_root_cgroup,
    ),
    Difference(
        "refuses -1, which is no limit, for cpu.quota and pids.limit on cgroup v1, and leaves the cgroups then",
        (
            "test_cgroups.py::test_a_limit_is_in_its_file[resources6-cpu-cpu.cfs_quota_us--1]",
            "test_cgroups.py::test_a_limit_is_in_its_file[resources9-pids-pids.max-max]",
            "test_update.py::test_pids_limit_of_minus_1_is_none",
        ),
    ),
    Difference("takes no unit in `update --memory`", ("test_update.py::test_memory_may_have_a_unit",)),
    Difference(
        "leaves cgroups, or the state, behind a `create` that fails at the limits",
        (
            f"{_BAD}[process.rlimits[1]-given-twice]",
            f"{_BAD}[linux.resources.memory-less]",
            f"{_BAD}[linux.resources.cpu-EINVAL]",
            f"{_BAD}[linux.resources.cpu-4000]",
            f"{_BAD}[linux.resources.blockIO-not-supported]",
            f"{_BAD}[linux.resources.devices[0].type--q-is-not-a-device-type]",
        ),
    ),
    Difference(
        "leaves cgroups behind a `run` that fails at `unified`",
        ("test_threat_l.py::test_threat_l_a_unified_file_is_a_name",),
        leaves=True,
    ),
    Difference(
        "makes a plain directory where a cgroup hierarchy is not mounted, and leaves it",
        ("test_devices.py::test_device_rules_are_refused_on_a_host_without_their_controller",),
        leaves=True,
    ),
    Difference(
        "does not name the layer of an overlay that does not exist",
        ("test_mounts.py::test_a_layer_that_does_not_exist_is_told",),
    ),
    Difference(
        "makes directories where a cgroupsPath with `..` leads",
        (
            "test_threat_l.py::test_threat_l_a_cgroups_path_with_dots_is_refused[../{}]",
            "test_threat_l.py::test_threat_l_a_cgroups_path_with_dots_is_refused[/{}/../../x]",
            "test_threat_l.py::test_threat_l_a_cgroups_path_with_dots_is_refused[a/../../{}]",
        ),
    ),
    Difference(
        "raises RLIMIT_MEMLOCK for its device program on cgroup v2, and without CAP_SYS_RESOURCE cannot",
        (
            "test_cgroup2.py::test_init_is_in_a_cgroup_of_its_own",
            "test_cgroup2.py::test_an_absolute_cgroups_path",
            "test_cgroup2.py::test_delete_removes_the_cgroup",
            "test_cgroup2.py::test_delete_removes_cgroups_below",
            "test_cgroup2.py::test_pause_freezes_the_cgroup",
            "test_cgroup2.py::test_delete_force_ends_a_paused_container",
            "test_cgroup2.py::test_exec_joins_the_cgroup",
            "test_cgroup2.py::test_kill_all_reaches_every_process",
            "test_cgroup2.py::test_the_default_devices_can_be_used",
            "test_cgroup2.py::test_an_allowed_device_can_be_used",
            "test_cgroup2.py::test_exec_is_under_the_device_rules_too",
            "test_cgroup2.py::test_the_cgroup_mount_is_a_read_only_cgroup2",
            "test_cgroup2.py::test_the_cgroup_mount_in_a_namespace_shows_the_own_subtree_alone",
            "test_cgroup2.py::test_unified_writes_a_file",
            "test_cgroup2.py::test_a_unified_file_that_does_not_exist_is_refused",
            "test_cgroup2.py::test_events_and_ps_work",
            "test_threat_r.py::test_threat_r_the_unified_hierarchy_is_read_only_too",
        ),
        is_here=lacks_sys_resource,
    ),
    Difference(
        "leaves the cgroup that it made then, on cgroup v2",
        ("test_cgroup2.py::test_a_node_can_be_made_but_not_used",),
        leaves=True,
        is_here=lacks_sys_resource,
    ),
    Difference(
        "sets a sysctl of the caller's own network namespace, where the namespace is joined by its path",
        ("test_threat_l.py::test_threat_l_a_sysctl_of_the_callers_own_namespace_by_path_is_refused",),
    ),
    Difference(
        "obeys annotations of its own, `run.oci.*`",
        ("test_threat_l.py::test_threat_l_annotations_have_no_effect",),
    ),
)

_LIFE = (
    Difference(
        "may run poststart hooks before the program; the spec: after it (config.md, POSIX-platform Hooks)",
        ("test_hooks.py::test_poststart_runs_after_start",),
        varies="a startContainer hook and they may end in either order",
    ),
    Difference(
        "tells a startContainer hook that the bundle is `/`",
        ("test_hooks.py::test_each_hook_gets_the_state_on_stdin",),
    ),
    Difference(
        "tells the hooks of create the status `created` (runc: `creating`)",
        ("test_hooks.py::test_the_status_tells_where_the_container_is",),
    ),
    Difference(
        "says nothing of a poststart hook that failed (the spec 1.0: a warning, 1.3: an error; runtime.md, Lifecycle)",
        ("test_hooks.py::test_a_failing_poststart_hook_is_told",),
    ),
    Difference(
        "writes no warning of a poststop hook that failed (the spec: log a warning; runtime.md, Lifecycle)",
        ("test_hooks.py::test_a_failing_poststop_hook_is_a_warning_and_the_next_one_runs",),
    ),
    Difference(
        "tells the program of a hook that failed, but not its field",
        ("test_hooks.py::test_a_failing_hook_is_told_by_its_field",),
    ),
    Difference(
        "leaves cgroups when it is killed in create",
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
        "leaves cgroups or processes when it is killed at some moments",
        (
            "test_killed_at_every_point.py::test_create_killed_at_random_moments",
            "test_killed_at_every_point.py::test_run_killed_at_random_moments",
            "test_killed_at_every_point.py::test_delete_killed_at_random_moments",
        ),
        varies="the moments are random",
    ),
    Difference(
        "tells a container whose directory is empty as an error only, and does not delete it",
        ("test_lifecycle.py::test_an_empty_state_directory_can_be_listed_and_deleted",),
    ),
    Difference(
        "lets the loser of two creates of one id fail in other words, or both fail",
        ("test_races.py::test_of_two_creates_of_one_id_exactly_one_wins",),
        varies="two calls race",
    ),
    Difference(
        "fails in `delete --force` when the `run` in the foreground cleans up at the same time",
        ("test_run.py::test_delete_force_of_a_foreground_run_ends_it",),
        varies="two calls race",
    ),
)

_HOST = (
    Difference(
        "shows the container the very file of the runtime in /proc/self/exe, read-only (CVE-2019-5736)",
        ("test_threat_a.py::test_threat_a_the_exe_seen_inside_is_not_the_file_of_the_host",),
    ),
    Difference(
        "takes a working directory on the host, through a file descriptor that the caller leaks (CVE-2024-21626)",
        (
            "test_threat_b.py::test_threat_b_cwd_through_leaked_fd_is_refused",
            "test_threat_b.py::test_threat_b_cwd_through_a_link_to_a_leaked_fd_is_refused",
            "test_threat_b.py::test_threat_b_cwd_of_exec_through_leaked_fd_is_refused",
            "test_threat_b.py::test_threat_b_cwd_through_a_preserved_fd_is_refused",
        ),
    ),
)

AREAS: dict[str, tuple[Difference, ...]] = {
    "Command line": _COMMAND_LINE,
    "exec": _EXEC,
    "Configuration and process": _CONFIGURATION,
    "Mounts": _MOUNTS,
    "Cgroups, sysctls, annotations": _CGROUPS,
    "Hooks, races, death": _LIFE,
    "The way to the host": _HOST,
}
