//! Fuzzy matching for lists that are searched as one types.

/// How well `pattern` is found in `text`, letters in order, case ignored;
/// `None` where it is not. Beginnings of words and runs of letters count more.
pub fn score(pattern: &str, text: &str) -> Option<i32> {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let mut total = 0;
    let mut at = 0;
    let mut last = None;
    for wanted in pattern.chars().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace()) {
        let begins = |i: usize| i == 0 || !text[i - 1].is_alphanumeric();
        let next = (at..text.len()).find(|&i| text[i] == wanted)?;
        // A beginning of a word further on says more than a letter in the middle here.
        let in_run = last.is_some_and(|l| next == l + 1);
        let word = (next..text.len()).find(|&i| text[i] == wanted && begins(i));
        let place = if in_run { next } else { word.unwrap_or(next) };
        total += if begins(place) { 8 } else { 1 } + if last.is_some_and(|l| place == l + 1) { 5 } else { 0 };
        total -= i32::try_from(place - at).unwrap_or(i32::MAX).min(3);
        last = Some(place);
        at = place + 1;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_of_words_win() {
        assert!(score("di", "Declare an incident") > score("di", "Edit it"));
        assert!(score("quit", "Quit") > score("quit", "a quarter in it"));
        assert_eq!(score("xyz", "Quit"), None);
        assert_eq!(score("", "Quit"), Some(0));
    }
}
