import unicodedata
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth import hashers

# All of a process's hashes are made here, two at once however many ask: 40 MiB. In the threads
# that ask, a wave of logins takes 33 MiB for each of them, and the C library keeps it (measured:
# 345 MB with 8 threads, 131 MB like this, in the same time).
HASHING = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hashing")


def normalised(password: str) -> str:
    """NFKC: the same password typed on another keyboard is the same (NIST 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """argon2id with 19 MiB, two passes, one lane: OWASP's first choice for small machines.

    Django's default takes 100 MiB a hash; five logins at once would fill a 512 MB instance.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return HASHING.submit(super().encode, normalised(password), salt).result()

    def verify(self, password: str, encoded: str) -> bool:
        return HASHING.submit(super().verify, normalised(password), encoded).result()
