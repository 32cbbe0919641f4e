"""An unmodified python-plexapi talks to the simulated server: python3 - URL TOKEN < this file.

The last line it prints is "ok" if everything it tried was as expected.
"""
import sys

from plexapi.exceptions import BadRequest, NotFound, Unauthorized
from plexapi.server import PlexServer

url, token = sys.argv[1:3]


def check(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, found {found!r}")
    print(f"  {what}: {repr(found):.60}")


def refused(what, error, ask):
    try:
        ask()
    except error as caught:
        print(f"  {what}: {type(caught).__name__}")
    else:
        sys.exit(f"{what}: not refused")


refused("a wrong token", Unauthorized, lambda: PlexServer(url, "wrong"))
server = PlexServer(url, token)
check("server", server.friendlyName, "testbed")
movies, shows = server.library.sections()
check("sections", [movies.type, shows.type], ["movie", "show"])

everything = movies.all()
check("movies, in pages", len(everything), movies.totalSize)
check("each once", len({movie.ratingKey for movie in everything}), len(everything))
check("each with a file", all(movie.media[0].parts[0].file for movie in everything), True)
by_id = movies.all(sort="id", container_size=37)
check("the same in other pages", {m.ratingKey for m in by_id}, {m.ratingKey for m in everything})

one = everything[len(everything) // 2]
check("a search by title", one in movies.search(title=one.title), True)
check("by exact title", movies.get(one.title).title, one.title)
check("by guid", movies.getGuid(one.guid) in everything, True)
refused("a title that is not there", NotFound, lambda: movies.get("No Such Film At All"))

keys = [movie.ratingKey for movie in everything[:50]]
check("items by key", [movie.ratingKey for movie in movies.fetchItems(keys)], keys)
check("one by key", server.fetchItem(keys[0]).title, everything[0].title)
check("external ids", sorted(g.id for g in server.fetchItem(keys[0]).guids) != [], True)
refused("a key that is not there", NotFound, lambda: server.fetchItem(99999999))

one.editTitle("Renamed & <quoted> \"\u00e9\"").editSummary("Text")
one.addGenre(["Drama", "War"]).addLabel("mine").addCollection("Ours").reload()
check("an edited title", one.title, "Renamed & <quoted> \"\u00e9\"")
check("tags", sorted(tag.tag for tag in one.genres), ["Drama", "War"])
check("locks", sorted(f.name for f in one.fields)[:3], ["collection", "genre", "label"])
one.removeGenre("War").reload()
check("a tag less", [tag.tag for tag in one.genres], ["Drama"])
refused("a value that makes no sense", BadRequest, lambda: one.editField("addedAt", "soon"))

several = everything[:20]
movies.multiEdit(several, **{"studio.value": "Studio", "studio.locked": 1})
check("edited together", {movie.reload().studio for movie in several}, {"Studio"})
movies.batchMultiEdits(several).addLabel("batch").saveMultiEdits()
check("labelled together", {tag.tag for m in several for tag in m.reload().labels} >= {"batch"}, True)

show = shows.all()[0]
check("a show", show.type, "show")
season = show.seasons()[0]
check("its episodes", len(season.episodes()) > 0, True)
check("and theirs", show.episodes()[0].grandparentTitle, show.title)
check("all episodes", len(shows.searchEpisodes()), shows.totalViewSize("episode"))

movies.update()
print("ok")
