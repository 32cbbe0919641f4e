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
movies, music, shows = server.library.sections()
check("sections", [movies.type, music.type, shows.type], ["movie", "artist", "show"])

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
labels = {tag.tag for movie in several for tag in movie.reload().labels}
check("labelled together, as the server spells it", "Batch" in labels, True)

show = shows.all()[0]
check("a show", show.type, "show")
season = show.seasons()[0]
check("its episodes", len(season.episodes()) > 0, True)
check("and theirs", show.episodes()[0].grandparentTitle, show.title)
episodes = shows.searchEpisodes()
check("all episodes", len(episodes), shows.totalViewSize("episode"))
check("its season", season.episodes()[0].season().title, season.title)
check("all seasons", len(shows.searchSeasons()), sum(len(show.seasons()) for show in shows.all()))
check("the show of a season", season.show().title, show.title)

artist = music.all()[0]
check("an artist", artist.type, "artist")
album = artist.albums()[0]
check("its album", album.parentTitle, artist.title)
check("tracks of the album", len(album.tracks()) > 0, True)
check("and their files", all(track.media[0].parts[0].file for track in album.tracks()), True)
check("tracks of the artist", len(artist.tracks()) >= len(album.tracks()), True)
check("all albums", len(music.searchAlbums()) > 0, True)
check("all tracks", len(music.searchTracks()), music.totalViewSize("track"))


def value(item, field):
    return getattr(item, field, None)


for section in movies, shows:
    for sort in section.listSorts():
        if sort.key in ("titleSort", "guid", "summary"):
            continue
        for way in "asc", "desc":
            rows = section.all(sort=f"{sort.key}:{way}")
            values = [value(row, sort.key) for row in rows]
            values = [found for found in values if found is not None]
            if way == "desc":
                values.reverse()
            check(f"{section.type} by {sort.key}, {way}", values == sorted(values), True)

count = len(movies.all())
year = one.year
some = movies.search(year=year)
check("a filter by year", {movie.year for movie in some}, {year})
check("and its opposite", len(movies.search(**{"year!": year})), count - len(some))
check("after a year", all(m.year > year for m in movies.search(**{"year>>": year})), True)
titled = movies.search(**{"title<": "The"})
check("by the head of a title", all(m.title.lower().startswith("the") for m in titled), True)
check("by a studio", {m.studio for m in movies.search(studio="Studio")}, {"Studio"})
listing = f"/library/sections/{movies.key}/all?type=1"
check("by a label", len(movies.fetchItems(f"{listing}&label=batch")), len(several))
check("by one of two genres", movies.fetchItems(f"{listing}&genre=Drama,None"), [one])
check("added lately", all(m.addedAt for m in movies.search(**{"addedAt>>": "2001-01-01"})), True)
check("nothing in the trash", movies.search(trash=True), [])

movies.update()
print("ok")
