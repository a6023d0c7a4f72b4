/* SPDX-License-Identifier: Apache-2.0 */
#include <enclave/enclave.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* Reads shell commands, one on each line, and runs all of them at once in one sandbox: the loop waits for the
 * next line and the next completion at the same time. Their numbers are the lines'. */
struct loop {
    struct enclave_manager *manager;
    char id[ENCLAVE_ID_SIZE];
    char text[4096]; /* of a line that is not complete yet, with room for its end */
    size_t length;
    int too_long; /* what does not fit of that line is left out, and the line is not run */
    unsigned long lines, done, refused;
};

/* A line as {"command": "..."}; the program's bytes are all that has to be escaped. */
static void write_params(char *to, const char *line, size_t length)
{
    to += sprintf(to, "{\"command\": \"");
    for (size_t i = 0; i < length; i++) {
        int plain = (unsigned char)line[i] >= ' ' && line[i] != '"' && line[i] != '\\';
        to += plain ? sprintf(to, "%c", line[i]) : sprintf(to, "\\u%04x", (unsigned)line[i]);
    }
    strcpy(to, "\"}");
}

static void refuse_line(struct loop *loop, const char *why)
{
    printf("%lu: %s\n", loop->lines, why);
    loop->done++;
    loop->refused++;
}

static void take_line(struct loop *loop, const char *line, size_t length)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char params[6 * sizeof loop->text + 32];
    uintptr_t number = ++loop->lines;

    write_params(params, line, length); /* which may go away as soon as submit has returned */
    if (loop->too_long) {
        refuse_line(loop, "the line is too long");
        loop->too_long = 0;
    } else if (enclave_manager_submit(loop->manager, loop->id, "shell_executor", params, NULL,
                                      (void *)number, NULL, &err)) {
        refuse_line(loop, err.message); /* "busy" among others */
    }
}

/* What there is to read. Returns 0 at the end, which also ends a last line without a newline. */
static int read_lines(struct loop *loop)
{
    ssize_t n = read(0, loop->text + loop->length, sizeof loop->text - 1 - loop->length);
    char *line = loop->text, *end = line + loop->length + (n > 0 ? n : 0), *newline;

    if (n <= 0 && (loop->length > 0 || loop->too_long)) {
        *end++ = '\n';
    }
    while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
        take_line(loop, line, (size_t)(newline - line));
        line = newline + 1;
    }
    loop->length = (size_t)(end - line);
    memmove(loop->text, line, loop->length);
    if (loop->length == sizeof loop->text - 1) { /* the next read would have no room */
        loop->too_long = 1;
        loop->length = 0;
    }
    return n > 0;
}

static void take_completions(struct loop *loop)
{
    struct enclave_completion completion = ENCLAVE_COMPLETION_INIT;

    while (enclave_manager_next_completion(loop->manager, &completion, NULL) == 0) {
        printf("%lu: %s", (unsigned long)(uintptr_t)completion.user_data,
               completion.code ? completion.error.message : completion.result->output);
        fflush(stdout);
        enclave_result_free(completion.result);
        loop->done++;
    }
}

static int run(struct loop *loop, struct enclave_error *err)
{
    const char *config = "{\"tools_config\": [\"shell_executor\"]}";
    struct pollfd fds[] = {{.fd = 0, .events = POLLIN}, {.events = POLLIN}};

    if (enclave_manager_new(NULL, &loop->manager, err) ||
        enclave_manager_create_sandbox(loop->manager, NULL, config, NULL, loop->id, err) ||
        enclave_manager_completion_fd(loop->manager, &fds[1].fd, err)) {
        return 1;
    }
    while (fds[0].fd >= 0 || loop->done < loop->lines) { /* a negative descriptor is left out */
        if (poll(fds, 2, -1) < 0) {
            return 1;
        }
        if (fds[0].revents && !read_lines(loop)) {
            fds[0].fd = -1;
        }
        take_completions(loop);
    }
    return 0;
}

int main(void)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    struct loop loop = {0};
    int failed = run(&loop, &err);

    if (failed)
        fprintf(stderr, "%s\n", err.message);
    enclave_manager_free(loop.manager);
    return failed || loop.refused > 0;
}
