//! Files that are being written while it runs: what is read in between takes nothing away.

use crate::process::{KEY, PROVIDER, ROUTE, Up, folder, shop, weir};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// All of the shop in one file.
fn one_file() -> TempDir {
    folder([("all.yaml", &[PROVIDER, ROUTE, KEY].join("---\n"))])
}

/// Asks again and again until `time` has passed: every request is answered.
fn stays_served(up: &Up, time: Duration, during: &str) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        let (status, answer) = up.chat("chat");
        assert_eq!(status, 200, "{during}: {answer}");
    }
}

/// Longer than an edit takes to apply, and shorter than a removal.
const PAUSE: Duration = Duration::from_millis(600);

/// What is in force has the new name, and that came in one step.
fn says_one_reload(up: &Up, model: &str) {
    let line = up.hears("reloaded");
    assert!(line.contains("generation 2") && !line.contains("removed"), "{line}");
    assert_eq!(up.chat(model).0, 200);
}

#[test]
fn s8_13_a_file_that_is_emptied_and_then_written_loses_no_request() {
    let shop = one_file();
    let file = shop.path().join("all.yaml");
    let up = Up::start(shop.path());
    let whole = [PROVIDER, &ROUTE.replace("model: chat", "model: chat\n  aliases: [{name: new}]"), KEY];
    let whole = whole.join("---\n");
    // As `helm template > all.yaml`: emptied by the shell, then written as the pieces come.
    let mut writer = fs::File::create(&file).unwrap();
    stays_served(&up, PAUSE, "it is empty");
    for piece in whole.as_bytes().chunks(whole.len().div_ceil(3)) {
        writer.write_all(piece).unwrap();
        stays_served(&up, PAUSE, "it is half written");
    }
    drop(writer);
    says_one_reload(&up, "new");
}

#[test]
fn s8_13_a_file_that_is_removed_and_put_back_loses_no_request() {
    let shop = shop();
    let up = Up::start(shop.path());
    for name in ["key.yaml", "provider.yaml", "route.yaml"] {
        let file = shop.path().join(name);
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        stays_served(&up, PAUSE, name);
        let text = text.replace("model: chat", "model: chat\n  aliases: [{name: new}]");
        fs::write(&file, text).unwrap();
    }
    says_one_reload(&up, "new");
}

#[test]
fn s8_13_a_file_that_stays_empty_is_a_removal_and_that_is_said() {
    let shop = shop();
    let up = Up::start(shop.path());
    let emptied = Instant::now();
    fs::write(shop.path().join("route.yaml"), "").unwrap();
    let line = up.hears("reloaded");
    assert!(line.contains("removed LLMRoute default/chat (in no file for 3 s)"), "{line}");
    assert!(emptied.elapsed() >= Duration::from_secs(3), "{:?}", emptied.elapsed());
    assert_eq!(up.chat("chat").0, 404);
}

#[test]
fn s8_13_a_removed_key_closes_in_time_though_its_file_is_edited_on_and_on() {
    let shop = one_file();
    let file = shop.path().join("all.yaml");
    let second = KEY.replace("name: app", "name: second").replace("secretName: app", "secretName: second");
    fs::write(&file, [PROVIDER, ROUTE, KEY, &second].join("---\n")).unwrap();
    let up = Up::start(shop.path());
    let removed = Instant::now();
    let mut edits = 0;
    while up.chat("chat").0 == 200 {
        assert!(removed.elapsed() < Duration::from_secs(30), "it is still open after {edits} edits");
        let route = ROUTE.replace("model: chat", "model: chat\n  aliases: [{name: new}]");
        fs::write(&file, [PROVIDER, &route, &format!("{second}# {edits}\n")].join("---\n")).unwrap();
        edits += 1;
        thread::park_timeout(PAUSE);
    }
    let line = up.hears("reloaded");
    assert!(
        line.contains("changed LLMRoute") && !line.contains("removed"),
        "the rest counts at once: {line}"
    );
    up.hears("removed LLMKey default/app");
    let (took, (status, _)) = (removed.elapsed(), up.chat("chat"));
    assert!(status == 401 && took < Duration::from_secs(20) && edits > 1, "{status} {took:?} {edits}");
}

#[test]
fn s8_13_a_folder_that_was_away_and_is_filled_again_loses_no_request() {
    let shop = folder([]);
    let (conf, away) = (shop.path().join("conf"), shop.path().join("away"));
    fs::create_dir(&conf).unwrap();
    for (name, text) in [("provider.yaml", PROVIDER), ("route.yaml", ROUTE), ("key.yaml", KEY)] {
        fs::write(conf.join(name), text).unwrap();
    }
    let up = Up::start(&conf);
    fs::rename(&conf, &away).unwrap();
    up.hears("conf cannot be read");
    fs::create_dir(&conf).unwrap();
    stays_served(&up, PAUSE, "it is empty");
    for name in ["provider.yaml", "route.yaml", "key.yaml"] {
        fs::copy(away.join(name), conf.join(name)).unwrap();
        stays_served(&up, PAUSE, name);
    }
}

#[test]
fn an_object_that_moves_to_another_file_moves_at_once() {
    let shop = one_file();
    let up = Up::start(shop.path());
    let moved = Instant::now();
    fs::write(shop.path().join("route.yaml"), ROUTE.replace("model: chat", "model: other")).unwrap();
    fs::write(shop.path().join("all.yaml"), [PROVIDER, KEY].join("---\n")).unwrap();
    let line = up.hears("reloaded");
    assert!(line.contains("changed LLMRoute default/chat") && !line.contains("removed"), "{line}");
    assert!(moved.elapsed() < Duration::from_secs(3), "{:?}", moved.elapsed());
}

#[test]
fn what_is_read_from_a_pipe_is_read_once_and_stays() {
    let shop = shop();
    fs::remove_file(shop.path().join("key.yaml")).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(KEY.as_bytes()).unwrap();
    drop(writer);
    let state = folder([]);
    let stdin = Path::new("/dev/stdin");
    let up = Up::start_with(
        weir().arg("up").arg(stdin).arg(shop.path()).arg("--state").arg(state.path()).stdin(reader),
    );
    fs::write(shop.path().join("route.yaml"), ROUTE.replace("model: chat", "model: other")).unwrap();
    let line = up.hears("reloaded");
    assert!(!line.contains("removed"), "{line}");
    assert_eq!(up.chat("other").0, 200);
}
