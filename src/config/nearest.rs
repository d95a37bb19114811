//! "Did you mean …": the known name that is fewest slips of the finger away.

/// The nearest of `known`, where one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(80).flat_map(char::to_lowercase).collect();
    let room = (word.len() / 3).clamp(1, 4);
    known
        .into_iter()
        .filter_map(|name| {
            let other: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
            let slips = if other.len().abs_diff(word.len()) > room { room + 1 } else { slips(&word, &other) };
            let extends = word.len() >= 3 && (other.starts_with(&word) || word.starts_with(&other));
            (slips <= room || extends).then_some((slips, name))
        })
        .min()
        .map(|(_, name)| name)
}

/// Edits (one character more, less or other, or two neighbours swapped) from
/// one word to the other: the restricted Damerau distance.
fn slips(a: &[char], b: &[char]) -> usize {
    let mut older = vec![0; b.len() + 1];
    let mut old: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut new = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let other = usize::from(a[i - 1] != b[j - 1]);
            new[j] = (old[j - 1] + other).min(old[j] + 1).min(new[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                new[j] = new[j].min(older[j - 2] + 1);
            }
        }
        older = old;
        old = new;
    }
    old[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let known = ["home", "health", "standby", "eu-west-1", "eu-west-2", "runbooks"];
        let table = [
            ("hom", Some("home")),
            ("Home", Some("home")),
            ("helath", Some("health")),
            ("standbys", Some("standby")),
            ("eu-wset-1", Some("eu-west-1")),
            ("runbook", Some("runbooks")),
            ("password", None),
            ("", None),
        ];
        for (word, expected) in table {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
