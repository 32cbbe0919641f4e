//! An estimate of the calls of a client without a cache.

/// The estimate for one run: `queries` files in sections of `items` items each, read in pages of
/// `page` rows.
pub fn calls_without_cache(queries: u64, items: impl IntoIterator<Item = u64>, page: u32) -> u64 {
    let page = u64::from(page.max(1));
    let sections = items.into_iter().map(|items| items.div_ceil(page).max(1).min(queries));
    1 + sections.sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheaper_of_searching_and_listing_counts() {
        for (queries, items, calls) in [
            (10_000, &[10_000][..], 21),
            (3, &[10_000], 4),
            (100, &[10_000, 400], 1 + 20 + 1),
            (5, &[], 1),
            (1, &[0], 2),
        ] {
            let estimate = calls_without_cache(queries, items.iter().copied(), 500);
            assert_eq!(estimate, calls, "{queries} {items:?}");
        }
    }
}
