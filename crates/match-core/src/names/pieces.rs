//! Splits a name into pieces: runs of letters and runs of digits, with the text between them.

/// A run of letters or of digits in a folded name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'n> {
    /// Where the piece begins.
    pub(crate) start: usize,
    pub(crate) text: &'n str,
    /// The text between this piece and the one before, or the beginning of the name.
    pub(crate) gap: &'n str,
    /// The number, if the piece is one of at most nine digits.
    pub(crate) number: Option<u32>,
}

impl Piece<'_> {
    /// Where the piece ends.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether the piece begins where the one before ends.
    pub(crate) fn is_glued(&self) -> bool {
        self.gap.is_empty() && self.start > 0
    }

    /// Whether only signs that separate words are before the piece.
    pub(crate) fn is_near(&self) -> bool {
        self.gap.len() <= 3
            && self.gap.bytes().all(|sign| matches!(sign, b' ' | b'.' | b'_' | b'-'))
    }
}

/// The most pieces of a name that are read: a name has at most 255 bytes on any file system.
const MOST: usize = 128;

/// The pieces of a folded name.
pub(crate) fn pieces(name: &str) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(24);
    let mut end = 0;
    let mut rest = name.char_indices().peekable();
    while let Some((start, letter)) = rest.next() {
        if !is_part(letter) {
            continue;
        }
        let digits = letter.is_ascii_digit();
        let mut after = start + letter.len_utf8();
        while let Some(&(at, next)) = rest.peek() {
            if !is_part(next) || next.is_ascii_digit() != digits {
                break;
            }
            after = at + next.len_utf8();
            rest.next();
        }
        let (Some(text), Some(gap)) = (name.get(start..after), name.get(end..start)) else { break };
        let number = if digits && text.len() <= 9 { text.parse().ok() } else { None };
        pieces.push(Piece { start, text, gap, number });
        end = after;
        if pieces.len() == MOST {
            break;
        }
    }
    pieces
}

fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '\'' | '\u{2019}' | '\u{300}'..='\u{36f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_are_apart() {
        let name = "meadow.s01e02 - x";
        let found: Vec<_> = pieces(name).into_iter().map(|p| (p.gap, p.text, p.number)).collect();
        assert_eq!(
            found,
            [
                ("", "meadow", None),
                (".", "s", None),
                ("", "01", Some(1)),
                ("", "e", None),
                ("", "02", Some(2)),
                (" - ", "x", None),
            ]
        );
        assert_eq!(pieces("...").len(), 0);
        assert_eq!(pieces(&"a.".repeat(1_000)).len(), MOST);
    }
}
