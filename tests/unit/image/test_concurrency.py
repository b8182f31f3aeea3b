"""Works at the same time: the first error, cancellation, and threads that nobody leaves behind."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from orlop.errors import NotFound
from orlop.image.concurrency import all_of, end_all, in_thread, next_of, opened_in_thread, until_done

if TYPE_CHECKING:
    from collections.abc import Coroutine

_DEADLINE_S = 120


def _run(work: Coroutine[object, object, None]) -> None:
    asyncio.run(asyncio.wait_for(work, _DEADLINE_S))


class _Work:
    """Works whose ends are written down."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.started = asyncio.Semaphore(0)

    async def value(self, value: str, turns: int = 1) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        self.ended.append(value)
        return value

    async def for_ever(self, name: str, turns_to_tidy: int = 3) -> str:
        self.started.release()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(turns_to_tidy):
                await asyncio.sleep(0)
            self.ended.append(name)
        return name

    async def failing(self, error: Exception) -> str:
        await asyncio.sleep(0)
        raise error


def test_results_come_in_order_of_the_works() -> None:
    async def work() -> None:
        works = _Work()
        assert await all_of([works.value("slow", 5), works.value("quick")]) == ["slow", "quick"]
        assert works.ended == ["quick", "slow"]
        assert await all_of([]) == []

    _run(work())


def test_the_first_error_is_raised_when_the_others_have_ended() -> None:
    async def work() -> None:
        works = _Work()
        with pytest.raises(NotFound, match="one"):
            await all_of([works.for_ever("other"), works.failing(NotFound("one"))])
        assert works.ended == ["other"]

    _run(work())


def test_works_end_with_their_caller() -> None:
    async def work() -> None:
        works = _Work()
        task = asyncio.ensure_future(all_of([works.for_ever("a"), works.for_ever("b")]))
        await works.started.acquire()
        await works.started.acquire()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert sorted(works.ended) == ["a", "b"]

    _run(work())


def test_a_second_cancellation_does_not_leave_works_behind() -> None:
    async def work() -> None:
        works = _Work()
        task = asyncio.ensure_future(all_of([works.for_ever("a", turns_to_tidy=20)]))
        await works.started.acquire()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        assert works.ended == ["a"]

    _run(work())


def test_ending_drops_errors_and_results() -> None:
    async def work() -> None:
        works = _Work()
        failed = asyncio.ensure_future(works.failing(NotFound("x")))
        done = asyncio.ensure_future(works.value("done"))
        running = asyncio.ensure_future(works.for_ever("running"))
        await asyncio.wait([failed, done])
        await works.started.acquire()
        await end_all([failed, done, running])
        assert running.cancelled()
        assert works.ended == ["done", "running"]
        await end_all([])

    _run(work())


def test_who_waits_is_cancelled_at_the_end() -> None:
    async def work() -> None:
        event = asyncio.Event()
        future = asyncio.ensure_future(event.wait())
        waiter = asyncio.ensure_future(until_done([future]))
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.sleep(0)
        assert not waiter.done()
        event.set()
        await asyncio.wait([waiter])
        assert waiter.cancelled()
        assert future.result() is True

    _run(work())


def test_the_next_result_is_there_before_the_others() -> None:
    async def work() -> None:
        works = _Work()
        futures = [asyncio.ensure_future(one) for one in (works.value("wanted"), works.for_ever("other"))]
        assert await next_of(futures[0], futures) == "wanted"
        assert await next_of(futures[0], futures) == "wanted"
        await end_all(futures)

    _run(work())


def test_an_error_of_another_comes_instead_of_the_next_result() -> None:
    async def work() -> None:
        works = _Work()
        futures = [asyncio.ensure_future(one) for one in (works.for_ever("wanted"), works.failing(NotFound("other")))]
        with pytest.raises(NotFound, match="other"):
            await next_of(futures[0], futures)
        await end_all(futures)

    _run(work())


def test_a_thread_gives_its_result_and_its_error() -> None:
    async def work() -> None:
        main = threading.get_ident()
        assert await in_thread(threading.get_ident) != main
        assert await in_thread(int, "ff", base=16) == 255
        with pytest.raises(ValueError, match="invalid literal"):
            await in_thread(int, "x")

    _run(work())


def test_a_cancelled_caller_waits_for_its_thread() -> None:
    async def work() -> None:
        entered, go_on, left = threading.Event(), threading.Event(), threading.Event()

        def call() -> None:
            entered.set()
            assert go_on.wait(_DEADLINE_S)
            left.set()
            raise NotFound("dropped: the caller is cancelled")

        task = asyncio.ensure_future(in_thread(call))
        await in_thread(entered.wait, _DEADLINE_S)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        await asyncio.wait([task])
        assert left.is_set()
        assert task.cancelled()

    _run(work())


class _Opened:
    def __init__(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


def test_what_was_opened_for_a_cancelled_caller_is_closed() -> None:
    async def work() -> None:
        entered, go_on = threading.Event(), threading.Event()
        opened: list[_Opened] = []

        def open_it() -> _Opened:
            entered.set()
            assert go_on.wait(_DEADLINE_S)
            opened.append(_Opened())
            return opened[-1]

        task = asyncio.ensure_future(opened_in_thread(open_it))
        await in_thread(entered.wait, _DEADLINE_S)
        task.cancel()
        go_on.set()
        await asyncio.wait([task])
        assert task.cancelled()
        assert [one.is_open for one in opened] == [False]
        assert (await opened_in_thread(open_it)).is_open

    _run(work())


def test_an_error_of_opening_is_raised() -> None:
    async def work() -> None:
        def refuse() -> _Opened:
            raise NotFound("no")

        with pytest.raises(NotFound):
            await opened_in_thread(refuse)

    _run(work())
