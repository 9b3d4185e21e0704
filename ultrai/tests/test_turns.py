from functools import partial
from threading import Thread

from benchmarks.stand import wait_until
from ultrai.postgres.turns import Turns


def has_waiting(turns, number):
    return len(turns.waiting) == number


def test_turns_come_in_the_order_in_which_they_were_asked_for():
    turns, order = Turns(1, patience=60), []

    def use(name):
        turn = turns.take()
        order.append(name)
        turns.give_back(turn)

    first, threads = turns.take(), [Thread(target=use, args=[name]) for name in "abcd"]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        wait_until(partial(has_waiting, turns, number))
    turns.give_back(first)
    for thread in threads:
        thread.join()

    assert order == ["a", "b", "c", "d"]
    assert not turns.taken


def test_who_keeps_a_turn_for_long_loses_it_to_one_who_waits():
    turns = Turns(2, patience=0.01)
    long, short = turns.take(), turns.take()

    third = turns.take()
    turns.give_back(long)

    assert list(turns.taken) == [short, third]
