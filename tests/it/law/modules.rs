//! A crate's modules as they lie in files, and which file declares what a path names.

use super::names::{self, GLOB, Kind, Names};
use std::collections::BTreeMap;
use syn::Item;

/// Imports that lead to imports; more than that is a name that leads to itself, `use bytes::bytes`.
const MOST_STEPS: usize = 8;

#[derive(Debug)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    names: Names,
}

/// The first is the crate's root, and a parent comes before its children.
#[derive(Debug, Default)]
pub(super) struct Modules(Vec<Module>);

/// An item: the file that declares it, and what it is called there.
pub(super) type Place = (String, String);

impl Modules {
    /// Those of the crate with this root. `source` gives the text of a file, if there is one.
    pub(super) fn read(root: &str, source: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut modules = Self::default();
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        modules.add(None, root, folder, &parse(root, source).unwrap(), source);
        modules
    }

    /// `folder` is where the module's children lie.
    fn add(
        &mut self,
        parent: Option<usize>,
        file: &str,
        folder: &str,
        items: &[Item],
        source: &dyn Fn(&str) -> Option<String>,
    ) -> usize {
        let this = self.0.len();
        let names = Names::of(items);
        self.0.push(Module { file: file.to_owned(), parent, children: BTreeMap::new(), names });
        for item in items {
            let Item::Mod(child) = item else { continue };
            if names::is_for_tests(&child.attrs) {
                continue;
            }
            let name = child.ident.to_string();
            let below = format!("{folder}/{name}");
            let index = if let Some((_, items)) = &child.content {
                self.add(Some(this), file, &below, items, source)
            } else {
                let files = [format!("{below}.rs"), format!("{below}/mod.rs")];
                let mut found = files.iter().filter_map(|file| Some((file, parse(file, source)?)));
                let (file, items) = found.next().unwrap_or_else(|| panic!("{file}: where is mod {name}?"));
                self.add(Some(this), file, &below, &items, source)
            };
            self.0[this].children.insert(name, index);
        }
        this
    }

    /// Every file that uses what another declares, and what of it.
    pub(super) fn uses(&self) -> impl Iterator<Item = (&str, Place)> {
        (0..self.0.len()).flat_map(move |at| {
            let Module { file, names, .. } = &self.0[at];
            let named = names.mentions.iter().flat_map(move |path| self.find(at, path, 0));
            let imports = names.imports.iter().filter(|import| !import.is_handed_on);
            let imported = imports.flat_map(move |import| self.find(at, &import.path, 0));
            let used = named.chain(imported.filter(|place| self.declares(place, |kind| kind == Kind::Trait)));
            used.filter(move |(other, _)| other != file).map(move |place| (file.as_str(), place))
        })
    }

    /// Every file, and every identifier in it.
    pub(super) fn words(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|Module { file, names, .. }| {
            names.words.iter().map(|word| (file.as_str(), word.as_str()))
        })
    }

    fn declares(&self, (file, name): &Place, is_meant: fn(Kind) -> bool) -> bool {
        let modules = self.0.iter().filter(|module| module.file == *file);
        let mut items = modules.flat_map(|module| &module.names.items);
        items.any(|(item, kind)| item == name && is_meant(*kind))
    }

    /// What `path` names in the module `at`: nothing where that is in another crate, or is a module and no more.
    /// A type, a value and a macro may have one name, so there may be several.
    fn find(&self, mut at: usize, path: &[String], steps: usize) -> Vec<Place> {
        let mut rest = path;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => at = 0,
                "self" => {}
                "super" => at = self.0[at].parent.unwrap_or(at),
                _ => break,
            }
            rest = others;
        }
        let is_absolute = rest.len() < path.len();
        self.within(at, rest, is_absolute, steps)
    }

    /// What `path` names that begins with something in the module `at`. `is_there`: nothing else can be meant.
    fn within(&self, at: usize, path: &[String], is_there: bool, steps: usize) -> Vec<Place> {
        let Some((name, rest)) = path.split_first() else { return Vec::new() };
        let Module { file, children, names, .. } = &self.0[at];
        if steps > MOST_STEPS {
            return Vec::new();
        }
        let mut found = Vec::new();
        let child = children.get(name);
        if let Some(child) = child {
            found.extend(self.within(*child, rest, true, steps));
        }
        let mut imported = false;
        for import in names.imports.iter().filter(|import| import.name == *name) {
            let path = [&import.path, rest].concat();
            found.extend(self.find(at, &path, steps + 1));
            imported = true;
        }
        let own: Vec<Kind> =
            names.items.iter().filter(|(item, _)| item == name).map(|(_, kind)| *kind).collect();
        if own.iter().any(|kind| rest.is_empty() || *kind != Kind::Value) {
            found.push((file.clone(), name.clone()));
        }
        if !own.is_empty() || child.is_some() || imported {
            return found;
        }
        for glob in names.imports.iter().filter(|import| import.name == GLOB) {
            // Whether it is in there is a guess.
            let guessed = self.find(at, &[&glob.path, path].concat(), steps + 1);
            found.extend(guessed.into_iter().filter(|place| self.declares(place, |_| true)));
        }
        if found.is_empty() && is_there {
            // A macro has made it.
            found.push((file.clone(), name.clone()));
        }
        found
    }
}

fn parse(file: &str, source: &dyn Fn(&str) -> Option<String>) -> Option<Vec<Item>> {
    let text = source(file)?;
    Some(syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}")).items)
}
