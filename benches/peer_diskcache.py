#!/usr/bin/env python3
"""Measures Python's diskcache with the records of `stores.rs`, used as in Stash2Plex.

    python3 -m venv venv && venv/bin/pip install diskcache
    venv/bin/python benches/peer_diskcache.py [items]            # default 100000

The whole library is one value under one key: a list of dicts with key, title and paths, pickled.
A lookup reads that value and scans it, as Stash2Plex does for every file whose title was not found.
This script is only for the numbers in `docs/benchmarks.md`.
"""

import os
import subprocess
import sys
import tempfile
import time

import diskcache

LIBRARY = "library"


def rows(count):
    for key in range(1, count + 1):
        title = f"The Lighthouse Keeper {key}"
        folder = f"/data/films/{title} (1989)"
        file = f"{folder}/{title} (1989) [Bluray-1080p].mkv"
        yield {"key": key * 3, "title": title, "file_paths": [file]}


def find(library, name):
    for row in library:
        for path in row["file_paths"]:
            if path.rsplit("/", 1)[-1] == name:
                return row["key"]
    return None


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def median(times):
    return sorted(times)[len(times) // 2]


def first_get(folder, name):
    """Runs in its own process: opens the cache and looks up one file."""
    taken, key = timed(lambda: find(diskcache.Cache(folder).get(LIBRARY), name))
    assert key is not None
    print(taken)


def main(count):
    library = list(rows(count))
    name = library[count // 2]["file_paths"][0].rsplit("/", 1)[-1]
    with tempfile.TemporaryDirectory() as folder:
        # Opened as in Stash2Plex, but without its limit of 100 MB: diskcache would drop a library
        # of half a million items at once.
        cache = diskcache.Cache(folder, size_limit=8 << 30)
        load, _ = timed(lambda: cache.set(LIBRARY, library))
        cache.close()
        size = sum(
            os.path.getsize(os.path.join(at, file)) for at, _, files in os.walk(folder) for file in files
        )
        command = [sys.executable, __file__, "--first", folder, name]
        first = median([float(subprocess.check_output(command)) for _ in range(5)])
        cache = diskcache.Cache(folder, size_limit=8 << 30)
        lookup = median([timed(lambda: find(cache.get(LIBRARY), name))[0] for _ in range(5)])
        scan = median([timed(lambda: sum(1 for _ in cache.get(LIBRARY)))[0] for _ in range(5)])
        write = median([timed(lambda: cache.set("stamp", n))[0] for n in range(200)])
        delete, _ = timed(lambda: cache.delete(LIBRARY))
    print(f"items                          {count}")
    print(f"load                           {count / load:,.0f} items/s")
    print(f"open and first lookup          {first * 1e3:,.1f} ms")
    print(f"lookup of one file             {lookup * 1e3:,.1f} ms ({1 / lookup:,.1f} a second)")
    print(f"scan                           {count / scan:,.0f} items/s")
    print(f"one small write (not synced)   {write * 1e6:,.0f} us")
    print(f"delete of the section          {delete * 1e3:,.2f} ms")
    print(f"bytes a row                    {size / count:,.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--first"]:
        first_get(*sys.argv[2:4])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
