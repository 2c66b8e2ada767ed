//! `LLMRoute` -> a public model: its names, and how attempts go. Targets are in `targets.rs`: which of them are
//! usable depends on the names that the route keeps.

use crate::attempt::{SetFallback, SetRetry};
use crate::codes::Code;
use crate::finding::Report;
use crate::gateway;
use crate::targets;
use crate::values::{is_public_name, is_public_pattern, quoted};
use crate::world::Node;
use weir_config::{Alias, ModelPattern, ObjectName, Route};
use weir_crds::Kind;
use weir_crds::LLMRoute;

/// One public name of a route and the field that gives it.
#[derive(Clone)]
pub(crate) struct PublicName {
    pub(crate) pattern: ModelPattern,
    pub(crate) hidden: bool,
    pub(crate) field: String,
}

/// A route, read; targets and its gateway's defaults are still to come.
pub(crate) struct Draft<'a> {
    pub(crate) node: &'a Node<'a, LLMRoute>,
    /// The gateway that serves it, if there is one.
    pub(crate) gateway: Option<ObjectName>,
    /// `spec.model` first, then the aliases.
    pub(crate) names: Vec<PublicName>,
    /// Resolved once it is clear which names the route keeps.
    pub(crate) targets: targets::Resolved,
    fallback: SetFallback,
    retry: SetRetry,
}

/// Reads a route; a name that is none is left out.
pub(crate) fn read<'a>(node: &'a Node<'a, LLMRoute>, gateway: Option<ObjectName>) -> (Draft<'a>, Report) {
    let mut report = Report::on(Kind::Route, &node.name);
    let spec = &node.object.spec;
    let names = names(&mut report, node);
    let fallback = SetFallback::read(&mut report, "spec.fallback", spec.fallback.as_ref());
    let retry = SetRetry::read(&mut report, "spec.retry", spec.retry.as_ref());
    let targets = targets::Resolved::default();
    (Draft { node, gateway, names, targets, fallback, retry }, report)
}

fn names(report: &mut Report, node: &Node<'_, LLMRoute>) -> Vec<PublicName> {
    let spec = &node.object.spec;
    let model = (spec.model.as_str(), false, "spec.model".to_owned(), is_public_pattern(&spec.model));
    let aliases = spec.aliases.iter().enumerate().map(|(index, alias)| {
        let field = format!("spec.aliases[{index}].name");
        (alias.name.as_str(), alias.hidden.unwrap_or(false), field, is_public_name(&alias.name))
    });
    let mut names: Vec<PublicName> = Vec::new();
    for (text, hidden, field, fits) in std::iter::once(model).chain(aliases) {
        let pattern = ModelPattern::from(text.to_owned());
        if !fits {
            let message = format!("{} is no public name, so it is left out; correct it", quoted(text));
            report.add(Code::InvalidValue, field, message);
        } else if let Some(before) = names.iter().find(|name| name.pattern == pattern) {
            let message =
                format!("{text} is what {} says already, so it is left out; remove it", before.field);
            report.add(Code::InvalidValue, field, message);
        } else {
            names.push(PublicName { pattern, hidden, field });
        }
    }
    names
}

impl Draft<'_> {
    /// Whether a gateway serves it: it kept a name.
    pub(crate) fn is_effective(&self) -> bool {
        !self.names.is_empty()
    }

    /// The route as `gateway` serves it.
    ///
    /// Where `spec.model` is lost, the first alias that is listed takes its place, or the first at all: a route
    /// goes on answering to every name that it kept.
    pub(crate) fn effective(&self, gateway: &gateway::Draft) -> Option<Route> {
        let first = self.names.iter().position(|name| !name.hidden).unwrap_or(0);
        let model = self.names.get(first)?.pattern.clone();
        let others = self.names.iter().enumerate().filter(|(index, _)| *index != first);
        Some(Route {
            name: self.node.name.clone(),
            model,
            aliases: others
                .map(|(_, name)| Alias { name: name.pattern.to_string(), hidden: name.hidden })
                .collect(),
            targets: self.targets.usable.clone(),
            fallback: self.fallback.effective(&gateway.fallback),
            retry: self.retry.effective(&gateway.retry),
        })
    }
}
