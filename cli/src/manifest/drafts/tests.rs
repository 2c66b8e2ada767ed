use super::*;
use proptest::prelude::*;

/// A file with a provider of each name.
fn providers(names: &[&str]) -> String {
    let provider = |name: &&str| {
        format!(
            "apiVersion: weir.dev/v1alpha1\nkind: LLMProvider\nmetadata: {{name: '{name}'}}\nspec: {{vendor: Mock}}\n"
        )
    };
    names.iter().map(provider).collect::<Vec<_>>().join("---\n")
}

/// Drafts, the objects that counted last of each file, and a clock that only moves when it is told to.
struct Desk {
    drafts: Drafts,
    now: Instant,
}

impl Desk {
    fn new(files: &[(&str, &str)]) -> Self {
        Self { drafts: Drafts::begin(texts(files)), now: Instant::now() }
    }

    /// The names of the objects that count, by file. As a `World` holds them: a text that cannot be told apart leaves
    /// its file as it was, which no test here gets to.
    fn held(&self) -> ByFile {
        let read = |FileText { file, text }: FileText| {
            let objects = object::read(&file, &text.unwrap_or_default()).objects;
            (file, objects.into_iter().map(|object| object.id).collect())
        };
        self.drafts.texts().into_iter().map(read).collect()
    }

    fn names(&self) -> Vec<String> {
        self.held().into_values().flatten().map(|id| id.name.name.clone()).collect()
    }

    /// What a look finds `after` the one before; true if something came to count.
    fn look(&mut self, after: Duration, files: &[(&str, &str)]) -> bool {
        self.now += after;
        self.drafts.see(texts(files), self.now);
        self.drafts.settle(&self.held(), self.now)
    }

    /// Two looks with a calm between.
    fn calm(&mut self, files: &[(&str, &str)]) -> bool {
        self.look(Duration::ZERO, files) || self.look(CALM, files)
    }
}

fn texts(files: &[(&str, &str)]) -> Vec<FileText> {
    let text = |(file, text): &(&str, &str)| FileText { file: (*file).into(), text: Ok((*text).to_owned()) };
    files.iter().map(text).collect()
}

/// Just too early for a removal.
const ALMOST: Duration = GRACE.saturating_sub(Duration::from_millis(1));
const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn an_edit_counts_once_it_has_stood_for_a_moment() {
    let mut desk = Desk::new(&[("a", &providers(&["x"]))]);
    let edited = providers(&["x", "y"]);
    assert!(!desk.look(Duration::ZERO, &[("a", &edited)]));
    assert!(!desk.look(CALM - MOMENT, &[("a", &edited)]) && desk.drafts.is_restless());
    assert!(desk.look(MOMENT, &[("a", &edited)]) && !desk.drafts.is_restless());
    assert_eq!(desk.names(), ["x", "y"]);
    // A text that changes at every look is still being written.
    for step in 0..10 {
        assert!(!desk.look(CALM - MOMENT, &[("a", &format!("{edited}# {step}\n"))]));
    }
}

#[test]
fn s8_13_a_file_without_its_objects_is_a_write_under_way_for_some_seconds() {
    let whole = providers(&["x", "y"]);
    let fewer = providers(&["x"]);
    let torn = format!("{}---\napiVersion: weir.dev/v1alpha1\nkind: LLM", fewer);
    for between in ["", "# a comment\n", &fewer, &torn, "a: [", "\u{0}"] {
        let mut desk = Desk::new(&[("a", &whole), ("b", "")]);
        desk.look(Duration::ZERO, &[("a", between), ("b", "")]);
        // Somebody else's edit does not wait for it.
        let other = providers(&["z"]);
        let files = [("a", between), ("b", other.as_str())];
        assert!(desk.calm(&files), "{between:?}");
        assert!(!desk.look(ALMOST - CALM, &files) && desk.names() == ["x", "y", "z"], "{between:?}");
    }
    let mut desk = Desk::new(&[("a", &whole)]);
    desk.look(Duration::ZERO, &[("a", &fewer)]);
    assert!(desk.look(GRACE, &[("a", &fewer)]), "then it is a removal");
    assert_eq!(desk.names(), ["x"]);
}

#[test]
fn s8_13_a_file_that_is_gone_may_come_again() {
    let whole = providers(&["x"]);
    let mut desk = Desk::new(&[("a", &whole)]);
    desk.look(Duration::ZERO, &[]);
    assert!(!desk.look(ALMOST, &[]) && desk.names() == ["x"]);
    assert!(!desk.look(MOMENT, &[("a", &whole)]) && !desk.drafts.is_restless());
    desk.look(Duration::ZERO, &[]);
    assert!(desk.look(GRACE, &[]) && desk.names().is_empty());
}

#[test]
fn an_object_that_moved_to_another_file_is_not_missed() {
    let (both, x, y) = (providers(&["x", "y"]), providers(&["x"]), providers(&["y"]));
    let mut desk = Desk::new(&[("a", &both)]);
    assert!(desk.calm(&[("a", &x), ("b", &y)]));
    assert_eq!(desk.held()[&Arc::<str>::from("b")].len(), 1);
    // They change places, and a third file takes the last of them over.
    assert!(desk.calm(&[("a", &y), ("b", &x)]) && desk.names() == ["y", "x"]);
    assert!(desk.calm(&[("c", &both)]) && desk.names() == ["x", "y"]);
}

#[test]
fn who_takes_an_object_over_waits_with_the_file_that_has_it() {
    let (both, y) = (providers(&["x", "y"]), providers(&["y"]));
    let mut desk = Desk::new(&[("a", &both)]);
    // x is missing, so that `a` waits; w would be there twice.
    assert!(!desk.calm(&[("a", ""), ("b", &y)]));
    assert_eq!(desk.names(), ["x", "y"]);
    assert!(desk.look(GRACE, &[("a", ""), ("b", &y)]));
    assert_eq!(desk.names(), ["y"]);
}

#[test]
fn an_open_last_line_may_go_on_unless_the_file_has_always_had_one() {
    let closed = providers(&["x"]);
    let open = format!(
        "{closed}---\n{}",
        closed.replace("'x'", "'y'").replace(" {vendor: Mock}\n", "\n  vendor: Moc")
    );
    let mut desk = Desk::new(&[("a", &closed)]);
    assert!(!desk.calm(&[("a", &open)]));
    assert!(desk.look(GRACE, &[("a", &open)]));
    assert!(desk.calm(&[("a", &format!("{open}k"))]));
    // JSON ends with its last brace.
    let json = r#"{"apiVersion":"weir.dev/v1alpha1","kind":"LLMProvider","metadata":{"name":"j"}}"#;
    assert!(desk.calm(&[("a", &format!("{open}k")), ("j.json", json)]));
}

/// What lies in a file while `old` gives way to `new`, with what pauses: a write may stop anywhere.
fn writes() -> impl Strategy<Value = Vec<(usize, u64)>> {
    prop::collection::vec((0usize..=400, 0u64..3000), 0..8)
}

proptest! {
    /// Whatever pieces a writer leaves on its way, nothing that is in the old and in the new file is ever missing;
    /// and in the end the new file counts.
    #[test]
    fn s8_13_no_object_is_missing_while_its_file_is_written(
        old in prop::sample::subsequence(vec!["a", "b", "c", "d"], 1..=4),
        new in prop::sample::subsequence(vec!["a", "b", "c", "d"], 1..=4),
        writes in writes(),
        is_removed_first: bool,
    ) {
        let (before, after) = (providers(&old), providers(&new));
        let mut desk = Desk::new(&[("f", &before)]);
        let stays = |name: &&&str| old.contains(name) && new.contains(name);
        let mut cuts: Vec<(usize, u64)> = writes.iter().map(|(cut, pause)| (cut % (after.len() + 1), *pause)).collect();
        cuts.sort_unstable();
        cuts.dedup_by_key(|(cut, _)| *cut);
        if is_removed_first {
            desk.look(CALM, &[]);
        }
        for (cut, pause) in cuts {
            // Every file looks so from here on until the next piece comes.
            desk.look(Duration::ZERO, &[("f", &after[..cut])]);
            desk.look(Duration::from_millis(pause), &[("f", &after[..cut])]);
            let names = desk.names();
            for name in new.iter().filter(stays) {
                prop_assert!(names.iter().any(|held| held == name), "{name} is missing: {names:?}");
            }
        }
        desk.look(Duration::ZERO, &[("f", &after)]);
        desk.look(GRACE, &[("f", &after)]);
        prop_assert_eq!(desk.names(), new);
        prop_assert!(!desk.drafts.is_restless());
    }
}
