#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# hostile_server.py LOG: a server that means no good, on a port of loopback that it prints. Its one sandbox, "box", hands out
# archives made to leave the folder that they are unpacked in: the path asked for chooses which. LOG receives the keys sent.

import io
import json
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse


def member(name, kind=tarfile.REGTYPE, data=b'', mode=0o644, link=''):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.size = kind, mode, link, len(data)
    return info, data


FOLDER = member('evil', tarfile.DIRTYPE, mode=0o755)
ARCHIVES = {
    'dotdot': [FOLDER, member('evil/../../escaped', data=b'x')],
    'absolute': [FOLDER, member('/tmp/enclave-test-escaped', data=b'x')],
    'beside': [FOLDER, member('escaped', data=b'x')],
    'prefix': [FOLDER, member('evilescaped', data=b'x')],
    'first': [member('../escaped', data=b'x')],
    'through': [FOLDER, member('evil/out', tarfile.SYMTYPE, link='..'), member('evil/out/escaped', data=b'x')],
    'rootlink': [member('evil', tarfile.SYMTYPE, link='..'), member('evil/escaped', data=b'x')],
    'hardlink': [FOLDER, member('evil/l', tarfile.LNKTYPE, link='../secret')],
    'hardthrough': [FOLDER, member('evil/out', tarfile.SYMTYPE, link='..'),
                    member('evil/l', tarfile.LNKTYPE, link='evil/out/secret')],
    'device': [FOLDER, member('evil/null', tarfile.CHRTYPE)],
    'fifo': [FOLDER, member('evil/fifo', tarfile.FIFOTYPE)],
    'setuid': [FOLDER, member('evil/su', data=b'x', mode=0o4755)],
    'setgid': [FOLDER, member('evil/sg', data=b'x', mode=0o2755)],
    'empty': [],
    'link': [member('link', tarfile.SYMTYPE, link='../victim')],
    'twice': [FOLDER, member('evil', tarfile.SYMTYPE, link='../victim')],
    'infile': [member('evil', data=b'x'), member('evil/escaped', data=b'x')],
    'roots': [member('one', data=b'x'), member('escaped', data=b'x')],
    'rootless': [member('evil/escaped', data=b'x')],
    'report.txt': [member('.bashrc', data=b'EVIL\n')],
    'results': [member('.ssh', tarfile.DIRTYPE, mode=0o755), member('.ssh/authorized_keys', data=b'EVIL\n')],
    'good': [FOLDER, member('evil/file', data=b'hello\n', mode=0o755), member('evil/same', tarfile.LNKTYPE, link='evil/file')],
}


def archive(name):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w') as tar:
        for info, data in ARCHIVES[name]:
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_version, sys_version = 'enclave/0', ''

    def log_message(self, *args):
        with open(sys.argv[1], 'a') as log:
            log.write('%s %s\n' % (self.path, self.headers.get('X-API-Key')))

    def answer(self, body, kind='application/json', status=200):
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # The result of a tool: what its code says, with the status of a failure.
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        told = {'status': 'error', 'output': '', 'error': None, 'execution_time': 0.1, 'metadata': {}}
        told.update(json.loads(body['parameters']['code']))
        if self.headers['Accept'] == 'application/x-ndjson':
            self.answer(json.dumps({'event': 'result', 'result': told}).encode() + b'\n', 'application/x-ndjson')
        else:
            self.answer(json.dumps(told).encode())

    def do_GET(self):
        url = urlparse(self.path)
        info = {'id': 'box', 'status': 'running', 'type': 'do\033[31mcker\nx\x7f\u009b31m\u061c\u202ey\u2066', 'config': {}, 'metadata': {},
                'created_at': '2026-01-31T12:00:00Z', 'updated_at': '2026-01-31T12:00:00Z', 'available_tools': {}}
        if url.path == '/sandboxes':
            self.answer(json.dumps([info]).encode())
        elif url.path == '/sandbox/box':
            self.answer(json.dumps(info).encode())
        elif url.path == '/sandbox/box/archive' and 'unknown' not in url.query:
            name = parse_qs(url.query)['path'][0].removesuffix('/.').rstrip('/')
            name = 'good' if name in ('..', '') else name
            if name == 'garbage':
                self.answer(b'garbage' * 1000, 'application/x-tar')
            elif name == 'cut':
                self.answer(archive('good')[:700], 'application/x-tar')
            else:
                self.answer(archive(name), 'application/x-tar')
        elif url.path == '/foo/sandboxes':
            self.answer(b'{"detail": "Not Found"}', status=404)
        else:
            self.answer(rb'{"detail": "\u009b31mno\u001b[31m\u202e", "code": "notfound"}', status=404)


server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
