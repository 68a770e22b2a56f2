"""Promises: like futures for the tasks that await them, but resolved in a burst."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fluxdb._core.events.promise import Promise, Promises, resolve

Test = Callable[[Promises[Any]], Awaitable[None]]


def run(test: Test) -> None:
    async def within() -> None:
        await asyncio.wait_for(test(Promises(asyncio.get_running_loop())), 30)

    asyncio.run(within())


def soon(function: Callable[..., Any], *arguments: Any) -> None:
    """In a callback of the loop, as outcomes come."""
    asyncio.get_running_loop().call_soon(function, *arguments)


async def awaited(promise: Awaitable[Any]) -> Any:
    return await promise


def test_a_burst_wakes_all_in_order() -> None:
    async def test(promises: Promises[int]) -> None:
        order: list[int] = []

        async def wait(number: int) -> None:
            order.append(await promises.add(number))

        tasks = [asyncio.ensure_future(wait(number)) for number in range(100)]
        await asyncio.sleep(0)
        assert len(promises) == 100
        soon(promises.hand_out, 60)
        await asyncio.sleep(0)
        assert order == list(range(60))
        soon(promises.hand_out, 40)
        await asyncio.gather(*tasks)
        assert order == list(range(100))
        assert len(promises) == 0

    run(test)


def test_errors_go_where_they_belong() -> None:
    async def test(promises: Promises[str]) -> None:
        tasks = [asyncio.ensure_future(awaited(promises.add(name))) for name in "abc"]
        await asyncio.sleep(0)
        soon(promises.hand_out, [None, KeyError("x"), None])
        assert await tasks[0] == "a"
        with pytest.raises(KeyError):
            await tasks[1]
        assert await tasks[2] == "c"

    run(test)


def test_one_that_is_settled_before_it_is_awaited() -> None:
    async def test(promises: Promises[str]) -> None:
        first, second = promises.add("a"), promises.add("b")
        promises.hand_out([None, KeyError("x")])
        assert first.done()
        assert await first == "a"
        assert await asyncio.wait_for(first, 1) == "a"
        assert isinstance(second.exception(), KeyError)
        with pytest.raises(KeyError):
            await second

    run(test)


def test_a_cancelled_one_keeps_its_place() -> None:
    async def test(promises: Promises[str]) -> None:
        tasks = [asyncio.ensure_future(awaited(promises.add(name))) for name in "abc"]
        await asyncio.sleep(0)
        tasks[1].cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        soon(promises.hand_out, 3)
        assert [await tasks[0], await tasks[2]] == ["a", "c"]

    run(test)


def test_cancelling_a_task_that_is_about_to_go_on_cancels_it() -> None:
    async def test(promises: Promises[str]) -> None:
        async def cancels(promise: Promise[str]) -> None:
            await promise
            tasks[1].cancel()

        tasks = [asyncio.ensure_future(function(promises.add("a"))) for function in (cancels, awaited)]
        await asyncio.sleep(0)
        soon(promises.hand_out, 2)
        await tasks[0]
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]

    run(test)


def test_who_goes_on_may_await_the_next_one() -> None:
    async def test(promises: Promises[int]) -> None:
        async def wait() -> int:
            return sum([await promises.add(number) for number in range(5)])

        task = asyncio.ensure_future(wait())
        for _ in range(5):
            await asyncio.sleep(0)
            soon(promises.hand_out, 1)
        assert await task == 10

    run(test)


def test_each_task_goes_on_in_its_own_context() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")

    async def test(promises: Promises[int]) -> None:
        async def wait(number: int) -> None:
            variable.set(number)
            await promises.add(number)
            assert variable.get() == number
            assert asyncio.current_task() is tasks[number]

        tasks = [asyncio.ensure_future(wait(number)) for number in range(10)]
        await asyncio.sleep(0)
        soon(promises.hand_out, 10)
        await asyncio.gather(*tasks)

    run(test)


def test_a_timeout_cancels_and_the_next_is_not_shifted() -> None:
    async def test(promises: Promises[str]) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(promises.add("late"), 0.01)
        task = asyncio.ensure_future(awaited(promises.add("next")))
        await asyncio.sleep(0)
        soon(promises.hand_out, 2)
        assert await task == "next"

    run(test)


def test_it_can_be_gathered_shielded_and_awaited_by_two() -> None:
    async def test(promises: Promises[str]) -> None:
        promise = promises.add("a")
        tasks = [asyncio.ensure_future(awaited(promise)) for _ in range(2)]
        shielded = asyncio.ensure_future(awaited(asyncio.shield(promise)))
        await asyncio.sleep(0)
        soon(promises.hand_out, 1)
        assert await asyncio.gather(*tasks, shielded, promise) == ["a"] * 4

    run(test)


def test_callbacks_can_be_added_and_removed() -> None:
    async def test(promises: Promises[str]) -> None:
        called: list[str] = []

        def first(promise: Promise[str]) -> None:
            called.append("first " + promise.result())

        def second(promise: Promise[str]) -> None:
            called.append("second " + promise.result())

        promise = promises.add("a")
        for function in (first, second, first):
            promise.add_done_callback(function)
        assert promise.remove_done_callback(first) == 2
        soon(promises.hand_out, 1)
        await asyncio.sleep(0)
        promise.add_done_callback(first)
        await asyncio.sleep(0)
        assert called == ["second a", "first a"]

    run(test)


def test_a_callback_that_fails_is_reported_and_the_others_go_on() -> None:
    async def test(promises: Promises[str]) -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        promise = promises.add("a")
        promise.add_done_callback(lambda promise: 1 // 0)
        task = asyncio.ensure_future(awaited(promises.add("b")))
        await asyncio.sleep(0)
        soon(promises.hand_out, 2)
        assert await task == "b"
        assert [type(error) for error in told] == [ZeroDivisionError]

    run(test)


def test_control_c_in_one_leaves_the_others_to_the_next_turn() -> None:
    woken: list[str] = []
    loop = asyncio.new_event_loop()
    promises: Promises[str] = Promises(loop)

    async def interrupts() -> None:
        await promises.add("a")
        raise KeyboardInterrupt

    async def goes_on() -> None:
        woken.append(await promises.add("b"))

    async def begin() -> None:
        tasks.extend([asyncio.ensure_future(interrupts()), asyncio.ensure_future(goes_on())])
        await asyncio.sleep(0)

    tasks: list[asyncio.Future[None]] = []
    loop.run_until_complete(begin())
    loop.call_soon(promises.hand_out, 2)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(tasks[1])
    loop.run_until_complete(tasks[1])
    assert woken == ["b"]
    assert isinstance(tasks[0].exception(), KeyboardInterrupt)
    loop.close()


def test_without_an_outcome_there_is_no_result() -> None:
    async def test(promises: Promises[str]) -> None:
        promise = promises.add("a")
        for ask in (promise.result, promise.exception):
            with pytest.raises(asyncio.InvalidStateError):
                ask()
        assert promise.cancel()
        assert not promise.cancel()
        assert promise.cancelled()
        for ask in (promise.result, promise.exception):
            with pytest.raises(asyncio.CancelledError):
                ask()

    run(test)


def test_all_can_be_failed() -> None:
    async def test(promises: Promises[str]) -> None:
        tasks = [asyncio.ensure_future(awaited(promises.add(name))) for name in "ab"]
        await asyncio.sleep(0)
        promises.fail(lambda: KeyError("all"))
        for task in tasks:
            with pytest.raises(KeyError):
                await task
        assert len(promises) == 0

    run(test)


def test_resolving_a_list_passes_over_the_cancelled() -> None:
    async def test(promises: Promises[Any]) -> None:
        loop = asyncio.get_running_loop()
        made: list[Promise[None]] = [Promise(loop) for _ in range(3)]
        tasks = [asyncio.ensure_future(awaited(promise)) for promise in made]
        await asyncio.sleep(0)
        tasks[1].cancel()
        soon(resolve, made)
        first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
        assert (first, third) == (None, None)
        assert isinstance(second, asyncio.CancelledError)
        resolve([])

    run(test)
