/*
 * warm.c - when calls of python_executor are forked from a warm interpreter and when they are not, and
 * that they answer the same, also when that interpreter is taken away.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "engine_query.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which of the two a script finds itself in: a warm interpreter was started with `-u -c`. */
#define WHERE                                                                                      \
    "print(['own', 'forked'][open('/proc/self/cmdline').read().split('\\0')[2] == '-c'])\n"

/* ---------------------------------------------------------------------------------------- helpers */

/* `options` are those of python_executor; `more` goes on in the configuration ("" for nothing more). */
static void open_sandbox(struct fixture *f, const char *options, const char *more,
                         char id[ENCLAVE_ID_SIZE])
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;
    char config[1024];

    (void)snprintf(config, sizeof config,
                   "{\"tools_config\": {\"python_executor\": {%s}, \"shell_executor\": {}, "
                   "\"file_operation\": {}}%s%s}",
                   options, *more ? ", " : "", more);
    if (enclave_manager_create_sandbox(f->manager, NULL, config, NULL, id, &err) != 0) {
        fail_msg("%s", err.message);
    }
}

static int is_warm(const struct enclave_result *result)
{
    json_object *metadata = json_tokener_parse(result->metadata);
    int warm = json_object_get_boolean(json_object_object_get(metadata, "warm"));

    json_object_put(metadata);
    return warm;
}

#define expect_call(f, id, code, warm, output)                                                     \
    expect_call_((f), (id), (code), (warm), (output), __FILE__, __LINE__)
static void expect_call_(struct fixture *f, const char *id, const char *code, int warm,
                         const char *output, const char *file, int line)
{
    struct enclave_result *result = run_python(f->manager, id, code);

    if (result->cause != ENCLAVE_CAUSE_EXITED || result->exit_code != 0 ||
        strcmp(result->output, output) != 0 || is_warm(result) != warm) {
        print_error("%s, exit code %d, output '%s', error '%s', metadata %s\n",
                    enclave_cause_name(result->cause), result->exit_code, result->output,
                    result->error ? result->error : "", result->metadata);
        _fail(file, line);
    }
    enclave_result_free(result);
}

/* No call of such a sandbox is forked, and each works. */
static void expect_never_warm(struct fixture *f, const char *options, const char *more)
{
    char id[ENCLAVE_ID_SIZE];

    open_sandbox(f, options, more, id);
    for (int i = 0; i < 3; i++) {
        expect_call(f, id, "print('works')", 0, "works\n");
    }
    delete_sandbox(f->manager, id);
}

/* On the host, PID 1 of the only container of the fixture's. */
static int host_pid(const struct fixture *f)
{
    char query[512];
    json_object *list, *container;
    int pid;

    (void)snprintf(query, sizeof query,
                   "/containers/json?filters=%%7B%%22label%%22%%3A%%5B%%22io.enclave.instance"
                   "%%3D%s%%22%%5D%%7D",
                   f->instance);
    list = engine_get(engine_socket(), query);
    assert_int_equal(json_object_array_length(list), 1);
    (void)snprintf(
        query, sizeof query, "/containers/%s/json",
        json_object_get_string(json_object_object_get(json_object_array_get_idx(list, 0), "Id")));
    container = engine_get(engine_socket(), query);
    pid = json_object_get_int(
        json_object_object_get(json_object_object_get(container, "State"), "Pid"));
    json_object_put(container);
    json_object_put(list);
    assert_true(pid > 1);
    return pid;
}

/* Of the file /proc/PID/NAME, NULs made spaces. */
static void read_proc(int pid, const char *name, char *text, size_t size)
{
    char path[64];
    FILE *file;
    size_t length = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    file = fopen(path, "re");
    if (file) {
        length = fread(text, 1, size - 1, file);
        (void)fclose(file);
    }
    for (size_t i = 0; i < length; i++) {
        text[i] = text[i] ? text[i] : ' ';
    }
    text[length] = '\0';
}

/* The warm interpreter: root's child of `parent` that was started with -c; 0: there is none. */
static int find_warm(int parent)
{
    DIR *dir = opendir("/proc");
    char of_parent[32], text[4096];
    int found = 0;

    assert_non_null(dir);
    (void)snprintf(of_parent, sizeof of_parent, "\nPPid:\t%d\n", parent);
    for (struct dirent *entry; !found && (entry = readdir(dir));) {
        int pid = atoi(entry->d_name);

        if (pid > 0) {
            read_proc(pid, "status", text, sizeof text);
            found = strstr(text, of_parent) && strstr(text, "\nUid:\t0\t0\t0\t0\n") ? pid : 0;
        }
        if (found) {
            read_proc(pid, "cmdline", text, sizeof text);
            found = strstr(text, " -c ") ? pid : 0;
        }
    }
    (void)closedir(dir);
    return found;
}

/* ------------------------------------------------------------------------------------------- when */

static void test_the_second_call_is_warm(void **state)
{
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];

    open_sandbox(f, "", "", id);
    expect_call(f, id, WHERE, 0, "own\n");
    for (int i = 0; i < 3; i++) {
        expect_call(f, id, WHERE, 1, "forked\n");
    }
    delete_sandbox(f->manager, id);
}

static void test_what_forbids_it(void **state)
{
    struct fixture *f = *state;

    expect_never_warm(f, "\"warm\": false", "");
    expect_never_warm(f, "\"warm\": false, \"preload\": [\"decimal\"]", "");
    expect_never_warm(f, "\"allowed_modules\": [\"json\"]", "");
    expect_never_warm(f, "\"blocked_modules\": [\"json\"]", "");
    expect_never_warm(f, "", "\"user\": \"0:0\"");
}

/* Variables that an interpreter or its loader heeds at the start: a child of the warm one starts its own. */
static void test_environment_of_the_start(void **state)
{
    static const struct {
        const char *variables, *code, *output;
    } cases[] = {
        {"{\"LD_LIBRARY_PATH\": \"/sandbox\"}",
         "import os\nprint(os.environ['LD_LIBRARY_PATH'])\n" WHERE, "/sandbox\nown\n"},
        {"{\"PYTHONMALLOC\": \"malloc\"}", "import _testinternalcapi\n" WHERE, "own\n"},
        {"{\"PYTHONDEVMODE\": \"1\"}", "import sys\nprint(sys.flags.dev_mode)\n" WHERE,
         "True\nown\n"},
        {"{\"PYTHONWARNINGS\": \"error::email.errors.MessageDefect\"}", WHERE, "own\n"},
        {"{\"PYTHONUTF8\": \"1\", \"OTHER\": \"x\"}",
         "import os, sys\nprint(sys.flags.utf8_mode, os.environ['OTHER'])\n" WHERE,
         "1 x\nforked\n"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[ENCLAVE_ID_SIZE], more[256];

        (void)snprintf(more, sizeof more, "\"env_vars\": %s", cases[i].variables);
        open_sandbox(f, "", more, id);
        for (int round = 0; round < 3; round++) {
            struct enclave_result *result = run_python(f->manager, id, cases[i].code);

            assert_string_equal(result->output,
                                round == 0 && i == 4 ? "1 x\nown\n" : cases[i].output);
            enclave_result_free(result);
        }
        delete_sandbox(f->manager, id);
    }
}

/* --------------------------------------------------------------------------------------- preload */

static void test_preload(void **state)
{
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];

    open_sandbox(f, "\"preload\": [\"decimal\", \"xml.dom.minidom\"]", "", id);
    expect_call(f, id, "import sys\nprint('decimal' in sys.modules)\n" WHERE, 1, "True\nforked\n");
    expect_call(f, id, "import xml.dom.minidom as m\nprint(m.parseString('<a/>').toxml()[-4:])", 1,
                "<a/>\n");
    /* What lies in the working directory would have been imported instead. */
    expect_shell(f->manager, id, "echo 'whose = \"mine\"' >decimal.py", "");
    for (int i = 0; i < 2; i++) {
        struct enclave_result *result =
            run_python(f->manager, id, "import decimal\nprint(decimal.whose)\n" WHERE);

        assert_string_equal(result->output, "mine\nown\n");
        enclave_result_free(result);
    }
    expect_shell(f->manager, id, "rm decimal.py", "");
    expect_call(f, id, "import decimal\nprint(decimal.Decimal('1.5') * 2)\n" WHERE, 1,
                "3.0\nforked\n");
    delete_sandbox(f->manager, id);
}

static void test_preload_of_nothing(void **state)
{
    struct fixture *f = *state;
    struct enclave_result *result;
    char id[ENCLAVE_ID_SIZE];

    open_sandbox(f, "\"preload\": [\"no_such_module\", \"decimal\"]", "", id);
    expect_call(f, id, "import decimal\n" WHERE, 1, "forked\n");
    result = run_python(f->manager, id, "import no_such_module");
    assert_int_equal(result->exit_code, 1);
    assert_non_null(strstr(result->error, "ModuleNotFoundError: No module named 'no_such_module'"));
    enclave_result_free(result);
    delete_sandbox(f->manager, id);
}

/* ------------------------------------------------------------------------------------ python_path */

/* What a payload could have changed must not run as root. */
static void test_interpreters_of_the_payload(void **state)
{
    static const struct {
        const char *path, *make;
    } cases[] = {
        {"/sandbox/link", "ln -s $(command -v python3) link"},
        {"/sandbox/venv/bin/python3", "python3 -m venv --without-pip venv"},
        {"/tmp/link", "ln -s $(command -v python3) /tmp/link"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[ENCLAVE_ID_SIZE], options[128], code[128], output[128];

        (void)snprintf(options, sizeof options, "\"python_path\": \"%s\"", cases[i].path);
        (void)snprintf(code, sizeof code, "import sys\nprint(sys.executable)\n%s", WHERE);
        (void)snprintf(output, sizeof output, "%s\nown\n", cases[i].path);
        open_sandbox(f, options, "", id);
        expect_shell(f->manager, id, cases[i].make, "");
        for (int round = 0; round < 3; round++) {
            expect_call(f, id, code, 0, output);
        }
        delete_sandbox(f->manager, id);
    }
}

/* Folders of PATH count, too: an interpreter looks there for itself, and so for its library. What the agent cannot
 * execute, it may find. */
static void test_path_of_the_payload(void **state)
{
    static const char make[] =
        "import os, sys\n"
        "lib = os.path.dirname(os.__file__)\n"
        "mine = 'lib/' + os.path.basename(lib)\n"
        "os.makedirs('bin')\nos.makedirs(mine)\n"
        "for name in os.listdir(lib):\n"
        "    if name != 'sitecustomize.py': os.symlink(lib + '/' + name, mine + '/' + name)\n"
        "with open(mine + '/sitecustomize.py', 'w') as file:\n"
        "    file.write('import os\\nif os.getuid() == 0: open(\"/tmp/ran\", \"w\").close()\\n')\n"
        "with open('bin/python3', 'w') as file:\n"
        "    file.write('#!/bin/sh\\nPATH=${PATH#*:} exec python3 \"$@\"\\n')\n"
        "os.chmod('bin/python3', 0o700)\n";
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];

    open_sandbox(f, "",
                 "\"env_vars\": {\"PATH\": "
                 "\"/sandbox/bin:/usr/local/bin:/usr/bin:/bin\"}",
                 id);
    expect_call(f, id, make, 0, "");
    for (int i = 0; i < 3; i++) {
        expect_call(f, id, "import os\nprint(os.path.exists('/tmp/ran'))\n", 0, "False\n");
    }
    delete_sandbox(f->manager, id);
}

static void test_no_interpreter(void **state)
{
    struct fixture *f = *state;
    char id[ENCLAVE_ID_SIZE];

    open_sandbox(f, "\"python_path\": \"/no/such/python\", \"preload\": [\"decimal\"]", "", id);
    for (int i = 0; i < 3; i++) {
        struct enclave_result *result = run_python(f->manager, id, "print(1)");

        assert_int_equal(result->exit_code, 127);
        assert_false(is_warm(result));
        assert_non_null(strstr(result->error, "/no/such/python"));
        assert_non_null(strstr(result->error, "not found"));
        enclave_result_free(result);
    }
    delete_sandbox(f->manager, id);
}

static void write_shim(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
}

/* `python3` is a script of the host's that makes the program of the warm interpreter see another version. */
static void test_another_version(void **state)
{
    static const struct {
        const char *version;
        int warm;
    } cases[] = {{"(3, 7, 17)", 0}, {"sys.version_info", 1}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[] = "/tmp/enclave-shim-XXXXXX";
        char id[ENCLAVE_ID_SIZE], path[64], text[256], more[128];

        assert_non_null(mkdtemp(folder));
        assert_int_equal(chmod(folder, 0755), 0);
        (void)snprintf(path, sizeof path, "%s/python3", folder);
        (void)snprintf(
            text, sizeof text,
            "#!/bin/sh\n[ \"$2\" != -c ] || exec python3 -u -c \"import sys; "
            "sys.version_info = %s; exec(sys.argv.pop(1))\" \"$3\"\nexec python3 \"$@\"\n",
            cases[i].version);
        write_shim(path, text);
        (void)snprintf(more, sizeof more,
                       "\"volumes\": {\"%s\": {\"bind\": \"/shim\", \"mode\": \"ro\"}}", folder);
        open_sandbox(f, "\"python_path\": \"/shim/python3\"", more, id);
        for (int round = 0; round < 3; round++) {
            expect_call(f, id, "print('works')", round > 0 && cases[i].warm, "works\n");
        }
        delete_sandbox(f->manager, id);
        (void)unlink(path);
        (void)rmdir(folder);
    }
}

/* `python_path` of such a script; `more` is for the rest of the configuration. */
static void open_shim(struct fixture *f, char folder[], const char *text, const char *options,
                      char id[ENCLAVE_ID_SIZE])
{
    char path[64], all[256], more[128];

    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    (void)snprintf(path, sizeof path, "%s/python3", folder);
    if (text) {
        write_shim(path, text);
    } else {
        assert_int_equal(symlink("/sandbox/link", path), 0);
    }
    (void)snprintf(all, sizeof all, "\"python_path\": \"/shim/python3\"%s", options);
    (void)snprintf(more, sizeof more,
                   "\"volumes\": {\"%s\": {\"bind\": \"/shim\", \"mode\": \"ro\"}}", folder);
    open_sandbox(f, all, more, id);
}

static void close_shim(struct fixture *f, const char *folder, const char *id)
{
    char path[64];

    delete_sandbox(f->manager, id);
    (void)snprintf(path, sizeof path, "%s/python3", folder);
    (void)unlink(path);
    (void)rmdir(folder);
}

/* A link that nobody could change leads through one that the payload could, to a good interpreter. */
static void test_a_link_through_the_payload(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/enclave-shim-XXXXXX";
    char id[ENCLAVE_ID_SIZE];

    open_shim(f, folder, NULL, "", id);
    expect_shell(f->manager, id, "ln -s $(command -v python3) link", "");
    for (int i = 0; i < 3; i++) {
        expect_call(f, id, WHERE, 0, "own\n");
    }
    close_shim(f, folder, id);
}

/* As a module that is installed to be edited: a hook finds it where the payload can write. */
static void test_preload_of_the_payload(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/enclave-shim-XXXXXX";
    char id[ENCLAVE_ID_SIZE];

    open_shim(
        f, folder,
        "#!/bin/sh\n[ \"$2\" != -c ] || exec python3 -u -c \"import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Hook:\n"
        "    def find_spec(name, *_):\n"
        "        return PathFinder.find_spec(name, ['/sandbox']) if name == 'mine' else None\n"
        "sys.meta_path.append(Hook)\n"
        "exec(sys.argv.pop(1))\" \"$3\" \"$4\"\nexec python3 \"$@\"\n",
        ", \"preload\": [\"mine\", \"decimal\"]", id);
    expect_shell(f->manager, id,
                 "echo 'import os; open(\"/tmp/ran\" + str(os.getuid()), \"w\")' >mine.py", "");
    expect_call(f, id,
                "import os, sys\nprint(os.path.exists('/tmp/ran0'), 'decimal' in sys.modules)\n"
                "import mine\nprint(os.listdir('/tmp') == ['ran' + str(os.getuid())])\n",
                1, "False True\nTrue\n");
    close_shim(f, folder, id);
}

/* --------------------------------------------------------------------------------------- it is gone */

struct caller {
    struct fixture *f;
    int wrong;
    int number;
    pthread_t thread;
};

enum { CALLERS = 4, CALLS = 25 };

static void *call_again_and_again(void *ctx)
{
    struct caller *caller = ctx;

    for (int i = 0; i < CALLS; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        char code[64], expected[32];
        struct enclave_result *result;

        (void)snprintf(code, sizeof code, "print(%d * 1000 + %d)", caller->number, i);
        (void)snprintf(expected, sizeof expected, "%d\n", caller->number * 1000 + i);
        result = try_python(caller->f->manager, caller->f->id, code, NULL, &err);
        if (!result || result->exit_code != 0 || strcmp(result->output, expected) != 0) {
            print_error("output '%s', error '%s'\n", result ? result->output : "",
                        result && result->error ? result->error : err.message);
            caller->wrong++;
        }
        enclave_result_free(result);
    }
    return NULL;
}

static void become_warm(struct fixture *f)
{
    enclave_result_free(run_python(f->manager, f->id, "pass"));
    expect_call(f, f->id, WHERE, 1, "forked\n");
}

static void test_killed_from_without(void **state)
{
    struct fixture *f = *state;
    struct caller callers[CALLERS];
    int parent = host_pid(f), wrong = 0;

    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.f = f, .number = i};
        assert_int_equal(
            pthread_create(&callers[i].thread, NULL, call_again_and_again, &callers[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        int pid;

        become_warm(f); /* else the first of root's may be a child that is just becoming a call */
        pid = find_warm(parent);
        assert_true(pid > 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        wrong += callers[i].wrong;
    }
    assert_int_equal(wrong, 0);
    become_warm(f);
}

static void *append_a_line(void *ctx)
{
    struct fixture *f = ctx;

    return run_python(f->manager, f->id, "open('lines', 'a').write('line\\n')\n");
}

/* The host sleeps between a request and its answer, longer than one may take: the call has begun. */
static void test_an_answer_that_is_read_late(void **state)
{
    struct fixture *f = *state;
    int agent = host_pid(f), pid;
    struct enclave_result *result;
    pthread_t thread;
    void *returned;

    become_warm(f);
    pid = find_warm(agent);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(pthread_create(&thread, NULL, append_a_line, f), 0);
    (void)usleep(500000); /* until it is sent */
    assert_int_equal(kill(agent, SIGSTOP), 0);
    assert_int_equal(kill(pid, SIGCONT), 0);
    (void)sleep(6);
    assert_int_equal(kill(agent, SIGCONT), 0);
    assert_int_equal(pthread_join(thread, &returned), 0);
    result = returned;
    assert_int_equal(result->exit_code, 0);
    enclave_result_free(result);
    expect_shell(f->manager, f->id, "cat lines", "line\n");
    become_warm(f);
}

/* Calls are started without it when it does not answer. */
static void test_stopped_from_without(void **state)
{
    struct fixture *f = *state;
    int pid;

    become_warm(f);
    pid = find_warm(host_pid(f));
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    expect_call(f, f->id, WHERE, 0, "own\n");
    become_warm(f);
    assert_int_not_equal(find_warm(host_pid(f)), pid);
}

static void test_out_of_memory(void **state)
{
    struct fixture *f = *state;

    become_warm(f);
    for (int i = 0; i < 2; i++) {
        struct enclave_result *result =
            run_python(f->manager, f->id, "held = []\nwhile True: held.append(b'x' * (16 << 20))");

        assert_int_not_equal(result->exit_code, 0);
        enclave_result_free(result);
        become_warm(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_from_without), /* these have the fixture's sandbox only */
        cmocka_unit_test(test_stopped_from_without),
        cmocka_unit_test(test_an_answer_that_is_read_late),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_the_second_call_is_warm),
        cmocka_unit_test(test_what_forbids_it),
        cmocka_unit_test(test_environment_of_the_start),
        cmocka_unit_test(test_preload),
        cmocka_unit_test(test_preload_of_nothing),
        cmocka_unit_test(test_interpreters_of_the_payload),
        cmocka_unit_test(test_path_of_the_payload),
        cmocka_unit_test(test_a_link_through_the_payload),
        cmocka_unit_test(test_preload_of_the_payload),
        cmocka_unit_test(test_no_interpreter),
        cmocka_unit_test(test_another_version),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
