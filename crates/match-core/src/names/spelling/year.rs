//! Years in names.

/// The first and the last year of release that a name may have.
const YEARS: std::ops::RangeInclusive<u16> = 1880..=2100;

/// All numbers of four digits in a folded name that can be a year of release.
pub(crate) fn years(name: &str) -> impl Iterator<Item = u16> {
    positions(name).map(|(_, year)| year)
}

/// The same years, with the positions where they begin in the name.
pub(crate) fn positions(name: &str) -> impl Iterator<Item = (usize, u16)> {
    let mut at = 0;
    name.split(|letter: char| !letter.is_ascii_digit()).filter_map(move |digits| {
        // One separator follows each piece. It may have any length in bytes.
        let start = at;
        at += digits.len();
        at += name.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let year = (digits.len() == 4).then(|| digits.parse().ok()).flatten()?;
        YEARS.contains(&year).then_some((start, year))
    })
}

/// Whether the names have years, and none of them is the item's. A difference of one year is
/// allowed, because agents and release names differ around New Year. A number that is part of the
/// item's title ("1917", "Blade Runner 2049") is not a year.
pub(crate) fn contradict<'a>(
    names: impl IntoIterator<Item = &'a str>,
    year: u16,
    folded_title: &str,
) -> bool {
    let mut any = false;
    for found in names.into_iter().flat_map(years) {
        if found.abs_diff(year) <= 1 {
            return false;
        }
        any |= !years(folded_title).any(|number| number == found);
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remake_is_contradicted_and_a_title_with_a_number_is_not() {
        for (names, year, title, expect) in [
            (&["the thing (2011)", "the thing"][..], 1982, "thing", true),
            (&["the thing (1982)", "the thing"][..], 1982, "thing", false),
            (&["blade runner 2049 (2017)"][..], 2017, "blade runner 2049", false),
            (&["2001 a space odyssey (1968)"][..], 1968, "2001 a space odyssey", false),
            (&["1917"][..], 2019, "1917", false),
            (&["1917 (1970)"][..], 2019, "1917", true),
            (&["heat"][..], 1995, "heat", false),
            (&["film.1080p.x264"][..], 1995, "film", false),
            (&["film (1994)"][..], 1995, "film", false),
        ] {
            assert_eq!(contradict(names.iter().copied(), year, title), expect, "{names:?} {year}");
        }
    }
}
