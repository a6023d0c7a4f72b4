# fork_server.py - a warm interpreter that forks for each call; "Fork servers" in docs/plugins.md says what goes over
# descriptor 3. The program of `python3 -c`, embedded in the plugin without its comments.
#
# It has the agent's uid, so nothing of the payload's may run in it: its environment was a clean one when it started, it
# imports from no folder that a payload could write to, and a script begins only in a child that has become the payload.
# Such a child is as an interpreter started for this script alone; where it cannot be, it refuses the call, and the agent
# starts one. What can be done before the fork is done before it: a child pays for each page of memory that it touches.
#
# SPDX-License-Identifier: Apache-2.0
def serve():
    import os
    import sys

    if sys.version_info < (3, 8):
        sys.exit(1)
    del sys.path[0]  # the present folder, which `-c` has and a script has not
    uid, gid, nice, cwd, *limits = os.read(3, 65536).split(b'\0')
    uid, gid, nice = int(uid), int(gid), int(nice)

    def writable(path):
        # Whether a payload could put something there, or move it away. The place of a missing one counts, too.
        while True:
            try:
                stat = os.lstat(path)
                if stat.st_mode & 0o170000 == 0o120000:  # a link, which may lead through others
                    if writable(os.path.join(os.path.dirname(path), os.readlink(path))):
                        return True
                elif stat.st_uid == uid or stat.st_mode & 0o22:
                    return True
            except OSError:
                pass
            if path == os.path.dirname(path):
                return False
            path = os.path.dirname(path)

    # A preloaded module may lie elsewhere than sys.path says: installed to be edited, it is found by a hook.
    class TrustedFinder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            for finder in sys.meta_path:
                spec = finder is not TrustedFinder and finder.find_spec(name, path, target)
                if spec:
                    if spec.has_location and (writable(spec.origin) or spec.cached and writable(spec.cached)):
                        raise ImportError('not from where a payload can write', name=name)
                    return spec
            return None

    if any(writable(folder) for folder in sys.path):
        sys.exit(1)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    preload = sys.argv[1].split(',') if len(sys.argv) > 1 else []
    if preload:
        sys.meta_path.insert(0, TrustedFinder)
    for name in preload:
        try:
            __import__(name)
        except BaseException:
            pass  # the script that imports it will be told why
    if preload:
        sys.meta_path.remove(TrustedFinder)
    kept = set(sys.modules)
    finders = dict(sys.path_importer_cache)
    coerced = os.environ.get('LC_CTYPE')  # perhaps by the interpreter itself, which tells its children so

    import _socket
    import ctypes
    import gc
    from _functools import partial

    sys.dont_write_bytecode = written
    for name in set(sys.modules) - kept:
        del sys.modules[name]  # a script imports its own
    sys.path_importer_cache.clear()
    sys.path_importer_cache.update(finders)
    # What is there before a script's folders count: a file of such a name in them would have been imported instead.
    early = {name.partition('.')[0] for name in kept} - {'__main__'} | {'sitecustomize', 'usercustomize'}
    site = sys.modules.get('site')
    numpy_random = sys.modules.get('numpy.random')
    own_path = list(sys.path)

    libc = ctypes.CDLL(None)
    api = ctypes.PyDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    libc.fopen.argtypes = ctypes.c_char_p, ctypes.c_char_p
    no_capabilities = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()  # capset(2), version 3
    PR_SET_DUMPABLE = 4
    SIGINT = 2

    # clone(2) with CLONE_PARENT, CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID and SIGCHLD; its last two arguments are in either
    # order. The thread's id in memory is where the C library keeps it.
    CLONE_FLAGS = 0x8000 | 0x200000 | 0x1000000 | 17
    PR_GET_TID_ADDRESS = 40
    clone = api.syscall
    clone.argtypes = ctypes.c_long, ctypes.c_ulong, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
    clone_number = {'x86_64': 56, 'aarch64': 220, 'riscv64': 220}.get(os.uname().machine)
    tid = ctypes.c_void_p()
    can_clone = (not preload and clone_number and ctypes.sizeof(tid) == 8 and
                 libc.prctl(PR_GET_TID_ADDRESS, ctypes.byref(tid), 0, 0, 0) == 0 and tid)

    def limit(resource, most):
        pair = (ctypes.c_ulong * 2)()
        libc.getrlimit(resource, pair)
        pair[0] = pair[1] = min(most, pair[1])
        return resource, pair

    limits = [limit(int(limits[i]), int(limits[i + 1])) for i in range(0, len(limits), 2)]

    class NoFlags:
        @staticmethod
        def from_param(_):
            return None

    # An ending interpreter first lets go of sys.ps1, then of the modules, and at last of what else is in sys. By Hide, it does
    # not meet the modules that were there before the script, unless that added something to them; they are not to be seen
    # ending, and many. After Success and Failure nothing is to be seen at all.
    modules = sys.modules
    hidden = {name: (module, len(module.__dict__)) for name, module in modules.items()
              if name not in ('__main__', 'sys', 'builtins')}

    class Hide:
        def __del__(self):
            # What is printed has been flushed by now. Where that failed, the exit code is the interpreter's to say.
            try:
                sys.stdout.flush()
            except anything:
                del Success.__del__, Failure.__del__
                return
            for name, (module, size) in hidden.items():
                if modules.get(name) is module and module.__dict__.__len__() == size:
                    del modules[name]

    class Success:
        __del__ = partial(libc.exit, 0)

    class Failure:
        __del__ = partial(libc.exit, 1)

    signal_self, at_exit, end = getattr(libc, 'raise'), libc.__cxa_atexit, libc.exit
    interrupt, anything = KeyboardInterrupt, BaseException
    trace, profile = sys.gettrace, sys.getprofile

    # Here the script may have broken everything that has a name.
    def ended(failed):
        # An interrupt that nobody caught ends an interpreter by the signal, after all else; where that is blocked, by 130.
        if failed and sys.__dict__.get('last_type') is interrupt:
            libc.signal(SIGINT, None)
            at_exit(end, 128 + SIGINT, None)
            at_exit(signal_self, SIGINT, None)
        try:
            if not trace() and not profile():  # they would see it
                sys.ps1 = Hide()
                sys.enclave_end = Failure() if failed else Success()
        except anything:
            pass  # the interpreter ends as ever
        return 1 if failed else 0

    run = ctypes.pythonapi.PyRun_SimpleFileExFlags
    run.argtypes = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, NoFlags
    run.restype = ended

    # The interpreter asks an exit for its code when the frame that raised it and all before are gone. So the script is run
    # by the C function that runs any script, on an empty stack, and what comes after it is what comes after any script.
    class Run(SystemExit):
        pass

    def answer(number, value):
        os.write(3, number.to_bytes(4, 'little') + value.to_bytes(4, 'little', signed=True))

    # As os.fork(), but a child of the agent, as one that the agent has started. True in that child.
    def fork_twice():
        pid = os.fork()
        if pid:
            _, status = os.waitpid(pid, 0)
            if status:
                raise BlockingIOError(os.WEXITSTATUS(status), 'fork')
            return False
        try:
            if os.fork() == 0:
                return True
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)

    # The same for half the price, as the C library would do it. Not after a preload: modules may have threads in C and want
    # to hear of a fork from the library.
    def fork_sibling():
        api.PyOS_BeforeFork()
        pid = clone(clone_number, CLONE_FLAGS, 0, None, tid, tid)
        if pid == 0:
            api.PyOS_AfterFork_Child()
            return True
        api.PyOS_AfterFork_Parent()
        return fork_twice() if pid < 0 else False

    # Whether something there would have changed how an interpreter starts.
    def found_early():
        for folder in folders:
            try:
                for name in os.listdir(folder):
                    if name.partition('.')[0] in early:
                        return True
            except FileNotFoundError:
                pass
            except OSError:
                return True
        return user_site and os.path.isdir(user_site)

    # As long as only the effective uid is the payload's, no payload can signal or trace this process, while all else is as
    # for the payload.
    def become_payload(number, group, fds, script):
        try:
            for i, fd in enumerate(fds):
                os.dup2(fd, i)
                os.close(fd)
            os.setsid()
            os.setpriority(os.PRIO_PROCESS, 0, nice)
            for resource, pair in limits:
                libc.setrlimit(resource, pair)
            os.setgroups([group])
            os.setresgid(gid, gid, gid)
            os.setresuid(-1, uid, -1)
            os.chdir(cwd)
            stream = libc.fopen(script, b'rbe')
            if not stream or found_early():
                raise different
        except OSError as error:
            answer(number, -error.errno)
            os._exit(0)
        try:
            answer(number, os.getpid())
        except OSError:
            os._exit(0)  # nobody waits for it any more
        os.close(3)
        os.setresuid(uid, uid, uid)
        if libc.capset(*no_capabilities) or libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0):
            os._exit(126)
        return stream

    # The environment of the calls, which hardly ever changes. True: an interpreter, or the loader of programs, would heed
    # something in it at the start that this one was not given.
    def set_environment(variables):
        nonlocal folders, user_site
        os.environ.clear()
        for variable in variables:
            name, equals, value = variable.partition(b'=')
            if equals:
                os.environb[name] = value
        if coerced:
            os.environ.setdefault('LC_CTYPE', coerced)
        folders = []  # as site.py does with PYTHONPATH
        for folder in os.environ['PYTHONPATH'].split(os.pathsep) if os.environ.get('PYTHONPATH') else ():
            folder = os.path.normpath(os.path.join(os.fsdecode(cwd), folder))
            if folder not in folders:
                folders.append(folder)
        sys.path[:] = [''] + folders + [folder for folder in own_path if folder not in folders]
        user_site = None
        if site and site.ENABLE_USER_SITE:
            site.USER_BASE = site.USER_SITE = None
            user_site = site.getusersitepackages()
        same = (b'PYTHONUTF8', b'PYTHONIOENCODING', b'PYTHONCOERCECLOCALE', b'PYTHONHASHSEED', b'PYTHONOPTIMIZE',
                b'PYTHONDONTWRITEBYTECODE', b'PYTHONUNBUFFERED', b'PYTHONWARNINGS', b'PYTHONPATH', b'PYTHONBREAKPOINT')
        if '.' in os.environ.get('PYTHONWARNINGS', ''):
            return True  # perhaps a category of a module, which is imported
        return any(name.startswith((b'LD_', b'GLIBC_', b'MALLOC_')) or
                   name.startswith(b'PYTHON') and not name.startswith(b'PYTHON_') and name not in same
                   for name in os.environb)

    def next_call():
        control = _socket.socket(fileno=3)
        known = other_start = None
        answer(0, 0)
        while True:
            data, control_data, _, _ = control.recvmsg(131072, 64, _socket.MSG_CMSG_CLOEXEC)
            if not data:
                os._exit(0)
            fds = control_data[0][2]
            fds = [int.from_bytes(fds[i:i + 4], sys.byteorder) for i in (0, 4, 8)]
            number, group, argc, *rest = data.split(b'\0')
            number, group, argc = int(number), int(group), int(argc)
            try:
                if rest[argc:] != known:
                    other_start = set_environment(rest[argc:])
                    known = rest[argc:]
                    gc.collect()
                    gc.freeze()
                if other_start:
                    raise different
                if fork_sibling() if can_clone else fork_twice():
                    control.detach()
                    return rest[:argc], become_payload(number, group, fds, rest[argc - 1])
            except OSError as error:
                answer(number, -error.errno)
            for fd in fds:
                os.close(fd)

    different = OSError(8, 'an interpreter would start in another way')  # ENOEXEC
    folders = user_site = None
    argv, stream = next_call()
    path = os.fsdecode(argv[-1])
    # A module of the script's own: this one's names live as long as the frames below, and what is frozen never ends.
    main = sys.modules['__main__'] = type(sys)('__main__')
    vars(main).update((name, value) for name, value in globals().items() if name != 'serve')
    del main
    sys.argv[:] = [path]
    if hasattr(sys, 'orig_argv'):
        sys.orig_argv[:] = [os.fsdecode(argument) for argument in argv]
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    sys.path_importer_cache[path] = None
    if numpy_random:
        numpy_random.seed()  # as `random` does for itself when it is forked
    Run.code = property(partial(run, stream, argv[-1], 1))
    raise Run


serve()
