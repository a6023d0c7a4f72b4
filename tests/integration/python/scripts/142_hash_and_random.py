import random
import secrets
import sys
import tempfile
import uuid

print(sys.flags.hash_randomization, hash(1), hash(2.5), hash(None) == hash(None))
random.seed(7)
print(random.random(), random.randint(1, 100), random.sample(range(10), 3))
print(len(uuid.uuid4().hex), len(secrets.token_bytes(8)), tempfile.gettempdir(), tempfile.gettempprefix())
print(random.Random(3).getrandbits(64), type(random._inst).__name__)
a, b = random.SystemRandom().random(), random.SystemRandom().random()
print(a != b, uuid.uuid1() != uuid.uuid1(), tempfile.mktemp() != tempfile.mktemp())
with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile(dir=d) as f:
    print(f.name.startswith(d), d.startswith("/tmp/"))
