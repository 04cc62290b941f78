"""Events of a run as a stream: nothing twice, nothing missed, whoever writes and whoever reconnects."""

from __future__ import annotations

import json
import threading
import time

from appliance.store import Store
from web_ui.events import Bell, stream
from web_ui.pool import StorePool


def ids(lines):
    return [int(part[4:]) for line in lines for part in line.split("\n") if part.startswith("id: ")]


def read(pool, run_id, after, until, bell=None):
    """Messages until one holds the text."""
    stop, got = threading.Event(), []
    for line in stream(pool, bell or Bell(pool), run_id, after, stop):
        got.append(line)
        if until in line:
            stop.set()
            break
    return got


def test_what_happened_before_comes_first_and_then_what_happens(home, run):
    pool = StorePool(home)
    with Store(home) as writer:
        old = [event.id for event in writer.events(run.id)]

        def later():
            time.sleep(0.3)
            writer.add_event(run.id, "text", {"1": "fresh words"})

        threading.Thread(target=later).start()
        got = read(pool, run.id, 0, "fresh words")
    seen = list(dict.fromkeys(ids(got)))
    assert seen[:-1] == old
    assert seen[-1] > old[-1]
    pool.close()


def test_a_reader_goes_on_after_the_last_id_it_saw(home, run, store):
    pool = StorePool(home)
    every = [event.id for event in store.events(run.id)]
    store.add_event(run.id, "text", {"1": "the very last"})
    for i, seen in enumerate(every):
        assert list(dict.fromkeys(ids(read(pool, run.id, seen, "the very last"))))[:-1] == every[i + 1 :]
    pool.close()


def test_many_readers_miss_nothing_while_many_write(home, run, store):
    pool, start = StorePool(home), store.last_event(run.id)
    bell, results = Bell(pool), {}

    def reader(k):
        results[k] = read(pool, run.id, start, '"n": 199', bell)

    def writer(k):
        with Store(home) as own:
            for n in range(k, 200, 2):
                own.add_event(run.id, "note", {"n": n if n < 199 else 198.5})

    threads = [threading.Thread(target=reader, args=(k,)) for k in range(20)]
    threads += [threading.Thread(target=writer, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads[20:]:
        thread.join()
    store.add_event(run.id, "note", {"n": 199})
    for thread in threads[:20]:
        thread.join(10)
    for got in results.values():
        data = [json.loads(line.split("data: ")[1].split("\n")[0]) for line in got if "event: note" in line]
        assert len(data) == 201
        assert ids(got) == sorted(ids(got))
    assert len(results) == 20
    pool.close()


def test_the_watching_thread_ends_when_nobody_waits(home):
    pool = StorePool(home)
    bell = Bell(pool)
    bell.wait(bell.count, 0.2)
    for _ in range(40):
        if not any(thread.name == "bell" for thread in threading.enumerate()):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("it still runs")
    pool.close()


def test_a_stream_ends_with_the_server(home, run):
    pool, stop = StorePool(home), threading.Event()
    lines = stream(pool, Bell(pool), run.id, 10**9, stop)
    assert next(lines).startswith("retry:")
    stop.set()
    assert "goodbye" in list(lines)[-1]
    pool.close()


def test_an_id_that_is_none(visitor, run):
    assert visitor.get(f"/runs/{run.id}/events?after=x").status_code == 400


def test_after_an_error_the_next_one_who_waits_looks_again(home, monkeypatch):
    pool, failed = StorePool(home), []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    bell = Bell(pool)
    good, pool.home = pool.home, home / "appliance.db" / "no-folder"
    bell.wait(bell.count, 0.5)
    assert len(failed) == 1
    pool.home = good
    before = bell.count
    assert bell.wait(before, 3.0) != before
    pool.close()


def test_stores_are_given_back_by_many_at_once(home):
    pool = StorePool(home)
    together = threading.Barrier(24)

    def use():
        with pool.store():
            together.wait()

    threads = [threading.Thread(target=use) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    pool.close()
