"""Several works of one pull or push at the same time: the first error ends them all, and none outlives the call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence

_Result = TypeVar("_Result")


async def all_of(works: Iterable[Coroutine[object, object, _Result]]) -> list[_Result]:
    """The results of all works, in their order. The first error cancels the others, and is raised when they have ended.

    (Not asyncio.TaskGroup: a user wants the error, and not a group of errors with one error in it.)
    """
    futures = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*futures)
    finally:
        await end_all(futures)


async def end_all(futures: Sequence[asyncio.Future[_Result]]) -> None:
    """Cancel what is not done, and wait until it has ended. Errors are dropped: the first one is on its way already."""
    for future in futures:
        future.cancel()
    if futures:
        await asyncio.wait(futures)
    for future in futures:
        if not future.cancelled():
            future.exception()


async def next_of(future: asyncio.Future[_Result], others: Sequence[asyncio.Future[_Result]]) -> _Result:
    """The result of one, as soon as it is there; but when another fails before it, that one's error."""
    waiting = {*others, future}
    while not future.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    return future.result()
