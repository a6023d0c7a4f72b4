# Leaves something behind in every way there is. What is refused is no matter; what was left is named.
import builtins, ctypes, fcntl, json, mmap, os, resource, signal, socket, stat, subprocess, sys, time

libc = ctypes.CDLL(None, use_errno=True)
left = []


def leave(name):
    def run(function):
        try:
            if function() is not False:
                left.append(name)
        except OSError:
            pass

    return run


def detached(function):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open('/dev/null', os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            function()
        os._exit(0)


@leave('daemon')
def _():
    subprocess.Popen(['sleep', '1000'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, start_new_session=True)


@leave('deaf')
def _():
    def stay():
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            time.sleep(1000)

    detached(stay)


@leave('stopped')
def _():
    detached(lambda: os.kill(os.getpid(), signal.SIGSTOP))


@leave('chain')
def _():
    def run():
        while os.fork() == 0:
            time.sleep(0.001)

    detached(run)


@leave('lock')
def _():
    def hold():
        lock = open('/dev/shm/.lock', 'w')
        fcntl.flock(lock, fcntl.LOCK_EX)
        open('/tmp/gone', 'w').write('x')
        kept = open('/tmp/gone')
        os.unlink('/tmp/gone')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind('\0abstract')
        listener.listen()
        memory = os.memfd_create('kept')
        os.nice(5)
        time.sleep(1000)

    detached(hold)


for top in ('/sandbox', '/tmp', '/dev/shm', '/run', '/run/enclave', '/var/tmp', '/dev', '/sys/fs/cgroup', '/',
            '/etc', '/proc', '/home'):

    @leave('files in ' + top)
    def _():
        open(top + '/.hidden', 'w').write('secret')
        open(top + '/new\nline \\040', 'w').write('secret')
        os.link(top + '/.hidden', top + '/hard')
        os.symlink('/etc/passwd', top + '/soft')
        os.mkfifo(top + '/fifo')
        server = socket.socket(socket.AF_UNIX)
        server.bind(top + '/socket')
        open(top + '/sparse', 'w').truncate(1 << 30)
        os.makedirs(top + '/locked/inner/innermost')
        open(top + '/locked/inner/innermost/file', 'w').write('secret')
        os.chmod(top + '/locked/inner/innermost/file', 0)
        os.chmod(top + '/locked/inner/innermost', 0)
        os.chmod(top + '/locked/inner', 0o300)
        os.chmod(top + '/locked', 0)
        os.mkdir(top + '/groups')
        os.chown(top + '/groups', -1, os.getgroups()[0])
        os.chmod(top + '/groups', 0o2070)
        deep = os.open(top, os.O_RDONLY)
        for _ in range(300):
            os.mkdir('d' * 100, dir_fd=deep)
            deeper = os.open('d' * 100, os.O_RDONLY, dir_fd=deep)
            os.close(deep)
            deep = deeper
        os.close(deep)


@leave('attributes of /tmp')
def _():
    os.utime('/tmp', (1, 1))


@leave('shm')
def _():
    for key, mode in ((0x11, 0o666), (0x12, 0)):
        if libc.shmget(key, 4096, 0o1000 | mode) < 0:
            return False


@leave('shm with another owner')
def _():
    class Perm(ctypes.Structure):
        _fields_ = [('key', ctypes.c_int), ('uid', ctypes.c_uint), ('gid', ctypes.c_uint),
                    ('cuid', ctypes.c_uint), ('cgid', ctypes.c_uint), ('mode', ctypes.c_ushort),
                    ('pad', ctypes.c_char * 200)]

    shm, perm = libc.shmget(0x13, 4096, 0o1600), Perm()
    if libc.shmctl(shm, 2, ctypes.byref(perm)) < 0:
        return False
    perm.uid, perm.mode = 12345, 0
    return libc.shmctl(shm, 1, ctypes.byref(perm)) == 0


@leave('msg')
def _():
    queue = libc.msgget(0x21, 0o1000)
    return queue >= 0 and libc.msgget(0x22, 0o1666) >= 0


@leave('sem')
def _():
    return libc.semget(0x31, 3, 0o1000) >= 0


@leave('mqueue')
def _():
    for name in (b'/left', b'/.hidden'):
        if libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0, None) < 0:
            return False


@leave('keyring')
def _():
    return libc.syscall(248, b'user', b'left', b'secret', 6, -4) >= 0


@leave('mount')
def _():
    return libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0


@leave('user namespace')
def _():
    return libc.unshare(0x10000000) == 0


@leave('immutable')
def _():
    fd = os.open('/sandbox/.hidden', os.O_RDONLY)
    fcntl.ioctl(fd, 0x40086602, b'\x10\0\0\0\0\0\0\0')


@leave('host name')
def _():
    return libc.sethostname(b'left', 4) == 0


@leave('sysctl')
def _():
    open('/proc/sys/kernel/shmmax', 'w').write('1')


@leave('PID 1')
def _():
    open('/proc/1/oom_score_adj', 'w').write('1000')


@leave('PID 1 limits')
def _():
    resource.prlimit(1, resource.RLIMIT_NOFILE, (10, 10))


@leave('PID 1 ended')
def _():
    os.kill(1, signal.SIGKILL)
    os.kill(1, signal.SIGSTOP)


# Nothing of these can outlive the process; they are here for the day when something of them does.
builtins.print = lambda *args, **kwargs: None
json.dumps = None
os.environ['LEFT'] = 'behind'
os.chdir('/tmp')
os.umask(0o777)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
open('/proc/self/oom_score_adj', 'w').write('1000')
sys.path.insert(0, '/sandbox')
sys.modules['left'] = sys

# Last, as they lock this process out too.
@leave('attributes of /sandbox')
def _():
    fd = os.open('/sandbox', os.O_RDONLY)
    try:
        os.setxattr('/sandbox', 'user.left', b'secret')
        left.append('xattr')
    except OSError:
        pass
    try:
        fcntl.ioctl(fd, 0x40086602, b'\x40\0\0\0\0\0\0\0')  # nodump
        left.append('inode flags')
    except OSError:
        pass
    os.chown('/sandbox', -1, os.getgroups()[0])
    os.utime('/sandbox', (1, 1))
    os.chmod('/sandbox', 0)


os.write(1, (', '.join(left) + '\n').encode())
