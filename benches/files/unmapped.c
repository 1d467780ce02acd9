// The same calls as `calls.py`, with nothing around them: the hook's cost at its most visible.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[4000], file[4096], below[4096];

static void read_file(void) {
    char bytes[4096];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, bytes, sizeof bytes) != sizeof bytes || close(fd)) _exit(1);
}

static void stat_file(void) {
    struct stat about;
    if (stat(file, &about)) _exit(1);
}

static void list(void) {
    DIR *dir = opendir(below);
    if (!dir) _exit(1);
    while (readdir(dir)) {}
    closedir(dir);
}

static int visit(const char *path, const struct stat *about, int flag, struct FTW *at) {
    (void)path, (void)about, (void)flag, (void)at;
    return 0;
}

static void walk(void) {
    if (nftw(folder, visit, 16, FTW_PHYS)) _exit(1);
}

int main(int argc, char **argv) {
    if (argc < 2) return 1;
    snprintf(folder, sizeof folder, "%s", argv[1]);
    snprintf(below, sizeof below, "%s/0", folder);
    snprintf(file, sizeof file, "%s/0/0.txt", folder);
    struct { const char *name; void (*call)(void); int count; } actions[] = {
        {"open+read+close", read_file, 1000}, {"stat", stat_file, 2000}, {"listdir", list, 300}, {"walk", walk, 10},
    };
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        for (size_t n = 0; n < sizeof actions / sizeof *actions; n++) {
            if (strcmp(line, actions[n].name)) continue;
            struct timespec start, end;
            clock_gettime(CLOCK_MONOTONIC, &start);
            for (int i = 0; i < actions[n].count; i++) actions[n].call();
            clock_gettime(CLOCK_MONOTONIC, &end);
            printf("%f\n", ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / actions[n].count);
            fflush(stdout);
        }
    }
}
