use super::*;
use weir_crds::Kind;

const PROVIDER: &str =
    "apiVersion: weir.dev/v1alpha1\nkind: LLMProvider\nmetadata: {name: fast}\nspec: {vendor: Mock}\n";

fn files<const N: usize>(files: [(&str, &str); N]) -> Vec<FileText> {
    files.map(|(file, text)| FileText { file: file.into(), text: Ok(text.to_owned()) }).to_vec()
}

fn key(models: &str) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: LLMKey\nmetadata: {{name: app}}\nspec:\n  source: {{generate: {{secretName: app}}}}\n  allowedModels: {models}\n"
    )
}

fn take(world: &mut World, files: &[FileText]) -> Outcome {
    world.take(files, &BTreeSet::new(), |_, _| {})
}

fn names(ids: &[Id]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn a_refused_edit_leaves_its_object_and_lets_the_others_change() {
    let mut world = World::default();
    let outcome = take(&mut world, &files([("a.yaml", PROVIDER), ("b.yaml", &key("[chat]"))]));
    assert_eq!(names(&outcome.added), ["LLMProvider default/fast", "LLMKey default/app"]);
    let broken = PROVIDER.replace("vendor: Mock", "vendor: Mock, suspnd: true");
    let outcome = take(&mut world, &files([("a.yaml", &broken), ("b.yaml", &key("[chat, other]"))]));
    assert_eq!(names(&outcome.changed), ["LLMKey default/app"]);
    assert!(outcome.removed.is_empty());
    let [problem] = outcome.problems.as_slice() else { panic!("{:?}", outcome.problems) };
    let text = problem.to_string();
    assert!(text.starts_with("a.yaml:4:22: error: LLMProvider default/fast spec.suspnd: "), "{text}");
    let provider = world.all(What::Ours(Kind::Provider)).next().unwrap().1;
    assert_eq!(provider.value["spec"]["vendor"], "Mock");
}

#[test]
fn a_file_that_cannot_be_parsed_keeps_all_its_objects() {
    let mut world = World::default();
    let both = format!("{PROVIDER}---\n{}", key("[chat]"));
    take(&mut world, &files([("a.yaml", &both)]));
    for broken in ["kind: [", "- a\n b", "kind: LLMProvider\n"] {
        let outcome = take(&mut world, &files([("a.yaml", broken)]));
        assert!(!outcome.has_changes() && outcome.problems.len() == 1, "{broken} {outcome:?}");
    }
    let outcome = take(&mut world, &files([("a.yaml", PROVIDER)]));
    assert_eq!(names(&outcome.removed), ["LLMKey default/app"]);
    assert_eq!(names(&take(&mut world, &[]).removed), ["LLMProvider default/fast"]);
}

#[test]
fn an_object_may_move_to_another_file() {
    let mut world = World::default();
    take(&mut world, &files([("a.yaml", PROVIDER)]));
    let outcome = take(&mut world, &files([("b.yaml", &format!("# moved\n{PROVIDER}"))]));
    assert!(!outcome.has_changes() && outcome.problems.is_empty());
    assert_eq!(world.objects.values().next().unwrap().origin.spot("").to_string(), "b.yaml:2:1");
}

#[test]
fn s8_13_a_refused_object_belongs_to_the_file_that_has_it_now() {
    let mut world = World::default();
    take(&mut world, &files([("a.yaml", PROVIDER)]));
    let broken = PROVIDER.replace("vendor: Mock", "vendor: Mock, suspnd: true");
    take(&mut world, &files([("a.yaml", ""), ("b.yaml", &broken)]));
    assert_eq!(world.by_file().into_keys().collect::<Vec<_>>(), ["b.yaml".into()]);
    let outcome = take(&mut world, &files([("a.yaml", ""), ("b.yaml", "kind: [")]));
    assert!(outcome.removed.is_empty(), "{outcome:?}");
    assert_eq!(
        names(&take(&mut world, &files([("a.yaml", ""), ("b.yaml", "")])).removed),
        ["LLMProvider default/fast"]
    );
}

#[test]
fn the_same_object_twice_names_both_places_and_changes_nothing() {
    let mut world = World::default();
    take(&mut world, &files([("a.yaml", PROVIDER)]));
    let twin = PROVIDER.replace("Mock}", "Mock, suspend: true}");
    let outcome = take(&mut world, &files([("a.yaml", PROVIDER), ("b.yaml", &twin)]));
    assert!(!outcome.has_changes());
    let text = outcome.problems[0].to_string();
    assert!(text.starts_with("b.yaml:3:12: ") && text.contains("a.yaml:3:12"), "{text}");
}

#[test]
fn every_problem_is_reported_not_only_the_first() {
    let mut world = World::default();
    let wrong = "apiVersion: weir.dev/v1alpha1\nkind: LLMProvider\nmetadata: {name: fast}\nspec: {vendor: Mock, suspend: 3, suspnd: true}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: '?'}\n";
    let outcome = take(&mut world, &files([("a.yaml", wrong), ("b.yaml", "a: [")]));
    let lines: Vec<usize> =
        outcome.problems.iter().map(|problem| problem.spot.as_ref().unwrap().place.line).collect();
    assert_eq!(lines.len(), 4, "{:?}", outcome.problems);
    assert!(world.objects.is_empty());
}
