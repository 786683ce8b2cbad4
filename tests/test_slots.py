"""The order in which tasks get input slots."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup
from hypothesis import given
from hypothesis import strategies as st

from n6link.session.slots import SlotPool

both_backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


class Queue:
    """Tasks that wait for slots, and the order in which they got them."""

    def __init__(self, pool: SlotPool, tasks: TaskGroup) -> None:
        self.pool = pool
        self.served: list[str] = []
        self.slots: dict[str, int] = {}
        self._tasks = tasks

    async def add(self, *names: str) -> None:
        """Each name is a network's letter, a priority, and a letter that distinguishes them: ``a0x``."""
        for name in names:
            self._tasks.start_soon(self._take, name)
            await anyio.wait_all_tasks_blocked()

    async def give(self, name: str) -> None:
        self.pool.release(self.slots.pop(name))
        await anyio.wait_all_tasks_blocked()

    async def _take(self, name: str) -> None:
        self.slots[name] = await self.pool.acquire(priority=int(name[1]), network=ord(name[0]))
        self.served.append(name)


@both_backends
def test_larger_priority_first_then_in_order(backend: str) -> None:
    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            queue = Queue(SlotPool(2), tasks)
            await queue.add("a0u", "a0v", "a0w", "a0x", "a5y", "a9z")
            assert queue.served == ["a0u", "a0v"]
            for name in ("a0u", "a9z", "a5y", "a0w"):
                await queue.give(name)
            assert queue.served == ["a0u", "a0v", "a9z", "a5y", "a0w", "a0x"]

    anyio.run(body, backend=backend)


@both_backends
def test_networks_take_turns_however_many_wait(backend: str) -> None:
    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            queue = Queue(SlotPool(2), tasks)
            await queue.add(*(f"a0{i}" for i in range(5)), "b0x", "c0y", "b0z")
            for _ in range(6):
                await queue.give(queue.served[-1])
            assert "".join(name[0] for name in queue.served) == "aabcabaa"

    anyio.run(body, backend=backend)


@both_backends
def test_the_last_of_three_is_kept_for_larger_priority(backend: str) -> None:
    async def body() -> None:
        async with anyio.create_task_group() as tasks:
            queue = Queue(SlotPool(3), tasks)
            await queue.add("a1u", "a1v", "a1w")
            assert queue.served == ["a1u", "a1v"], "work of equal priority must leave one slot free"
            await queue.add("b0x")
            assert queue.served == ["a1u", "a1v"], "and so must work of smaller priority"
            await queue.add("b2y")
            assert queue.served[2:] == ["b2y"], "work of larger priority gets it immediately"
            await queue.add("b2z")
            await queue.give("a1u")
            assert queue.served[2:] == ["b2y"], "work of the largest priority now leaves one slot free"
            await queue.give("b2y")
            assert queue.served[3:] == ["b2z"]
            await queue.give("b2z")
            await queue.give("a1v")
            assert queue.served[4:] == ["a1w", "b0x"]

    anyio.run(body, backend=backend)


@both_backends
def test_who_gives_up_waiting_loses_nothing(backend: str) -> None:
    async def body() -> None:
        pool = SlotPool(2)
        held = [await pool.acquire(), await pool.acquire()]
        with anyio.move_on_after(0):
            await pool.acquire()

        async def take() -> None:
            pool.release(await pool.acquire())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take)
            await anyio.wait_all_tasks_blocked()
            pool.release(held.pop())  # the task has a slot, and is cancelled before it runs again
            tasks.cancel_scope.cancel()
        assert await pool.acquire() not in held

    anyio.run(body, backend=backend)


@given(st.integers(1, 5), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 9)), max_size=30))
def test_no_slot_is_lost_or_given_twice(count: int, users: list[tuple[int, int, int]]) -> None:
    """Some tasks are cancelled while they wait, some while they have a slot; all other tasks get a slot."""

    async def body() -> None:
        pool, served = SlotPool(count), 0
        held: set[int] = set()

        async def use(priority: int, network: int, patience: int) -> None:
            nonlocal served
            with anyio.CancelScope() as scope:
                if patience:
                    tasks.start_soon(leave, scope, patience)
                slot = await pool.acquire(priority, network)
                try:
                    assert slot not in held
                    held.add(slot)
                    assert len(held) <= count
                    await anyio.lowlevel.checkpoint()
                    served += 1
                finally:
                    held.remove(slot)
                    pool.release(slot)

        async def leave(scope: anyio.CancelScope, patience: int) -> None:
            for _ in range(patience):
                await anyio.lowlevel.checkpoint()
            scope.cancel()

        async with anyio.create_task_group() as tasks:
            for user in users:
                tasks.start_soon(use, *user)
        assert served >= sum(not patience for _, _, patience in users)
        assert sorted([await pool.acquire(priority) for priority in range(count)]) == list(range(count))

    anyio.run(body)
