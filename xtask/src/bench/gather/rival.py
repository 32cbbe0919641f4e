"""A careful client with python-plexapi: python - URL TOKEN ROWS [SECTION] < queries.

It lists every section completely, in pages of ROWS, builds a map by file name, and matches in memory. The
queries are one JSON list of [path, rating key or null]. The last line of the output is JSON with the
results.
"""
import json
import sys
import time
from collections import defaultdict

script, url, token, rows, *sections = sys.argv
queries = json.load(open(0, encoding="utf-8"))

from plexapi.server import PlexServer  # noqa: E402


def parts(path):
    return path.lower().replace("\\", "/").split("/")[::-1]


def common(one, other):
    count = 0
    for ours, theirs in zip(parts(one), parts(other)):
        if ours != theirs:
            break
        count += 1
    return count


started = time.perf_counter()
server = PlexServer(url, token)
files = defaultdict(list)
for section in server.library.sections():
    kind = {"movie": "movie", "show": "episode", "artist": "track"}.get(section.type)
    if kind is None or (sections and section.title not in sections):
        continue
    for item in section.search(libtype=kind, container_size=int(rows)):
        for media in item.media:
            for part in media.parts:
                files[parts(part.file)[0]].append((part.file, item.ratingKey))
found = wrong = missed = 0
for path, truth in queries:
    named = files.get(parts(path)[0], [])
    most = max((common(path, file) for file, _ in named), default=0)
    keys = {key for file, key in named if common(path, file) == most}
    if len(keys) == 1:
        found += 1
        wrong += keys != {truth}
    else:
        missed += truth is not None
print(json.dumps({"found": found, "wrong": wrong, "missed": missed,
                  "seconds": time.perf_counter() - started}))
