// What a C program does with files through libc: prints what it sees. In: a folder, and a word that names the part to run.
// On a local folder and on a mapped one it must print the same. Compiled by the tests in several ways.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[2048];

static const char *at(const char *name) {
    static char paths[8][4096];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, 4096, "%s/%s", root, name);
    return path;
}

#define SAY(...) (printf(__VA_ARGS__), printf("\n"))
// A call that returns -1, with its errno.
#define TRY(call) do { errno = 0; long long r = (long long)(call); SAY("%s: %s", #call, r == -1 ? strerrorname_np(errno) : r == 0 ? "0" : "ok"); } while (0)
#define TRYP(call) do { errno = 0; void *r = (void *)(call); SAY("%s: %s", #call, r ? "ok" : strerrorname_np(errno)); } while (0)

static void put(const char *name, const char *text) {
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd)) SAY("put %s: %s", name, strerrorname_np(errno));
}

static void show(const char *name) {
    char text[200];
    int fd = open(at(name), O_RDONLY);
    if (fd < 0) { SAY("%s: %s", name, strerrorname_np(errno)); return; }
    ssize_t size = read(fd, text, sizeof text - 1);
    text[size < 0 ? 0 : size] = 0;
    close(fd);
    SAY("%s: [%s]", name, text);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int no_dots(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void list(const char *name) {
    struct dirent **entries;
    int count = scandir(at(name), &entries, no_dots, by_name);
    if (count < 0) { SAY("%s: %s", name, strerrorname_np(errno)); return; }
    printf("%s:", name);
    for (int i = 0; i < count; i++) { printf(" %s%s", entries[i]->d_name, entries[i]->d_type == DT_DIR ? "/" : ""); free(entries[i]); }
    free(entries);
    printf("\n");
}

static void opening(void) {
    int fd = creat(at("made"), 0644);
    TRY(write(fd, "creat", 5));
    TRY(close(fd));
    show("made");
    int dir = open(root, O_RDONLY | O_DIRECTORY);
    fd = openat(dir, "made", O_RDWR);
    TRY(lseek(fd, 2, SEEK_SET));
    TRY(write(fd, "EA", 2));
    TRY(ftruncate(fd, 4));
    TRY(fsync(fd));
    TRY(fdatasync(fd));
    TRY(close(fd));
    show("made");
    TRY(openat(dir, "none", O_RDONLY));
    TRY(open(at("made"), O_CREAT | O_EXCL | O_WRONLY, 0644));
    TRY(open(at("made/below"), O_RDONLY));
    TRY(open(at("made/"), O_RDONLY));
    TRY(open("", O_RDONLY));
    TRY(truncate(at("made"), 2));
    show("made");
    TRY(close(dir));
}

static void streams(void) {
    char line[100];
    FILE *f = fopen(at("f"), "w");
    fprintf(f, "line %d\n", 1);
    fputs("line 2\n", f);
    SAY("at %ld", ftell(f));
    TRY(fflush(f));
    show("f");
    TRY(fseek(f, 5, SEEK_SET));
    fputc('X', f);
    TRY(fclose(f));
    f = fopen(at("f"), "r+");
    while (fgets(line, sizeof line, f)) printf("[%s]", line);
    SAY("end %d", feof(f));
    rewind(f);
    size_t got = fread(line, 1, 4, f);
    SAY("%zu %.4s", got, line);
    fseek(f, 0, SEEK_END);
    fwrite("three", 1, 5, f);
    TRY(fclose(f));
    f = fopen(at("f"), "ae");
    fputs("+appended", f);
    TRY(fclose(f));
    show("f");
    TRYP(fopen(at("none"), "r"));
    TRYP(fopen(at("f"), "wx"));
    TRYP(fopen(at("f"), "q"));
    TRYP(fopen(at("none/f"), "w"));
    f = fopen(at("w+"), "w+");
    fputs("both ways", f);
    rewind(f);
    TRYP(fgets(line, sizeof line, f));
    SAY("%s", line);
    TRYP(f = freopen(at("f"), "r", f));
    if (f) { TRYP(fgets(line, sizeof line, f)); SAY("%s", line); TRY(fclose(f)); }
    show("w+");
    FILE *out = fopen(at("again"), "w");
    fputs("first", out);
    out = freopen(at("again2"), "w", out);
    if (out) { fputs("second", out); fclose(out); }
    show("again");
    show("again2");
    int fd = open(at("by-descriptor"), O_RDWR | O_CREAT, 0644);
    f = fdopen(fd, "w");
    fputs("fdopen", f);
    TRY(fclose(f));
    show("by-descriptor");
}

static void attributes(void) {
    struct stat s, l, t, u;
    struct statx x;
    struct statvfs v;
    put("f", "12345");
    mkdir(at("d"), 0755);
    TRY(stat(at("f"), &s));
    TRY(lstat(at("f"), &l));
    int dir = open(root, O_RDONLY), fd = open(at("f"), O_RDONLY);
    TRY(fstatat(dir, "f", &t, AT_SYMLINK_NOFOLLOW));
    TRY(fstat(fd, &u));
    SAY("%d %d %d", s.st_ino == l.st_ino && l.st_ino == t.st_ino && t.st_ino == u.st_ino, s.st_dev == u.st_dev, (int)s.st_size);
    TRY(fstatat(fd, "", &u, AT_EMPTY_PATH));
    SAY("%d %d", (int)u.st_size, S_ISREG(u.st_mode));
    TRY(statx(AT_FDCWD, at("f"), 0, STATX_BASIC_STATS, &x));
    SAY("%d %d %d", (int)x.stx_size, x.stx_ino == s.st_ino, S_ISREG(x.stx_mode));
    TRY(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x));
    SAY("%d", (int)x.stx_size);
    TRY(fstatat(dir, "none", &t, 0));
    TRY(stat(at("none"), &s));
    TRY(stat(at("d"), &s));
    SAY("%d", S_ISDIR(s.st_mode));
    TRY(fstat(dir, &s));
    SAY("%d", S_ISDIR(s.st_mode));
    TRY(access(at("f"), R_OK | W_OK));
    TRY(access(at("none"), F_OK));
    TRY(faccessat(dir, "f", F_OK, 0));
    TRY(faccessat(dir, "none", F_OK, AT_EACCESS));
    TRY(euidaccess(at("d"), X_OK));
    TRY(chmod(at("f"), 0644));
    TRY(fchmod(fd, 0644));
    TRY(utimensat(dir, "f", NULL, 0));
    TRY(futimens(fd, NULL));
    TRY(statvfs(at("f"), &v));
    TRY(fstatvfs(fd, &v));
    TRY(fstatvfs(dir, &v));
    TRY(statvfs(at("none"), &v));
    char path[4096], *made;
    TRYP(realpath(at("d/../f"), path));
    SAY("%s", path + strlen(path) - 2);
    TRYP(made = realpath(at("d"), NULL));
    if (made) SAY("%s", made + strlen(made) - 2);
    free(made);
    TRYP(realpath(at("none"), path));
    TRYP(made = canonicalize_file_name(at("f")));
    free(made);
    TRY(readlink(at("f"), path, sizeof path));
    TRY(readlinkat(dir, "none", path, sizeof path));
    close(fd);
    close(dir);
}

static void folders(void) {
    TRY(mkdir(at("d"), 0755));
    TRY(mkdir(at("d"), 0755));
    TRY(mkdir(at("no/d"), 0755));
    for (int i = 0; i < 5; i++) { char name[20]; sprintf(name, "d/f%d", i); put(name, name); }
    mkdir(at("d/sub"), 0755);
    list("d");
    list("none");
    list("d/f1");
    DIR *d = opendir(at("d"));
    int seen = 0, dots = 0;
    long middle = -1;
    char after[300] = "", again[300] = "";
    for (struct dirent *e; (e = readdir(d)); seen++) {
        dots += e->d_name[0] == '.';
        if (middle != -1 && !after[0]) strcpy(after, e->d_name);
        if (seen == 2) middle = telldir(d);
    }
    SAY("%d entries, %d with dots", seen, dots);
    seekdir(d, middle);
    strcpy(again, readdir(d)->d_name);
    SAY("again: %d", strcmp(after, again) == 0);
    put("d/new", "new");
    rewinddir(d);
    seen = 0;
    while (readdir(d)) seen++;
    SAY("%d entries", seen);
    int fd = dirfd(d);
    int f = openat(fd, "f3", O_RDONLY);
    TRY(f >= 0 ? 0 : -1);
    close(f);
    TRY(unlinkat(fd, "f3", 0));
    TRY(unlinkat(fd, "f3", 0));
    TRY(unlinkat(fd, "sub", 0));
    TRY(unlinkat(fd, "sub", AT_REMOVEDIR));
    TRY(mkdirat(fd, "sub2", 0755));
    TRY(renameat(fd, "f1", fd, "sub2/moved"));
    TRY(renameat2(AT_FDCWD, at("d/f2"), fd, "f4", RENAME_NOREPLACE));
    TRY(renameat2(AT_FDCWD, at("d/f2"), fd, "f9", RENAME_NOREPLACE));
    TRY(closedir(d));
    list("d");
    list("d/sub2");
    fd = open(at("d"), O_RDONLY);
    d = fdopendir(fd);
    seen = 0;
    while (readdir(d)) seen++;
    SAY("%d entries", seen);
    TRY(closedir(d));
    TRY(close(fd));
    TRYP(opendir(at("none")));
    TRYP(opendir(at("d/f4")));
    TRY(remove(at("d")));
    TRY(remove(at("d/f0")));
    TRY(remove(at("d/f0")));
    TRY(rename(at("d"), at("e")));
    list("");
    list("e");
    show("e/sub2/moved");
    TRY(rmdir(at("e")));
    TRY(rmdir(at("none")));
    TRY(chdir(at("e")));
    show("e/new");
    f = open("new", O_RDONLY);
    TRY(f >= 0 ? 0 : -1);
    close(f);
    f = open("by-relative-path", O_WRONLY | O_CREAT, 0644);
    TRY(write(f, "x", 1));
    close(f);
    TRY(access("../e/new", F_OK));
    TRY(chdir(".."));
    TRY(access("e/by-relative-path", F_OK));
    TRY(chdir("none"));
    fd = open("e/sub2", O_RDONLY);
    TRY(fchdir(fd));
    TRY(access("moved", F_OK));
    TRY(chdir("/"));
    TRY(unlink(at("e/by-relative-path")));
}

static void temporary(void) {
    char a[4096], b[4096], c[4096], d[4096];
    strcpy(a, at("aXXXXXX"));
    strcpy(b, at("bXXXXXX.png"));
    strcpy(c, at("cXXXXXX"));
    strcpy(d, at("dXXXXXX.txt"));
    int fd = mkstemp(a);
    TRY(write(fd, "mkstemp", 7));
    close(fd);
    SAY("%d", access(a, F_OK));
    fd = mkostemps(b, 4, O_APPEND);
    TRY(write(fd, "mkostemps", 9));
    close(fd);
    SAY("%d %s", access(b, F_OK), b + strlen(b) - 4);
    TRYP(mkdtemp(c));
    struct stat s;
    TRY(stat(c, &s));
    SAY("%d", S_ISDIR(s.st_mode));
    fd = mkstemps(d, 4);
    close(fd);
    strcpy(d, at("no-places"));
    TRY(mkstemp(d));
    strcpy(d, at("none/XXXXXX"));
    TRY(mkstemp(d));
    TRY(unlink(a));
    TRY(unlink(b));
    TRY(rmdir(c));
}

static void numbers(void) {
    // The lowest free number, as programs expect that close descriptor 0 and open another file.
    TRY(access(at("none"), F_OK)); // what the library opens for itself, it has opened now
    int before = open("/dev/null", O_RDONLY);
    close(before);
    int fd = open(at("low"), O_RDWR | O_CREAT, 0644);
    SAY("%d", fd == before);
    int copy = dup(fd), high = fcntl(fd, F_DUPFD, 50), exec = fcntl(fd, F_DUPFD_CLOEXEC, 60);
    TRY(write(copy, "a", 1));
    TRY(write(high, "b", 1));
    TRY(close(fd));
    TRY(write(exec, "c", 1));
    TRY(dup2(high, 70));
    TRY(close(high));
    TRY(close(copy));
    TRY(close(exec));
    TRY(write(70, "d", 1));
    TRY(dup3(70, 71, O_CLOEXEC));
    TRY(close(70));
    TRY(write(71, "e", 1));
    TRY(close_range(71, 71, 0));
    TRY(close(71));
    show("low");
    fd = open(at("mapped"), O_RDWR | O_CREAT, 0644);
    TRY(ftruncate(fd, 8192));
    char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(m, "written through memory");
    TRY(msync(m, 8192, MS_SYNC));
    munmap(m, 8192);
    TRY(close(fd));
    show("mapped");
}

static void processes(void) {
    int fd = open(at("shared"), O_WRONLY | O_CREAT, 0644), status;
    TRY(write(fd, "parent ", 7));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (write(fd, "child ", 6) != 6) _exit(1);
        int own = open(at("childs"), O_WRONLY | O_CREAT, 0644);
        if (write(own, "child's own", 11) != 11) _exit(2);
        close(fd);
        _exit(0); // with `own` open
    }
    waitpid(child, &status, 0);
    SAY("%d", status);
    TRY(write(fd, "parent", 6));
    TRY(close(fd));
    show("shared");
    show("childs");
    fflush(stdout);
    if ((child = fork()) == 0) {
        int out = open(at("redirected"), O_WRONLY | O_CREAT, 0644);
        dup2(out, 1);
        execl("/bin/echo", "echo", "into", "the", "file", NULL);
        _exit(3);
    }
    waitpid(child, &status, 0);
    SAY("%d", status);
    show("redirected");
    fflush(stdout);
    if ((child = fork()) == 0) {
        int out = open(at("unclosed"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (write(out, "before exec", 11) != 11) _exit(1);
        execlp("true", "true", NULL);
        _exit(3);
    }
    waitpid(child, &status, 0);
    SAY("%d", status);
    show("unclosed");
    fflush(stdout);
    if ((child = fork()) == 0) {
        FILE *f = fopen(at("streamed"), "w");
        fputs("still in the stream at the end", f);
        exit(0);
    }
    waitpid(child, &status, 0);
    show("streamed");
    FILE *pipe = popen("cat", "w");
    fflush(stdout);
    fputs("through a pipe\n", pipe);
    TRY(pclose(pipe));
    char command[4200];
    snprintf(command, sizeof command, "echo by the shell > '%s'", at("shell"));
    TRY(system(command));
    show("shell");
    fflush(stdout);
    if ((child = vfork()) == 0) {
        execl("/bin/true", "true", NULL);
        _exit(3);
    }
    waitpid(child, &status, 0);
    SAY("%d", status);
    // The daemon's way: the parent ends, the child goes on writing.
    fflush(stdout);
    int done[2];
    char byte;
    if (pipe2(done, 0)) exit(9);
    if ((child = fork()) == 0) {
        int log = open(at("daemon"), O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (write(log, "start ", 6) != 6) _exit(1);
        if (fork() == 0) {
            usleep(200000);
            if (write(log, "daemon", 6) != 6) _exit(1);
            close(log);
            _exit(0);
        }
        _exit(0);
    }
    close(done[1]);
    waitpid(child, &status, 0);
    TRY(read(done[0], &byte, 1)); // ends when the daemon has
    show("daemon");
    // Left open and changed at the end of this process.
    fd = open(at("left"), O_WRONLY | O_CREAT, 0644);
    TRY(write(fd, "left open", 9));
}

static void match(const char *pattern, int flags) {
    glob_t found;
    int result = glob(at(pattern), flags, NULL, &found);
    printf("%s: %d", pattern, result);
    for (size_t i = 0; !result && i < found.gl_pathc; i++) printf(" %s", found.gl_pathv[i] + strlen(root));
    printf("\n");
    if (!result) globfree(&found);
}

static void make_tree(void) {
    mkdir(at("d"), 0755); mkdir(at("d/sub"), 0755); mkdir(at("d/empty"), 0755); mkdir(at(".delete_1"), 0755);
    put("a.png", "a"); put("b.png", "b"); put("c.txt", "c"); put("d/e.png", "e"); put("d/sub/f.png", "f"); put(".hidden", "h");
}

static void matching(void) {
    make_tree();
    match("*.png", 0); match("*", 0); match("*", GLOB_MARK); match(".delete_*", 0); match("none*", 0); match("none*", GLOB_NOCHECK);
    match("*/*.png", 0); match("d/*/f.png", 0); match("*/", 0); match("[ab].png", 0); match("{a,c}.*", GLOB_BRACE); match("*", GLOB_ONLYDIR);
    match("a.png", 0); match("nothing", 0); match("c.txt/*", 0);
    glob_t both;
    glob(at("a*"), 0, NULL, &both);
    glob(at("b*"), GLOB_APPEND, NULL, &both);
    SAY("%zu", both.gl_pathc);
    globfree(&both);
    glob_t local;
    int found = glob("/etc/host*", 0, NULL, &local); // before it is looked at: C has no order among arguments
    SAY("%d %d", found, local.gl_pathc > 0);
    globfree(&local);
}

static char walked[100][4200];
static int walked_count, stop_at;

static int visit(const char *path, const struct stat *stat, int kind, struct FTW *position) {
    if (stop_at && strstr(path, "e.png")) return 42;
    snprintf(walked[walked_count++], 4200, "%s kind %d level %d base %s size %d", path + strlen(root), kind, position->level, position->level ? path + position->base : "",
             kind == FTW_F ? (int)stat->st_size : 0);
    return 0;
}

static int visit_simply(const char *path, const struct stat *stat, int kind) {
    struct FTW position = {0, 0};
    return visit(path, stat, kind, &position);
}

static int skip(const char *path, const struct stat *stat, int kind, struct FTW *position) {
    visit(path, stat, kind, position);
    return kind == FTW_D && strstr(path, "sub") ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void say_walked(const char *what, int result) {
    qsort(walked, walked_count, sizeof *walked, by_text); // a folder's order is its own business
    SAY("%s: %d", what, result);
    for (int i = 0; i < walked_count; i++) SAY("  %s", walked[i]);
    walked_count = 0;
}

static void walking(void) {
    make_tree();
    say_walked("nftw", nftw(root, visit, 10, 0));
    say_walked("physical", nftw(root, visit, 10, FTW_PHYS | FTW_MOUNT));
    say_walked("depth", nftw(at("d"), visit, 10, FTW_DEPTH | FTW_PHYS));
    say_walked("with a slash", nftw(at("d/"), visit, 10, FTW_PHYS));
    say_walked("skipping", nftw(root, skip, 10, FTW_ACTIONRETVAL));
    say_walked("a file", nftw(at("a.png"), visit, 10, 0));
    say_walked("ftw", ftw(root, visit_simply, 10));
    stop_at = 1;
    int result = nftw(at("d"), visit, 10, 0);
    walked_count = 0; // what came before is chance
    say_walked("stopped", result);
    stop_at = 0;
    TRY(nftw(at("none"), visit, 10, 0));
    if (chdir(root)) SAY("chdir: %s", strerrorname_np(errno));
    say_walked("changing folders", nftw(at("d"), visit, 10, FTW_CHDIR));
    TRY(access("a.png", F_OK));
    if (chdir("/")) SAY("chdir: %s", strerrorname_np(errno));
}

// What a child process does is seen at once when it has ended.
static void children(void) {
    char command[9000];
    mkdir(at("d"), 0755);
    TRY(access(at("new"), F_OK));
    TRY(access(at("d/new"), F_OK));
    list("d");
    snprintf(command, sizeof command, "echo 1 > '%s'; echo 2 > '%s'; mkdir '%s'", at("new"), at("d/new"), at("d/made"));
    TRY(system(command));
    TRY(access(at("new"), F_OK));
    TRY(access(at("d/new"), F_OK));
    list("d");
    TRY(rmdir(at("d")));
    TRY(rmdir(at("d/made")));
    put("replaced", "old");
    show("replaced");
    fflush(stdout);
    pid_t child;
    int status;
    if ((child = fork()) == 0) { put("replaced", "by the child"); unlink(at("new")); mkdir(at("e"), 0755); put("e/f", "f"); _exit(0); }
    waitpid(child, &status, 0);
    show("replaced");
    TRY(access(at("new"), F_OK));
    list("e");
    TRY(rmdir(at("e")));
    FILE *pipe = popen("cat", "w");
    TRY(pclose(pipe));
    TRY(unlink(at("e/f")));
    TRY(rmdir(at("e")));
}

int main(int argc, char **argv) {
    if (argc < 3 || strlen(argv[1]) >= sizeof root) return 2;
    strcpy(root, argv[1]);
    struct { const char *name; void (*run)(void); } parts[] = {
        {"opening", opening}, {"streams", streams}, {"attributes", attributes}, {"folders", folders},
        {"temporary", temporary}, {"numbers", numbers}, {"processes", processes},
        {"matching", matching}, {"walking", walking}, {"children", children},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strcmp(argv[2], parts[i].name)) { parts[i].run(); return 0; }
    if (!strcmp(argv[2], "show")) { show(argv[3]); return 0; }
    return 2;
}
