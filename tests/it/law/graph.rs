//! Which file uses which, circles in that, and what uses something above it.

use super::modules::Modules;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Each file, each that it uses, and what of that it names.
#[derive(Debug, Default)]
pub(super) struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Graph {
    pub(super) fn add(&mut self, modules: &Modules) {
        for (file, (other, name)) in modules.uses() {
            let uses = self.0.entry(file.to_owned()).or_default();
            uses.entry(other).or_default().insert(name);
        }
    }

    /// How many times a file uses another one.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// What `file` names of `other`.
    pub(super) fn names(&self, file: &str, other: &str) -> Vec<&str> {
        let names = self.0.get(file).and_then(|uses| uses.get(other));
        names.into_iter().flatten().map(String::as_str).collect()
    }

    /// Every file that `file` leads to, itself if it does.
    fn reached<'a>(&'a self, file: &str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = self.uses(file).collect();
        while let Some(file) = next.pop() {
            if reached.insert(file) {
                next.extend(self.uses(file));
            }
        }
        reached
    }

    fn uses<'a>(&'a self, file: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.get(file).into_iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// Files that lead to each other, each in one circle: all that do, not one way round.
    pub(super) fn circles(&self) -> Vec<Vec<&str>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.0.keys().map(|file| (file.as_str(), self.reached(file))).collect();
        let circle = |file: &str| {
            let leads_back = |other: &&str| reached.get(other).is_some_and(|reached| reached.contains(file));
            reached[file].iter().copied().filter(leads_back).collect::<Vec<_>>()
        };
        let circles: BTreeSet<Vec<&str>> = reached.keys().map(|file| circle(file)).collect();
        circles.into_iter().filter(|circle| !circle.is_empty()).collect()
    }

    /// What makes `circle` one, for whoever is to open it.
    pub(super) fn told(&self, circle: &[&str]) -> String {
        let mut text = format!("these lead to each other: {}\n", circle.join(", "));
        for file in circle {
            for other in self.uses(file).filter(|other| circle.contains(other)) {
                writeln!(text, "  {file} -> {other}: {}", self.names(file, other).join(", ")).unwrap();
            }
        }
        text
    }

    /// What breaks the order of `floors`, the uppermost first: a file that uses one on a floor above its own, or is on
    /// none. A floor is rooms within `folder`: `http` is `http.rs` and all below `http/`; of two that a file is in the
    /// smaller counts.
    pub(super) fn upward(&self, folder: &str, floors: &[&[&str]]) -> Vec<String> {
        let floor = |file: &str| floor(floors, file.strip_prefix(folder)?.strip_prefix('/')?);
        let mut wrong = BTreeSet::new();
        for (file, uses) in &self.0 {
            for (other, names) in uses {
                match (floor(file), floor(other)) {
                    (Some(own), Some(its)) if its < own => {
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        wrong.insert(format!("{file} -> {other}: {}", names.join(", ")));
                    }
                    (Some(_), Some(_)) => {}
                    (None, _) => drop(wrong.insert(format!("{file} is on no floor"))),
                    (_, None) => drop(wrong.insert(format!("{other} is on no floor"))),
                }
            }
        }
        wrong.into_iter().collect()
    }
}

fn floor(floors: &[&[&str]], file: &str) -> Option<usize> {
    let holds =
        |room: &str| file.strip_prefix(room).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'));
    let rooms =
        floors.iter().enumerate().flat_map(|(floor, rooms)| rooms.iter().map(move |room| (floor, room)));
    let held = rooms.filter(|(_, room)| holds(room)).max_by_key(|(_, room)| room.len());
    held.map(|(floor, _)| floor)
}
