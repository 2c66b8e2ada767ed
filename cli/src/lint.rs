//! `weir lint`: everything that can be said of manifests without a cluster.

use crate::args::{Format, Lint};
use crate::manifest::{Look, Problem, Source, World};
use crate::{configuration, laptop, screen};
use serde::Serialize;
use std::collections::BTreeSet;
use weir_compile::Severity;
use weir_config::ObjectName;
use weir_crds::LLMGateway;

/// Reports on the manifests; returns the exit code.
pub(crate) fn run(args: &Lint) -> u8 {
    let paths = args.paths.iter().chain(&args.files).cloned().collect();
    let Look { files, mut problems, .. } = Source::paths(paths).read();
    let mut world = World::default();
    let outcome = world.take(&files, &BTreeSet::new(), |_, _| {});
    problems.extend(outcome.problems);
    let implied = implied(args, &world);
    problems.extend(configuration::configure(&world, configuration::secrets(&world), implied).problems);
    problems.sort_by(|a, b| (&a.spot, &a.field).cmp(&(&b.spot, &b.field)));

    let report = Report::new(files.len(), world.objects.len(), &outcome.foreign, &problems);
    match args.output {
        Format::Text => report.say(),
        Format::Json => screen::say(serde_json::to_string(&report).unwrap_or_default()),
    }
    match problems {
        _ if problems.iter().any(|problem| problem.io) => 2,
        _ if problems.iter().any(|problem| args.fail_on.includes(problem.severity)) => 1,
        _ => 0,
    }
}

/// The gateway of that name in every namespace where routes or keys want it and none is declared: manifests often
/// come without the platform team's gateway.
fn implied(args: &Lint, world: &World) -> Vec<LLMGateway> {
    let wanted = &args.gateway.gateway;
    let namespaces: BTreeSet<&str> = match &wanted.namespace {
        Some(namespace) => BTreeSet::from([namespace.as_str()]),
        None => laptop::wanted_in(world, &wanted.name).collect(),
    };
    let names = namespaces.into_iter().map(|namespace| ObjectName::new(namespace, wanted.name.as_str()));
    names.filter(|name| !laptop::is_declared(world, name)).filter_map(|name| laptop::implied(&name)).collect()
}

#[derive(Serialize)]
struct Report<'a> {
    files: usize,
    objects: usize,
    errors: usize,
    warnings: usize,
    passed_over: &'a [String],
    problems: &'a [Problem],
}

impl<'a> Report<'a> {
    fn new(files: usize, objects: usize, passed_over: &'a [String], problems: &'a [Problem]) -> Self {
        let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        Self { files, objects, errors, warnings, passed_over, problems }
    }

    fn say(&self) {
        self.problems.iter().for_each(screen::say);
        if !self.passed_over.is_empty() {
            screen::say(format_args!("passed over, as they are not Weir's: {}", self.passed_over.join(", ")));
        }
        let Self { files, objects, errors, warnings, .. } = self;
        screen::say(format_args!("{files} files, {objects} objects: {errors} errors, {warnings} warnings"));
    }
}
