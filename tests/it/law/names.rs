//! What one module's source declares, brings in by `use`, and names in its code; what is there for tests alone is passed
//! over.

use std::collections::BTreeSet;
use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Ident, ImplItem, Item, ItemImpl, ItemMod, ItemUse, Meta, Token, Type, UseTree, Visibility,
};

/// The name of an import of everything.
pub(super) const GLOB: &str = "*";

/// `use a::b as name`.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) name: String,
    pub(super) path: Vec<String>,
    /// It is there for others, too, and so may be there for nobody else.
    pub(super) is_handed_on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A function, a constant, a macro: nothing is in it.
    Value,
    Type,
    /// One that is brought in is used by its methods, without its name.
    Trait,
}

#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) items: BTreeSet<(String, Kind)>,
    pub(super) imports: Vec<Import>,
    pub(super) mentions: BTreeSet<Vec<String>>,
    /// Every identifier, also those that name nothing beyond their function.
    pub(super) words: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(items: &[Item]) -> Self {
        let mut names = Self::default();
        items.iter().for_each(|item| names.visit_item(item));
        names
    }

    fn import(&mut self, tree: &UseTree, is_handed_on: bool, path: &mut Vec<String>) {
        let (name, last) = match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.import(&step.tree, is_handed_on, path);
                path.pop();
                return;
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, is_handed_on, path));
            }
            UseTree::Glob(_) => (GLOB.to_owned(), None),
            UseTree::Name(name) => (name.ident.to_string(), Some(name.ident.to_string())),
            UseTree::Rename(name) => (name.rename.to_string(), Some(name.ident.to_string())),
        };
        let mut path = path.clone();
        let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
        path.extend(last.filter(|last| last != "self"));
        self.imports.push(Import { name, path, is_handed_on });
    }

    fn mention(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.mentions.insert(std::mem::take(path));
        }
    }

    /// Within a macro everything that looks like a path is taken for one, but fields, methods and the macro's own
    /// variables.
    fn visit_tokens(&mut self, mut at: Cursor<'_>) {
        let (mut path, mut before) = (Vec::new(), String::new());
        while !at.eof() {
            if let Some((ident, next)) = at.ident() {
                self.visit_ident(&ident);
                let ident = ident.to_string();
                let goes_on = before.ends_with("::") && !path.is_empty();
                if !goes_on {
                    self.mention(&mut path);
                }
                let is_free = !before.ends_with(['.', '$']) || before.ends_with("..") || ident == "crate";
                if goes_on || is_free {
                    path.push(ident);
                }
                (before, at) = (String::new(), next);
            } else if let Some((punct, next)) = at.punct() {
                before.push(punct.as_char());
                at = next;
            } else if let Some((inner, _, _, next)) = at.any_group() {
                self.visit_tokens(inner);
                (before, at) = (String::new(), next);
            } else {
                let next = at.lifetime().map(|(_, next)| next);
                let Some(next) = next.or_else(|| Some(at.token_tree()?.1)) else { break };
                (before, at) = (String::new(), next);
            }
        }
        self.mention(&mut path);
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, declared) = parts(item);
        if !is_for_tests(attributes) {
            self.items.extend(declared.map(|(name, kind)| (name.to_string(), kind)));
            visit::visit_item(self, item);
        }
    }

    fn visit_ident(&mut self, ident: &Ident) {
        self.words.insert(ident.to_string());
    }

    /// A module of its own.
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.visit_ident(&item.ident);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_handed_on = !matches!(item.vis, Visibility::Inherited);
        self.import(&item.tree, is_handed_on, &mut Vec::new());
        self.visit_use_tree(&item.tree);
    }

    /// What a type can do may be said in several files: that an `impl` says whose it is names nothing.
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        self.visit_generics(&item.generics);
        match (&item.trait_, &*item.self_ty) {
            (None, Type::Path(own)) if own.qself.is_none() => {
                own.path.segments.iter().for_each(|segment| self.visit_path_arguments(&segment.arguments));
            }
            (of, own) => {
                of.iter().for_each(|(_, path, _)| self.visit_path(path));
                self.visit_type(own);
            }
        }
        item.items.iter().for_each(|item| self.visit_impl_item(item));
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.mention(&mut names);
        visit::visit_path(self, path);
    }

    /// A constant in a pattern looks like a variable.
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = pattern.ident.to_string();
        if name.starts_with(char::is_uppercase) {
            self.mention(&mut vec![name]);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.visit_tokens(TokenBuffer::new2(call.tokens.clone()).begin());
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    /// `pub(in crate::there)` uses nothing of what is there.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// An item's attributes, and what it declares that others can name.
fn parts(item: &Item) -> (&[Attribute], Option<(&Ident, Kind)>) {
    match item {
        Item::Const(item) => (&item.attrs, Some((&item.ident, Kind::Value))),
        Item::Enum(item) => (&item.attrs, Some((&item.ident, Kind::Type))),
        Item::Fn(item) => (&item.attrs, Some((&item.sig.ident, Kind::Value))),
        Item::Impl(item) => (&item.attrs, None),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref().map(|name| (name, Kind::Value))),
        Item::Static(item) => (&item.attrs, Some((&item.ident, Kind::Value))),
        Item::Struct(item) => (&item.attrs, Some((&item.ident, Kind::Type))),
        Item::Trait(item) => (&item.attrs, Some((&item.ident, Kind::Trait))),
        Item::Type(item) => (&item.attrs, Some((&item.ident, Kind::Type))),
        Item::Union(item) => (&item.attrs, Some((&item.ident, Kind::Type))),
        Item::Use(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}

/// `#[test]`, `#[cfg(test)]`, `#[cfg(all(test, ..))]`.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => {
            list.path.is_ident("cfg") && list.parse_args().is_ok_and(|meta| wants_test(&meta))
        }
        Meta::NameValue(_) => false,
    })
}

fn wants_test(condition: &Meta) -> bool {
    let all = syn::punctuated::Punctuated::<Meta, Token![,]>::parse_terminated;
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => {
            list.parse_args_with(all).is_ok_and(|conditions| conditions.iter().any(wants_test))
        }
        _ => false,
    }
}
