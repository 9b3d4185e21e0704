import unicodedata

from django.contrib.auth import hashers


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
        return super().encode(normalised(password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        return super().verify(normalised(password), encoded)
