//! Every recorded unary answer and error. `golden/errors.txt` was written by hand, from what the README and
//! the vendors' documents say of each case.

use crate::recorded::{self, Case};
use weir_config::{UnixSeconds, Usage, Vendor};
use weir_wire::failure;

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

fn answers() -> Vec<Case> {
    let cases = recorded::cases().into_iter();
    cases.filter(|case| case.status == 200 && case.name.contains("unary") && case.api == "chat").collect()
}

#[test]
fn s4_1_recorded_answers_have_the_usage_that_the_readme_shows() {
    let shown = recorded::shown();
    let mut checked = 0;
    for case in answers() {
        let whole = recorded::reading(false, false).whole(&case.body.into(), NOW).expect(&case.name);
        let Usage { input, cache_read, output, reasoning, .. } = whole.facts.usage.expect(&case.name).usage;
        let Some(shows) = shown.get(&case.name).filter(|shows| shows.contains("usage in")) else { continue };
        let count = |what| recorded::counted(shows, what);
        assert_eq!(Some(input + cache_read), count("in"), "{}", case.name);
        assert_eq!(cache_read, count("cached").unwrap_or(0), "{}", case.name);
        assert_eq!(reasoning, count("reasoning").unwrap_or(0), "{}", case.name);
        let apart = if case.name.starts_with("xai/") { reasoning } else { 0 }; // xAI leaves it out
        assert_eq!(Some(output + reasoning - apart), count("out"), "{}", case.name);
        checked += 1;
    }
    assert!(checked > 12, "the README's rows are read: {checked}");
}

#[test]
fn s1_1_recorded_errors_have_their_classes() {
    let errors = recorded::cases().into_iter().filter(|case| case.status >= 400);
    let actual: Vec<String> = errors
        .map(|case| {
            let row = Vendor::OpenAICompatible.row();
            let (headers, body) = (&case.headers, case.body.as_bytes());
            let failure = failure(row, case.status, headers, body, NOW, &|_| false);
            let text = |text: Option<String>| text.unwrap_or("-".to_owned());
            format!(
                "{}: {} {} wait {} | {} {} {} | {}",
                case.name,
                case.status,
                failure.class.name(),
                failure.retry_after.map_or("-".to_owned(), |wait| wait.as_secs_f64().to_string()),
                text(failure.kind),
                text(failure.code),
                text(failure.param),
                failure.message,
            )
        })
        .collect();
    recorded::same(&actual, &recorded::golden("errors.txt"));
}
