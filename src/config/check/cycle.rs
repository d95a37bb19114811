//! Circles in what needs what.

use std::collections::{BTreeMap, HashMap};

/// A graph by names, each with the names it points to.
pub(super) type Graph<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// One circle for each way back that a walk meets, as the names along it; the
/// last points to the first. Iterative: a chain may be as long as an estate.
pub(super) fn circles<'a>(graph: &Graph<'a>) -> Vec<Vec<&'a str>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        OnPath,
        Done,
    }
    let mut seen: HashMap<&str, Seen> = HashMap::new();
    let mut found = Vec::new();
    for start in graph.keys().copied() {
        if seen.contains_key(start) {
            continue;
        }
        let mut path = vec![(start, 0)];
        seen.insert(start, Seen::OnPath);
        while let Some((node, next)) = path.last_mut() {
            let Some(target) = graph.get(*node).and_then(|to| to.get(*next)).copied() else {
                seen.insert(*node, Seen::Done);
                path.pop();
                continue;
            };
            *next += 1;
            match seen.get(target) {
                Some(Seen::Done) => {}
                Some(Seen::OnPath) => {
                    let from = path.iter().position(|(name, _)| *name == target).unwrap_or(0);
                    found.push(path[from..].iter().map(|(name, _)| *name).collect());
                }
                None => {
                    seen.insert(target, Seen::OnPath);
                    path.push((target, 0));
                }
            }
        }
    }
    found
}

/// `a → b → a`
pub(super) fn drawn(circle: &[&str]) -> String {
    let names = circle.iter().chain(circle.first()).copied();
    names.collect::<Vec<_>>().join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph<'a>(edges: &[(&'a str, &'a str)]) -> Graph<'a> {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph.entry(*from).or_default().push(*to);
        }
        graph
    }

    #[test]
    fn circles_are_found_and_diamonds_are_none() {
        assert!(circles(&graph(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])).is_empty());
        assert_eq!(circles(&graph(&[("a", "a")])), [["a"]]);
        let found = circles(&graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("x", "y"), ("y", "x")]));
        assert_eq!(found, [["b", "c"], ["x", "y"]]);
        assert_eq!(drawn(&found[0]), "b → c → b");
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let names: Vec<String> = (0..200_000).map(|n| format!("w{n:06}")).collect();
        let mut chain: Graph = names.windows(2).map(|w| (w[0].as_str(), vec![w[1].as_str()])).collect();
        assert!(circles(&chain).is_empty());
        chain.insert(&names[names.len() - 1], vec![&names[0]]);
        assert_eq!(circles(&chain)[0].len(), names.len());
    }
}
