/*
 * isolation.c - nothing that one call of python_executor does reaches another but files, and files do
 * as they do with plain python3: neither a call before nor one at the same time can be told from none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "capture.h"
#include "compare.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 120000 /* for what is to end by itself, however busy the machine is */
#define PLAIN_FOLDER "/dev/shm/plain/"

static json_object *one_param(const char *key, json_object *value)
{
    json_object *params = json_object_new_object();

    json_object_object_add(params, key, value);
    return params;
}

static void call_python(struct fixture *f, const char *code, struct capture *ret_capture)
{
    capture_run(f->manager, f->id, "python_executor",
                one_param("code", json_object_new_string(code)), NULL, NULL, TIMEOUT_MS,
                ret_capture);
    assert_int_equal(compare_normalise(ret_capture, "/run/enclave/x"), 0);
}

/* The same code by plain python3 in the same sandbox. */
static void call_plain(struct fixture *f, const char *code, struct capture *ret_capture)
{
    struct enclave_error err = ENCLAVE_ERROR_INIT;

    if (enclave_manager_put_file(f->manager, f->id, PLAIN_FOLDER "x/script.py", code, strlen(code),
                                 0, &err) != 0) {
        fail_msg("%s", err.message);
    }
    capture_run(f->manager, f->id, "shell_executor",
                one_param("command",
                          json_object_new_string("PYTHONPATH=/sandbox exec python3 -u " PLAIN_FOLDER
                                                 "x/script.py")),
                NULL, NULL, TIMEOUT_MS, ret_capture);
    assert_int_equal(compare_normalise(ret_capture, PLAIN_FOLDER), 0);
}

static void clean(struct fixture *f)
{
    expect_shell(f->manager, f->id, "find /sandbox /tmp -mindepth 1 -delete", "");
}

/* ---------------------------------------------------------------------- what a call does to itself */

/* Prints all that an earlier call could have changed. */
static const char probe[] =
    "import sys\n"
    "modules = sorted(sys.modules)\n"
    "import builtins, gc, locale, os, resource, signal, threading, warnings\n"
    "for name in sorted(dir(builtins)):\n"
    "    print(name, type(getattr(builtins, name)).__name__, getattr(builtins, name).__module__\n"
    "          if hasattr(getattr(builtins, name), '__module__') else '-')\n"
    "print(modules, sorted(dir(sys)), sorted(dir(os)))\n"
    "print(sorted(os.environ.items()), os.getcwd(), os.umask(0o22), sys.path[1:], sys.argv[1:])\n"
    "print([signal.getsignal(s) for s in signal.valid_signals()], signal.pthread_sigmask(0, []))\n"
    "print(signal.getitimer(0), signal.sigpending(), threading.active_count())\n"
    "print(sorted(os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task')))\n"
    "print(gc.isenabled(), gc.get_threshold(), gc.callbacks, gc.garbage)\n"
    "print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile())\n"
    "print(sys.excepthook is sys.__excepthook__, sys.meta_path, sys.path_hooks[0], sys.flags)\n"
    "print([f[:1] + f[2:] for f in warnings.filters], locale.setlocale(locale.LC_ALL))\n"
    "print([(n, resource.getrlimit(getattr(resource, n))) for n in sorted(dir(resource))\n"
    "       if n.startswith('RLIMIT_')], os.nice(0), sorted(os.sched_getaffinity(0)))\n"
    "print(open('/proc/self/comm').read(), open('/proc/self/oom_score_adj').read())\n"
    "print(os.getpid() == os.getsid(0) == os.getpgrp(), os.getppid(), len(os.getgroups()))\n"
    "print(sys.stdin.read(), sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering)\n"
    "print(sys.stdout is sys.__stdout__, sys.int_info, sys.getdefaultencoding())\n"
    "print(open('/proc/self/coredump_filter').read(), len(open('/proc/self/mountinfo').read()))\n";

static const struct {
    const char *what;
    const char *code;
} polluters[] = {
    {"nothing", "pass"},
    {"imports", "import json, random, socket, ctypes, asyncio, unittest, decimal, sqlite3\n"
                "from xml.dom import minidom"},
    {"builtins", "import builtins\nbuiltins.print = lambda *a: None\nbuiltins.open = None\n"
                 "builtins.leftover = 1\ndel builtins.abs\nbuiltins.__import__ = None\n"},
    {"sys", "import sys\nsys.path.insert(0, '/tmp')\nsys.argv.append('x')\nsys.leftover = 1\n"
            "sys.meta_path.clear()\nsys.path_hooks.clear()\nsys.modules.clear()\n"
            "sys.excepthook = None\nsys.setrecursionlimit(77)\nsys.setswitchinterval(1)\n"
            "sys.flags = None\nsys.stdout = sys.stderr = sys.stdin = None\n"},
    {"os", "import os\nfor name in dir(os):\n    try: setattr(os, name, None)\n"
           "    except Exception: pass\n"},
    {"os.environ", "import os\nos.environ.clear()\nos.environ['LEFTOVER'] = '1'\n"
                   "os.environ['PYTHONPATH'] = '/tmp'\nos.environ['PATH'] = '/nowhere'\n"},
    {"setenv", "import ctypes\nctypes.CDLL(None).setenv(b'LEFTOVER', b'1', 1)\n"
               "ctypes.CDLL(None).clearenv()\n"},
    {"chdir", "import os\nos.chdir('/tmp')"},
    {"umask", "import os\nos.umask(0o777)"},
    {"signals",
     "import signal\nfor s in signal.valid_signals():\n"
     "    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
     "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
     "signal.setitimer(signal.ITIMER_REAL, 1000)\n"},
    {"threads", "import threading, time\nfor i in range(8):\n"
                "    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"},
    {"descriptors", "import os\nfor i in range(20): os.set_inheritable(os.open('/', 0), True)\n"
                    "os.close(0)\nos.dup2(2, 1)\n"},
    {"blocking", "import os\nfor i in range(3): os.set_blocking(i, False)\n"},
    {"gc",
     "import gc\ngc.disable()\ngc.set_threshold(1)\ngc.callbacks.append(print)\ngc.freeze()\n"},
    {"limits", "import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))\n"
               "resource.setrlimit(resource.RLIMIT_CPU, (5, 5))\n"
               "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"},
    {"prctl", "import ctypes\nc = ctypes.CDLL(None)\nc.prctl(15, b'leftover', 0, 0, 0)\n"
              "c.prctl(1, 9, 0, 0, 0)\nc.prctl(36, 1, 0, 0, 0)\nc.prctl(4, 0, 0, 0, 0)\n"
              "c.personality(0x0040000)\n"},
    {"locale", "import locale\nlocale.setlocale(locale.LC_ALL, 'C')\n"
               "import warnings\nwarnings.simplefilter('error')\n"},
    {"oom score", "open('/proc/self/oom_score_adj', 'w').write('900')\n"},
    {"session", "import os\nif os.fork() == 0:\n    os.setsid()\n    os._exit(0)\nos.wait()\n"},
    {"tracing", "import sys, threading\nsys.setprofile(lambda *a: None)\n"
                "threading.setprofile(lambda *a: None)\nsys.settrace(lambda *a: None)\n"},
    {"hooks", "import os, atexit, threading\nos.register_at_fork(before=lambda: os._exit(1),\n"
              "    after_in_child=lambda: os._exit(1), after_in_parent=lambda: os._exit(1))\n"
              "atexit._clear()\n"},
    {"audit hook", "import sys\ndef hook(*a): raise RuntimeError(a)\nsys.addaudithook(hook)\n"},
    {"memory of objects",
     "import ctypes\n"
     "ctypes.memset(id(print) + 24, 0, 8)\nctypes.memset(id(int) + 24, 65, 8)\n"
     "ctypes.string_at(0)\n"},
    {"exit without a word", "import os\nos._exit(3)"},
    {"death", "import os\nos.kill(os.getpid(), 9)"},
    {"exec", "import os\nos.execv('/bin/sh', ['sh', '-c', 'exit 3'])"},
};

static void test_nothing_reaches_the_next_call(void **state)
{
    struct capture first, next;
    int differences = 0;

    call_python(*state, probe, &first);
    if (first.exit_code != 0) {
        fail_msg("the probe failed: %s", first.err.data ? first.err.data : first.reason);
    }
    for (size_t i = 0; i < sizeof polluters / sizeof *polluters; i++) {
        struct capture polluter;
        char title[128];

        call_python(*state, polluters[i].code, &polluter);
        assert_int_equal(polluter.error, 0);
        capture_free(&polluter);
        call_python(*state, probe, &next);
        (void)snprintf(title, sizeof title, "after '%s'", polluters[i].what);
        differences += !compare_same(title, &first, &next);
        capture_free(&next);
    }
    capture_free(&first);
    clean(*state);
    assert_int_equal(differences, 0);
}

/* ------------------------------------------------------------------------- files of earlier calls */

/* Each is put into the working directory, and taken away again. `code` tells whether it is met. */
static const struct {
    const char *path;
    const char *content;
    const char *code;
} shadows[] = {
    {"random.py", "shadow = 1\n", "import random\nprint(hasattr(random, 'shadow'))"},
    {"json.py", "shadow = 1\n", "import json\nprint(hasattr(json, 'shadow'))"},
    {"json/__init__.py", "shadow = 1\n", "import json\nprint(hasattr(json, 'shadow'))"},
    {"os.py", "raise SystemExit('shadow')\n", "import os\nprint(hasattr(os, 'getpid'))"},
    {"io.py", "raise SystemExit('shadow')\n", "import io\nprint(hasattr(io, 'open'))"},
    {"abc.py", "raise SystemExit('shadow')\n", "import abc\nprint(hasattr(abc, 'ABC'))"},
    {"codecs.py", "print('shadow')\n", "import codecs\nprint(hasattr(codecs, 'open'))"},
    {"signal.py", "print('shadow')\n", "import signal\nprint(hasattr(signal, 'SIGINT'))"},
    {"socket.py", "print('shadow')\n", "import socket\nprint(hasattr(socket, 'socket'))"},
    {"struct.py", "print('shadow')\n", "import struct\nprint(hasattr(struct, 'pack'))"},
    {"array.py", "print('shadow')\n", "import array\nprint(hasattr(array, 'array'))"},
    {"select.py", "print('shadow')\n", "import select\nprint(hasattr(select, 'poll'))"},
    {"ctypes.py", "print('shadow')\n", "import ctypes\nprint(hasattr(ctypes, 'CDLL'))"},
    {"types.py", "print('shadow')\n", "import types\nprint(hasattr(types, 'ModuleType'))"},
    {"warnings.py", "print('shadow')\n", "import warnings\nprint(hasattr(warnings, 'warn'))"},
    {"threading.py", "print('shadow')\n", "import threading\nprint(hasattr(threading, 'Lock'))"},
    {"runpy.py", "print('shadow')\n", "import runpy\nprint(hasattr(runpy, 'run_path'))"},
    {"gc.py", "print('shadow')\n", "import gc\nprint(hasattr(gc, 'collect'))"},
    {"time.py", "print('shadow')\n", "import time\nprint(hasattr(time, 'time'))"},
    {"fcntl.py", "print('shadow')\n", "import fcntl\nprint(hasattr(fcntl, 'fcntl'))"},
    {"traceback.py", "print('shadow')\n", "1/0"},
    {"linecache.py", "print('shadow')\n", "1/0"},
    {"__main__.py", "print('shadow')\n", "import __main__\nprint(__name__)"},
    {"script.py", "print('shadow')\n", "import script"},
    {"sitecustomize.py", "print('sitecustomize runs')\n",
     "import sys\nprint('sitecustomize' in sys.modules)"},
    {"usercustomize.py", "print('usercustomize runs')\n",
     "import sys\nprint('usercustomize' in sys.modules)"},
    {"site.py", "print('shadow')\n", "import site\nprint(hasattr(site, 'main'))"},
    {"encodings/__init__.py", "print('shadow')\n", "print('started')"},
    {"encodings/utf_8.py", "print('shadow')\n", "print('started')"},
    {"encodings.py", "print('shadow')\n", "print('started')"},
    {"zipimport.py", "print('shadow')\n", "import zipimport\nprint(zipimport.__name__)"},
    {"_ctypes.py", "print('shadow')\n", "import _ctypes"},
    {"_collections_abc.py", "print('shadow')\n", "import collections.abc\nprint('fine')"},
    {"found.pth", "import sys; sys.found = 1\n", "import sys\nprint(hasattr(sys, 'found'))"},
    {"pyvenv.cfg", "home = /nowhere\n", "import sys\nprint(sys.prefix)"},
    {"python311._pth", "/nowhere\n", "import sys\nprint(sys.path[2:])"},
    {"of_file.py", "def f(): raise ValueError('in a file')\n", "import of_file\nof_file.f()"},
    {"%s/of_user.py", "x = 1\n", "import sys\nprint(sys.path[2:])\nimport of_user"},
    {"%s/usercustomize.py", "print('of the user')\n", "import sys\nprint(sys.path[2:])"},
    {"%s/of_user.pth", "import sys; print('a pth runs')\n", "import sys\nprint(sys.path[2:])"},
    {"%s/of_user.pth", "/sandbox/more\n", "import sys\nprint(sys.path[2:])"},
    {"%s/random.py", "shadow = 1\n", "import random\nprint(hasattr(random, 'shadow'))"},
};

/* A fatal error at the start names a thread by its address. */
static void cut_thread(struct capture *capture)
{
    char *at = capture->err.data ? strstr(capture->err.data, "Current thread") : NULL;

    if (at) {
        *at = '\0';
        capture->err.length = strlen(capture->err.data);
    }
}

static int same_as_plain(struct fixture *f, const char *title, const char *code)
{
    struct capture plain, got;
    int same;

    call_python(f, code, &got);
    call_plain(f, code, &plain);
    cut_thread(&plain);
    cut_thread(&got);
    same = compare_same(title, &plain, &got);
    capture_free(&plain);
    capture_free(&got);
    return same;
}

/* Where packages of the user lie: `site` in the working directory, which is home. */
static void find_user_site(struct fixture *f, char *site, size_t size)
{
    struct enclave_result *result = run_shell(f->manager, f->id, "python3 -m site --user-site");

    assert_true(strncmp(result->output, "/sandbox/", 9) == 0);
    (void)snprintf(site, size, "%s", result->output);
    site[strcspn(site, "\n")] = '\0';
    enclave_result_free(result);
}

static void test_files_shadow_as_with_plain_python(void **state)
{
    struct fixture *f = *state;
    char site[256];
    int differences = 0;

    find_user_site(f, site, sizeof site);
    for (size_t i = 0; i < sizeof shadows / sizeof *shadows; i++) {
        struct enclave_error err = ENCLAVE_ERROR_INIT;
        char path[512], title[600];
        int of_user = strncmp(shadows[i].path, "%s", 2) == 0;

        (void)snprintf(path, sizeof path, "%s%s", of_user ? site : "",
                       shadows[i].path + (of_user ? 2 : 0));
        if (enclave_manager_put_file(f->manager, f->id, path, shadows[i].content,
                                     strlen(shadows[i].content), 0, &err) != 0) {
            fail_msg("%s", err.message);
        }
        (void)snprintf(title, sizeof title, "with '%s'", path);
        differences += !same_as_plain(f, title, shadows[i].code);
        clean(f);
        (void)snprintf(title, sizeof title, "with '%s' taken away again", path);
        differences += !same_as_plain(f, title, shadows[i].code);
        clean(f);
    }
    assert_int_equal(differences, 0);
}

/* No listing of the working directory and no compiled module is kept for too long. */
static void test_files_are_found_at_once(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 20; i++) {
        char command[128], code[128], expected[64];
        struct enclave_result *result;

        (void)snprintf(command, sizeof command, "echo 'x = 1%0*d' >changes.py; echo >new%d.py", i,
                       0, i);
        expect_shell(f->manager, f->id, command, "");
        (void)snprintf(code, sizeof code, "import new%d, changes\nprint(len(str(changes.x)))", i);
        (void)snprintf(expected, sizeof expected, "%d\n", 1 + (i > 0 ? i : 1));
        result = run_python(f->manager, f->id, code);
        assert_string_equal(result->output, expected);
        enclave_result_free(result);
    }
    clean(f);
}

/* -------------------------------------------------------------------------------- many at once */

enum { CALLERS = 64 };

struct caller {
    pthread_t thread;
    struct fixture *f;
    const char *code;
    struct bytes input;
    struct capture capture;
};

static void *call_once(void *ctx)
{
    struct caller *c = ctx;

    capture_run(c->f->manager, c->f->id, "python_executor",
                one_param("code", json_object_new_string(c->code)), &c->input, NULL, TIMEOUT_MS,
                &c->capture);
    return NULL;
}

static void call_at_once(struct caller callers[CALLERS])
{
    for (size_t i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_once, &callers[i]), 0);
    }
    for (size_t i = 0; i < CALLERS; i++) {
        (void)pthread_join(callers[i].thread, NULL);
    }
}

static void free_callers(struct caller callers[CALLERS])
{
    for (size_t i = 0; i < CALLERS; i++) {
        capture_free(&callers[i].capture);
    }
}

/* Each call has its own nonce in its code and another one on stdin, and gives both back everywhere. */
static void test_calls_at_once_do_not_cross(void **state)
{
    for (int round = 0; round < test_count(20, 2); round++) {
        struct caller callers[CALLERS] = {0};
        char codes[CALLERS][256], inputs[CALLERS][32], expected[64];

        for (int i = 0; i < CALLERS; i++) {
            (void)snprintf(codes[i], sizeof codes[i],
                           "import sys, os\ns = sys.stdin.read()\n"
                           "for f in sys.stdout, sys.stderr: print('code-%d-%d', s, file=f)\n"
                           "os.mkdir('only-%d-%d')\nsys.exit(%d)",
                           round, i, round, i, 100 + i);
            (void)snprintf(inputs[i], sizeof inputs[i], "in-%d-%d", round, i);
            callers[i].f = *state;
            callers[i].code = codes[i];
            callers[i].input = (struct bytes){inputs[i], strlen(inputs[i])};
        }
        call_at_once(callers);
        for (int i = 0; i < CALLERS; i++) {
            const struct capture *c = &callers[i].capture;

            (void)snprintf(expected, sizeof expected, "code-%d-%d in-%d-%d\n", round, i, round, i);
            if (c->error != 0 || c->exit_code != 100 + i || !c->out.data || !c->err.data) {
                fail_msg("call %d: %s, exit code %d: %s", i, enclave_cause_name(c->cause),
                         c->exit_code,
                         c->error      ? c->reason
                         : c->err.data ? c->err.data
                                       : "");
            }
            assert_string_equal(c->out.data, expected);
            assert_string_equal(c->err.data, expected);
        }
        free_callers(callers);
    }
    clean(*state);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Forks of one process must not draw the same numbers; all lines of all calls are different ones. */
static void test_nothing_random_comes_twice(void **state)
{
    static const char code[] =
        "import os, random, secrets, tempfile, uuid\n"
        "print(random.random(), random.Random().random(), random.getrandbits(64), sep='\\n')\n"
        "print(secrets.token_hex(8), os.urandom(8).hex(), uuid.uuid4(), uuid.uuid1(), sep='\\n')\n"
        "print(random.SystemRandom().random(), next(tempfile._get_candidate_names()), sep='\\n')\n"
        "print(tempfile.mktemp(), random.sample(range(10**9), 3), os.getpid(), sep='\\n')\n"
        "try: import ssl\n"
        "except ImportError: print(os.urandom(8).hex())\n"
        "else: print(ssl.RAND_bytes(8).hex())\n";
    enum { LINES = 13 };
    struct caller callers[CALLERS] = {0};
    char *lines[CALLERS * LINES];
    size_t count = 0;

    for (size_t i = 0; i < CALLERS; i++) {
        callers[i].f = *state;
        callers[i].code = code;
    }
    call_at_once(callers);
    for (size_t i = 0; i < CALLERS; i++) {
        const struct capture *c = &callers[i].capture;
        char *kept = NULL, *text = c->out.data;

        if (c->error != 0 || c->exit_code != 0) {
            fail_msg("call %zu: %s, exit code %d: %s", i, enclave_cause_name(c->cause),
                     c->exit_code, c->error ? c->reason : "");
        }
        for (char *line = text ? strtok_r(text, "\n", &kept) : NULL;
             line && count < CALLERS * LINES; line = strtok_r(NULL, "\n", &kept)) {
            lines[count++] = line;
        }
    }
    assert_int_equal(count, CALLERS * LINES);
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(lines[i - 1], lines[i]) == 0) {
            fail_msg("'%s' came twice", lines[i]);
        }
    }
    free_callers(callers);
}

/* A program may leave its stdin unread, read it late, or have none. */
static void test_stdin_that_is_not_read(void **state)
{
    static char text[1 << 20];
    static const struct bytes large = {text, sizeof text}, none = {NULL, 0};
    static const struct {
        const char *code;
        const struct bytes *input;
        const char *output;
    } cases[] = {
        {"print('unread')", &large, "unread\n"},
        {"import sys, time\ntime.sleep(0.2)\nprint(len(sys.stdin.read()))", &large, "1048576\n"},
        {"import sys\nsys.stdin.close()\nprint('closed')", &large, "closed\n"},
        {"import sys\nprint(repr(sys.stdin.read()))", &none, "''\n"},
        {"import sys\nprint(len(sys.stdin.buffer.read(5)))", &large, "5\n"},
    };
    struct fixture *f = *state;

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct capture capture;

        capture_run(f->manager, f->id, "python_executor",
                    one_param("code", json_object_new_string(cases[i].code)), cases[i].input, NULL,
                    TIMEOUT_MS, &capture);
        assert_int_equal(capture.error, 0);
        assert_int_equal(capture.exit_code, 0);
        assert_string_equal(capture.out.data, cases[i].output);
        capture_free(&capture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_reaches_the_next_call),
        cmocka_unit_test(test_files_shadow_as_with_plain_python),
        cmocka_unit_test(test_files_are_found_at_once),
        cmocka_unit_test(test_calls_at_once_do_not_cross),
        cmocka_unit_test(test_nothing_random_comes_twice),
        cmocka_unit_test(test_stdin_that_is_not_read),
    };
    int skip = test_setup();

    return skip ? skip : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
