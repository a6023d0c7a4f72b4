import socket

print(socket.getdefaulttimeout(), socket.has_ipv6)
s = socket.socket()
print(s.gettimeout(), s.fileno(), s.get_inheritable())
s.bind(("127.0.0.1", 0))
s.listen()
c = socket.create_connection(s.getsockname())
print(c.send(b"x"), s.accept()[0].recv(1))
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
except OSError as e:
    print(e)
try:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
except OSError as e:
    print(e)
