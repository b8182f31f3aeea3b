"""Several works of one pull or push at the same time: the first error ends them all, and none outlives the call."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")


class _Closable(Protocol):
    def close(self) -> None: ...


_Opened = TypeVar("_Opened", bound=_Closable)


async def all_of(works: Iterable[Coroutine[object, object, _Result]]) -> list[_Result]:
    """The results of all works, in their order. The first error cancels the others, and is raised when they have ended.

    (Not asyncio.TaskGroup: a user wants the error, and not a group of errors with one error in it.)
    """
    futures = [asyncio.ensure_future(work) for work in works]
    try:
        if futures:  # asyncio.gather would pass on every cancellation, also to works that are tidying up after one
            await asyncio.wait(futures, return_when=asyncio.FIRST_EXCEPTION)
        for future in futures:
            if future.done():
                future.result()
        return [future.result() for future in futures]
    finally:
        await end_all(futures)


async def end_all(futures: Sequence[asyncio.Future[Any]]) -> None:
    """Cancel what is not done, and wait until it has ended. Errors are dropped: the first one is on its way already."""
    for future in futures:
        future.cancel()
    await until_done(futures)


async def until_done(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Wait until all have ended, in whatever way. A cancellation is raised when they have, and not before."""
    ended, cancellation = list(futures), None
    while waiting := [future for future in ended if not future.done()]:
        try:
            await asyncio.wait(waiting)
        except asyncio.CancelledError as err:
            cancellation = err
    for future in ended:
        if not future.cancelled():
            future.exception()  # asyncio reports an error that nobody asked for
    if cancellation is not None:
        raise cancellation


async def next_of(future: asyncio.Future[_Result], others: Sequence[asyncio.Future[_Result]]) -> _Result:
    """The result of one, as soon as it is there; but when another fails before it, that one's error."""
    waiting = {*others, future}
    while not future.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    return future.result()


async def in_thread(
    function: Callable[_Parameters, _Result], /, *args: _Parameters.args, **kwargs: _Parameters.kwargs
) -> _Result:
    """What the function gives, called in a thread. A cancellation is raised when the call has ended.

    With asyncio.to_thread the caller would tidy up, and close files, while the thread is still at work on them.
    """
    future = asyncio.get_running_loop().run_in_executor(None, partial(function, *args, **kwargs))
    await until_done([future])
    return future.result()


async def opened_in_thread(
    function: Callable[_Parameters, _Opened], /, *args: _Parameters.args, **kwargs: _Parameters.kwargs
) -> _Opened:
    """What the function opens, as `in_thread`. What the caller does not get, since it was cancelled, is closed."""
    opened: list[_Opened] = []
    try:
        await in_thread(lambda: opened.append(function(*args, **kwargs)))
    except asyncio.CancelledError:
        for one in opened:
            one.close()
        raise
    return opened[0]
