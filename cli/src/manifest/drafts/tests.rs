use super::*;
use crate::manifest::object;
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

/// Drafts, the objects in force, and a clock that only moves when it is told to.
struct Desk {
    drafts: Drafts,
    held: ByFile,
    now: Instant,
}

impl Desk {
    fn new(files: &[(&str, &str)]) -> Self {
        let mut desk = Self { drafts: Drafts::begin(texts(files)), held: ByFile::new(), now: Instant::now() };
        desk.take(&BTreeSet::new());
        desk
    }

    /// As a `World` takes the texts that count: what is in none stays if it may, or if its file is unreadable.
    fn take(&mut self, staying: &BTreeSet<Id>) {
        let before = std::mem::take(&mut self.held);
        let mut named = BTreeSet::new();
        let mut closed = Vec::new();
        for FileText { file, text } in self.drafts.texts() {
            let contents = text.map(|text| object::read(&file, &text)).ok();
            if contents.as_ref().is_none_or(|contents| contents.incomplete) {
                closed.push(file.clone());
            }
            let ids = contents.into_iter().flat_map(|contents| contents.objects).map(|object| object.id);
            for id in ids {
                assert!(named.insert(id.clone()), "{id} is there twice");
                self.held.entry(file.clone()).or_default().insert(id);
            }
        }
        for (file, ids) in before {
            let is_closed = closed.iter().any(|path| Path::new(&*file).starts_with(&**path));
            let stays = |id: &Id| !named.contains(id) && (is_closed || staying.contains(id));
            for id in ids.into_iter().filter(stays) {
                self.held.entry(file.clone()).or_default().insert(id);
            }
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.held.values().flatten().map(|id| id.name.name.clone()).collect();
        names.sort();
        names
    }

    /// What a look finds `after` the one before; true if something came to count, or is gone.
    fn look(&mut self, after: Duration, files: &[(&str, &str)]) -> bool {
        self.look_at(after, texts(files))
    }

    fn look_at(&mut self, after: Duration, files: Vec<FileText>) -> bool {
        self.now += after;
        self.drafts.see(files, &self.held, self.now);
        let Some(staying) = self.drafts.settle(&self.held, self.now) else { return false };
        self.take(&staying);
        true
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
        desk.look(ALMOST - CALM, &files);
        assert_eq!(desk.names(), ["x", "y", "z"], "{between:?}");
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
    assert!(desk.look(ALMOST, &[]) && desk.names() == ["x"]);
    desk.look(MOMENT, &[("a", &whole)]);
    assert!(desk.look(CALM, &[("a", &whole)]) && desk.names() == ["x"] && !desk.drafts.is_restless());
    desk.look(Duration::ZERO, &[]);
    assert!(desk.look(GRACE, &[]) && desk.names().is_empty());
}

#[test]
fn an_object_that_moved_to_another_file_is_not_missed() {
    let (both, x, y) = (providers(&["x", "y"]), providers(&["x"]), providers(&["y"]));
    let mut desk = Desk::new(&[("a", &both)]);
    assert!(desk.calm(&[("a", &x), ("b", &y)]));
    assert_eq!(desk.held[&Arc::<str>::from("b")].len(), 1);
    // They change places, and a third file takes the last of them over.
    assert!(desk.calm(&[("a", &y), ("b", &x)]) && desk.names() == ["x", "y"]);
    assert!(desk.calm(&[("c", &both)]) && desk.names() == ["x", "y"]);
    assert!(desk.held.keys().eq([&"c".into()]) && !desk.drafts.is_restless());
}

#[test]
fn who_takes_an_object_over_waits_with_the_file_that_has_it() {
    let (both, y) = (providers(&["x", "y"]), providers(&["y"]));
    let mut desk = Desk::new(&[("a", &both)]);
    // `a` breaks off, so that it waits; y would be there twice.
    let files = [("a", "kind: ["), ("b", &y)];
    assert!(!desk.calm(&files));
    assert!(!desk.look(ALMOST - CALM, &files) && desk.names() == ["x", "y"]);
    assert!(desk.look(MOMENT, &files) && desk.held[&Arc::<str>::from("b")].len() == 1);
}

#[test]
fn s8_13_further_edits_put_no_removal_off_and_count_meanwhile() {
    let mut desk = Desk::new(&[("a", &providers(&["x", "y"]))]);
    desk.look(Duration::ZERO, &[("a", &providers(&["x"]))]);
    let step = Duration::from_millis(500);
    for round in 0..5 {
        let edited = format!("{}# {round}\n", providers(&["x", "z"]));
        desk.look(step - CALM, &[("a", &edited)]);
        assert!(desk.look(CALM, &[("a", &edited)]) && desk.names() == ["x", "y", "z"], "{round}");
    }
    // Neither does one that breaks off.
    desk.look(CALM, &[("a", "a: [")]);
    let last = format!("{}# last\n", providers(&["x", "z"]));
    desk.look(MOMENT, &[("a", &last)]);
    desk.look(CALM, &[("a", &last)]);
    assert_eq!(desk.names(), ["x", "y", "z"]);
    assert!(desk.look(step - 2 * CALM - MOMENT, &[("a", &last)]) && desk.names() == ["x", "z"]);
    assert!(!desk.drafts.is_restless());
}

#[test]
fn s8_13_a_file_that_never_rests_puts_no_removal_off() {
    let mut desk = Desk::new(&[("a", &providers(&["x", "y"]))]);
    let text = |round: u32| format!("{}# {round}\n", providers(&["x", "z"]));
    for round in 0..30 {
        desk.look(Duration::from_millis(100), &[("a", &text(round))]);
        assert_eq!(desk.names(), ["x", "y"]);
    }
    desk.look(Duration::from_millis(100), &[("a", &text(30))]);
    assert_eq!(desk.names(), ["x", "z"]);
}

#[test]
fn s8_13_a_file_that_is_broken_again_and_again_is_said_to_be_so() {
    let mut desk = Desk::new(&[("a", &providers(&["x"]))]);
    desk.look(Duration::ZERO, &[("a", "a: [")]);
    for round in 1..=5 {
        let broken = format!("a: [ # {round}\n");
        desk.look(Duration::from_millis(300), &[("a", &broken)]);
        assert!(!desk.look(Duration::from_millis(250), &[("a", &broken)]), "{round}");
    }
    assert!(desk.look(Duration::from_millis(250), &[("a", "a: [ # 5\n")]) && desk.names() == ["x"]);
}

#[test]
fn s8_13_a_folder_that_was_away_may_be_filled_again() {
    let unread = || vec![FileText { file: "conf".into(), text: Err("conf cannot be read".to_owned()) }];
    let whole = providers(&["x"]);
    let mut desk = Desk::new(&[("conf/a", &whole)]);
    for looks in [1, 5] {
        for _ in 0..looks {
            desk.look_at(Duration::from_secs(1), unread());
            assert_eq!(desk.names(), ["x"]);
        }
        assert!(looks == 1 || !desk.drafts.is_restless());
        // It is there again, and empty at first.
        desk.look(Duration::ZERO, &[]);
        desk.look(Duration::from_millis(500), &[]);
        assert_eq!(desk.names(), ["x"]);
        desk.calm(&[("conf/a", &whole)]);
        assert!(!desk.drafts.is_restless() && desk.names() == ["x"]);
    }
    desk.look_at(GRACE, unread());
    desk.look_at(GRACE, unread());
    desk.look_at(MOMENT, unread());
    desk.look(Duration::ZERO, &[]);
    desk.look(ALMOST, &[]);
    assert_eq!(desk.names(), ["x"]);
    assert!(desk.look(MOMENT, &[]) && desk.names().is_empty(), "a folder that stays empty is a removal");
}

#[test]
fn s8_13_an_object_whose_file_breaks_off_between_two_lines_keeps_its_bounds() {
    let key = "apiVersion: weir.dev/v1alpha1\nkind: LLMKey\nmetadata:\n  name: app\nspec:\n  source:\n    generate: {secretName: app}\n  allowedModels:\n  - '*'\n  expiresAt: '2030-01-01T00:00:00Z'\n  suspend: true\n  limits:\n    requestsPerMinute: 5\n    concurrency: 1\n";
    let first = providers(&["x"]);
    let before = format!("{first}---\n{key}");
    let after = format!("# edited\n{before}");
    let cuts: Vec<usize> =
        after.match_indices('\n').map(|(at, _)| at + 1).filter(|cut| *cut < after.len()).collect();
    for emptied_first in [false, true] {
        for cut in &cuts {
            let mut desk = Desk::new(&[("a", &before)]);
            if emptied_first {
                desk.calm(&[("a", "")]);
            }
            desk.look(Duration::ZERO, &[("a", &after[..*cut])]);
            desk.look(Duration::from_secs(2), &[("a", &after[..*cut])]);
            assert_eq!(desk.names(), ["app", "x"]);
            for FileText { text, .. } in desk.drafts.texts() {
                let text = text.unwrap();
                assert!(!text.contains("LLMKey") || text.contains("concurrency"), "{text}");
            }
            desk.look(Duration::ZERO, &[("a", &after)]);
            desk.look(CALM, &[("a", &after)]);
            assert!(!desk.drafts.is_restless());
        }
    }
    // After some seconds it is meant.
    let mut desk = Desk::new(&[("a", &before)]);
    let short = before.replace("    concurrency: 1\n", "");
    desk.look(Duration::ZERO, &[("a", &short)]);
    assert!(!desk.look(ALMOST, &[("a", &short)]) && desk.look(MOMENT, &[("a", &short)]));
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

/// What lies in a file while `old` gives way to `new`, with what pauses: a write may stop anywhere, but for no longer
/// than three seconds in all.
fn writes() -> impl Strategy<Value = Vec<(usize, u64)>> {
    prop::collection::vec((0usize..=400, 0u64..400), 0..8)
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
