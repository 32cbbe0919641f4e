//! Text and numbers for the page and the terminal.

/// Escapes text for an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// How many calls of another client there are for ours: `88 : 1`, `5.5 : 1`, `1 : 1.2`.
pub(super) fn ratio(theirs: f64) -> String {
    let digits = |number: f64| {
        if number < 9.95 {
            let text = format!("{number:.1}");
            return text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
        }
        format!("{number:.0}")
    };
    if theirs < 1.0 && theirs > 0.0 {
        format!("1 : {}", digits(1.0 / theirs))
    } else {
        format!("{} : 1", digits(theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_say_who_makes_more_calls() {
        for (theirs, text) in [
            (101.0, "101 : 1"),
            (9.96, "10 : 1"),
            (5.5, "5.5 : 1"),
            (1.0, "1 : 1"),
            (11.0 / 12.0, "1 : 1.1"),
            (0.0, "0 : 1"),
        ] {
            assert_eq!(ratio(theirs), text);
        }
    }
}
