/* Owns what orun does before it talks: finding or starting the planner, and the sealed copy of itself (CVE-2019-5736). */
#include "front.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "executor.h"
#include "syscalls.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif
#define ALL_SEALS (0x1 | 0x2 | 0x4 | 0x8) /* SEAL, SHRINK, GROW, WRITE */

const char *verb_of(int argc, char **argv)
{
    /* Options with a value of their own word, of runc's command line, so that the value is not taken for the verb. */
    static const char *const with_value[] = {"--root", "--log", "--log-format", "--criu", "--rootless", "--trace",
                                             "-root", "-log", "-log-format", "-criu", "-rootless", "-trace"};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-')
            return argv[i];
        for (size_t option = 0; option < sizeof with_value / sizeof *with_value; option++)
            if (!strcmp(argv[i], with_value[option]))
                i++;
        if (i >= argc)
            break;
    }
    return "";
}

bool verb_enters_container(const char *verb)
{
    return !strcmp(verb, "create") || !strcmp(verb, "run") || !strcmp(verb, "exec");
}

bool verb_may_be_warm(const char *verb)
{
    static const char *const verbs[] = {"create", "delete", "exec", "kill", "list", "pause", "ps", "resume", "run", "start",
                                        "state"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(verb, verbs[i]))
            return true;
    return false;
}

int find_own_directory(char *directory, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", directory, size - 1);
    directory[length > 0 ? length : 0] = 0;
    char *slash = strrchr(directory, '/');
    if (!slash) {
        dprintf(2, "orun: cannot find itself: readlink /proc/self/exe: %s\n", strerror(errno));
        return -1;
    }
    slash[1] = 0;
    return 0;
}

/* As open and exec decide: access(2) leaves out the capabilities of who is not root. */
static int may(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

/* D/../lib/python3.X/site-packages/orlop/runtime/NAME of the highest X of at least 11. */
static int find_script(const char *directory, const char *name, char *script, size_t size)
{
    char lib[PATH_MAX];
    int best = 10;
    if ((size_t)snprintf(lib, sizeof lib, "%s../lib", directory) >= sizeof lib)
        return -1;
    DIR *list = opendir(lib);
    if (!list)
        return -1;
    struct dirent *entry;
    while ((entry = readdir(list))) {
        char candidate[PATH_MAX], rest;
        int minor;
        if (sscanf(entry->d_name, "python3.%d%c", &minor, &rest) != 1 || minor <= best)
            continue;
        int length = snprintf(candidate, sizeof candidate, "%s/python3.%d/site-packages/orlop/runtime/%s", lib, minor, name);
        if ((size_t)length >= size || !may(candidate, R_OK))
            continue;
        best = minor;
        strcpy(script, candidate);
    }
    closedir(list);
    return best > 10 ? 0 : -1;
}

/* posix_spawn shares our memory until the exec, which a fork of even a small process does not pay for. */
static int spawn_planner(const char *python, const char *script, int fd, const char *verb, pid_t *pid)
{
    char number[12];
    snprintf(number, sizeof number, "%d", fd);
    /* Its real path as argv[0]: Python finds its own library by it. */
    char *argv[] = {(char *)python, "-I", "-S", "-B", (char *)script, number, (char *)verb, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    /* A process group of its own: ^C is for us, and it learns of our end from its socket, then tidies up. */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (!error)
        error = posix_spawn(pid, python, &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/* PYTHON and the script, or one line and -1. */
static int find_planner(const char *directory, const char *name, char *python, char *script, size_t size)
{
    if ((size_t)snprintf(python, size, "%spython3", directory) < size && may(python, X_OK) &&
        find_script(directory, name, script, size) == 0)
        return 0;
    dprintf(2, "orun: cannot find the planner: %spython3 and %s../lib/python3.*/site-packages/orlop/runtime/%s must exist; "
               "install orlop with orun in its bin directory\n",
            directory, directory, name);
    return -1;
}

int start_planner(const char *directory, const char *verb, int *socket, pid_t *pid)
{
    char python[PATH_MAX], script[PATH_MAX];
    int ends[2];
    if (find_planner(directory, "cold.py", python, script, sizeof script) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        dprintf(2, "orun: cannot start the planner: socketpair: %s\n", strerror(errno));
        return -1;
    }
    *socket = ends[0];
    fcntl(ends[1], F_SETFD, 0); /* it is for the planner */
    int error = spawn_planner(python, script, ends[1], verb, pid);
    close(ends[1]);
    if (error == 0)
        return 0;
    dprintf(2, "orun: cannot start the planner: %s: %s\n", python, strerror(error));
    return -1;
}

int connect_resident_planner(void)
{
    const char *path = getenv("ORUN_PLANNER");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (!path || !*path)
        path = "/run/orun/planner.sock";
    if (*path != '/' || strlen(path) >= sizeof address.sun_path) /* "cold", above all */
        return -1;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* One that is stopped takes neither connections nor bytes once its queues are full. */
    struct timeval longest = {.tv_sec = 5};
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
    /* We do what it says, so it must be somebody who could have us do it anyway. */
    if (fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
                    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || peer.uid != geteuid()))
        close_fd(&fd);
    return fd;
}

void execute_resident_planner(const char *directory, int argc, char **argv)
{
    char python[PATH_MAX], script[PATH_MAX];
    if (find_planner(directory, "resident.py", python, script, sizeof script) < 0)
        return;
    char **command = calloc((size_t)argc + 6, sizeof *command);
    if (command) {
        char *start[] = {python, "-I", "-S", "-B", script};
        memcpy(command, start, sizeof start);
        memcpy(command + 5, argv + 1, (size_t)(argc - 1) * sizeof *command);
        execve(python, command, environ);
    }
    dprintf(2, "orun: cannot become the planner: %s: %s\n", python, strerror(errno));
    free(command);
}

static int copy_self(int to)
{
    struct stat found;
    int from AUTO_CLOSE = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (from < 0 || fstat(from, &found) < 0)
        return -1;
    off_t left = found.st_size;
    while (left > 0) {
        ssize_t sent = sendfile(to, from, NULL, (size_t)left);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -1;
        left -= sent;
    }
    return fcntl(to, F_ADD_SEALS, ALL_SEALS);
}

static int sealed_copy(void)
{
    const unsigned flags = K_MFD_CLOEXEC | K_MFD_ALLOW_SEALING;
    int fd = (int)syscall(SYS_memfd_create, "orun", flags | K_MFD_EXEC);
    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 every memfd is executable */
        fd = (int)syscall(SYS_memfd_create, "orun", flags);
    if (fd >= 0 && copy_self(fd) == 0)
        return fd;
    close_fd(&fd);
    return -1;
}

int execute_sealed(char **argv, const struct stage *stage)
{
    char variable[PATH_MAX + 64];
    size_t count = 0;
    while (environ[count])
        count++;
    char **env = malloc((count + 2) * sizeof *env);
    int fd = sealed_copy();
    if (env && fd >= 0) {
        snprintf(variable, sizeof variable, STAGE_VARIABLE "=%d:%d:%d:%s", stage->socket, (int)stage->planner,
                 stage->said_hello, stage->directory);
        memcpy(env, environ, count * sizeof *env);
        env[count] = variable;
        env[count + 1] = NULL;
        fcntl(stage->socket, F_SETFD, 0);
        syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
    }
    dprintf(2, "orun: cannot execute a sealed copy of itself: %s\n", strerror(errno));
    free(env);
    close_fd(&fd);
    return -1;
}

static bool is_sealed(void)
{
    int fd AUTO_CLOSE = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS;
}

bool take_stage(char **env, struct stage *stage)
{
    const size_t length = sizeof STAGE_VARIABLE - 1;
    const char *value = NULL;
    char **kept = env;
    int said_hello, end = 0;
    for (char **at = env; *at; at++)
        if (!strncmp(*at, STAGE_VARIABLE, length) && (*at)[length] == '=')
            value = *at + length + 1; /* ours stands last */
        else
            *kept++ = *at;
    *kept = NULL;
    if (!value || !is_sealed() || sscanf(value, "%d:%d:%d:%n", &stage->socket, &stage->planner, &said_hello, &end) != 3 ||
        !end || strlen(value + end) >= sizeof stage->directory)
        return false;
    stage->said_hello = said_hello != 0;
    strcpy(stage->directory, value + end);
    return fcntl(stage->socket, F_SETFD, FD_CLOEXEC) == 0;
}
