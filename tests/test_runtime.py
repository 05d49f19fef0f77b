"""Work in order on several threads."""

from __future__ import annotations

import os
import threading
import time

import pytest
import scipy.linalg  # noqa: F401 - BLAS is loaded with it, and has threads only then
from threadpoolctl import threadpool_info, threadpool_limits

from logstar._runtime import THREADS_VARIABLE, all_threads, in_order, one_blas_thread


def test_the_environment_sets_the_number_of_threads(monkeypatch):
    monkeypatch.setenv(THREADS_VARIABLE, "3")
    assert all_threads() == 3
    monkeypatch.setenv(THREADS_VARIABLE, "1")
    assert all_threads() == 1
    monkeypatch.delenv(THREADS_VARIABLE)
    assert 1 <= all_threads() <= os.cpu_count()


@pytest.mark.parametrize("setting", ["0", "-1", "two", "", "1.5"])
def test_a_number_of_threads_that_is_none_is_refused(monkeypatch, setting):
    monkeypatch.setenv(THREADS_VARIABLE, setting)
    with pytest.raises(ValueError, match=rf"LOGSTAR_NUM_THREADS must be .* got '{setting}'"):
        all_threads()


@pytest.mark.parametrize("n_threads", [0, 1, 2, 5, 50])
def test_results_come_in_the_order_of_the_items(n_threads):
    def work(item):
        # The first is the last to be done.
        time.sleep(0.002 * (6 - item))
        return item**2

    assert list(in_order(work, range(6), n_threads)) == [item**2 for item in range(6)]
    assert list(in_order(work, [], n_threads)) == []


def test_threads_work_at_the_same_time():
    both = threading.Barrier(2, timeout=10)
    # Alone, each would wait in vain.
    assert len(list(in_order(lambda _: both.wait(), range(6), 2))) == 6


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_comes_when_it_is_its_turn(n_threads):
    def work(item):
        if item == 2:
            raise ValueError("two")
        return item

    results = in_order(work, range(50), n_threads)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize("n_threads", [1, 2])
def test_what_nobody_takes_is_not_begun(n_threads):
    begun = []
    go_on = threading.Event()

    def work(item):
        begun.append(item)
        assert item == 0 or go_on.wait(10)

    n_before = threading.active_count()
    results = in_order(work, range(100), n_threads)
    next(results)
    threading.Timer(0.5, go_on.set).start()
    results.close()
    assert len(begun) <= 1 + n_threads
    deadline = time.monotonic() + 10
    while threading.active_count() > n_before:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


def test_blas_has_one_thread_inside_and_as_many_as_before_outside():
    @one_blas_thread()
    def inner():
        return blas_threads()

    with threadpool_limits(2, user_api="blas"):
        with one_blas_thread():
            assert blas_threads() == inner() == blas_threads() == {1}
        assert blas_threads() == {2}


def test_other_threads_leave_blas_as_it_is():
    found = []

    def look():
        with one_blas_thread():
            found.append(blas_threads())

    with threadpool_limits(2, user_api="blas"):
        other = threading.Thread(target=look)
        other.start()
        other.join()
        assert found == [{2}]
        assert blas_threads() == {2}


def test_the_threads_of_blas_come_back_after_an_error():
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        assert blas_threads() == {2}
