// The members of the exec family that take their arguments one by one, which Rust cannot define. They make a list of them and go
// on to ours that take lists.
#include <stdarg.h>
#include <stddef.h>

typedef char *const *List;

int lf_execv(const char *path, List arguments);
int lf_execvp(const char *path, List arguments);
int lf_execve(const char *path, List arguments, List environment);

#define HIDDEN __attribute__((visibility("hidden")))

// The arguments from `first` to the null, as `list`; on the stack, since a child made by `vfork` must not allocate.
#define COLLECT(first)                                        \
    va_list rest;                                             \
    size_t count = 1;                                         \
    va_start(rest, first);                                    \
    if (first) while (va_arg(rest, const char *)) count++;    \
    va_end(rest);                                             \
    const char *list[count + 1];                              \
    va_start(rest, first);                                    \
    list[0] = first;                                          \
    for (size_t i = 1; i < count; i++) list[i] = va_arg(rest, const char *); \
    list[count] = NULL

HIDDEN int lf_execl(const char *path, const char *first, ...) {
    COLLECT(first);
    va_end(rest);
    return lf_execv(path, (List)list);
}

HIDDEN int lf_execlp(const char *path, const char *first, ...) {
    COLLECT(first);
    va_end(rest);
    return lf_execvp(path, (List)list);
}

HIDDEN int lf_execle(const char *path, const char *first, ...) {
    COLLECT(first);
    if (first) (void)va_arg(rest, const char *); // the null that ends the arguments
    List environment = va_arg(rest, List);
    va_end(rest);
    return lf_execve(path, (List)list, environment);
}
