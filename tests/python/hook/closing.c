/* Works in a mapped folder, closes descriptors that are none of its business, and works there again.
   closing WAY FOLDER NAME: what is in FOLDER/seed goes into FOLDER/NAME, with the closing before, between and after.
   WAY begins with "exit-" when the closing after is that of an atexit handler. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST 2048

static const char *way;

static void close_all(void)
{
    if (!strcmp(way, "close_range")) {
        close_range(3, ~0U, 0);
    } else if (!strcmp(way, "closefrom")) {
        closefrom(3);
    } else if (!strcmp(way, "loop")) {
        for (int fd = 3; fd < LAST; fd++)
            close(fd);
    } else if (!strcmp(way, "raw-range")) {
        syscall(SYS_close_range, 3, ~0U, 0);
    } else if (!strcmp(way, "raw-loop")) {
        for (int fd = 3; fd < LAST; fd++)
            syscall(SYS_close, fd);
    } else if (!strcmp(way, "dup2")) {
        /* A file of ours at each number, and nobody else's bytes in it. */
        char text[8];
        int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
        for (int fd = 512; fd < 640; fd++)
            dup2(file, fd);
        usleep(2000);
        if (file < 0 || pread(file, text, sizeof text, 0) != 0)
            abort();
        for (int fd = 512; fd < 640; fd++)
            if (close(fd))
                abort();
        close(file);
    }
}

static void work(const char *folder, const char *name)
{
    char from[4096], to[4096], text[64];
    snprintf(from, sizeof from, "%s/seed", folder);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    int fd = open(from, O_RDONLY);
    ssize_t size = read(fd, text, sizeof text);
    if (size < 0 || close(fd)) {
        perror(from);
        _exit(3);
    }
    fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (write(fd, text, size) != size || close(fd)) {
        perror(to);
        _exit(4);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    way = argv[1];
    if (!strncmp(way, "exit-", 5)) {
        way += 5;
        atexit(close_all);
    }
    close_all();
    work(argv[2], argv[3]);
    close_all();
    work(argv[2], argv[3]);
    pid_t child = fork();
    if (child == 0) {
        /* As a daemon does. */
        close_all();
        work(argv[2], argv[3]);
        return 0;
    }
    int status = -1;
    close_all();
    work(argv[2], argv[3]);
    waitpid(child, &status, 0);
    close_all();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 5;
}
