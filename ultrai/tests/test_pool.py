from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection, transaction


def whether_all_commit_by_themselves():
    """Take each connection of the pool in its turn, as the requests of a thread do."""
    found = []
    for _ in range(settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"] + 1):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        found.append(connection.connection.autocommit)
        connection.close()
    return all(found)


@pytest.mark.django_db(transaction=True)
def test_a_connection_given_back_in_a_transaction_is_no_trap_for_the_next_request():
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(whether_all_commit_by_themselves).result()
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            connection.close()

        assert thread.submit(whether_all_commit_by_themselves).result()
