//! Manifests behind links, and edits there: also where a link leads in a circle, or the folder itself is another.

use crate::process::{KEY, PROVIDER, ROUTE, Up, folder, run, shop, weir};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

/// As long as a person looks at the screen before restarting it.
const SECONDS: Duration = Duration::from_secs(10);

/// Makes an edit; the model `now` is served within seconds.
pub(crate) fn is_seen(up: &Up, now: &str, edit: impl FnOnce()) {
    assert_eq!(up.chat(now).0, 404, "{now} is not served yet");
    edit();
    let edited = Instant::now();
    up.hears("reloaded");
    assert!(edited.elapsed() < SECONDS, "{now} took {:?}", edited.elapsed());
    assert_eq!(up.chat(now).0, 200);
}

/// The route, for another model.
pub(crate) fn route(model: &str) -> String {
    ROUTE.replace("model: chat", &format!("model: {model}"))
}

/// All of the shop in one folder, for this model.
fn version(folder: &Path, model: &str) {
    fs::create_dir(folder).unwrap();
    for (name, text) in [("provider.yaml", PROVIDER), ("key.yaml", KEY), ("route.yaml", &route(model))] {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// Puts a link in the place of another, in one step.
fn relink(link: &Path, to: &str) {
    let new = format!("{}_tmp", link.display());
    symlink(to, &new).unwrap();
    fs::rename(new, link).unwrap();
}

#[test]
fn s8_14_a_linked_file_that_is_edited_in_place_is_seen() {
    let (shop, elsewhere) = (shop(), folder([("real.yaml", ROUTE)]));
    let (link, real) = (shop.path().join("route.yaml"), elsewhere.path().join("real.yaml"));
    fs::remove_file(&link).unwrap();
    symlink(&real, &link).unwrap();
    let named = [link, shop.path().join("key.yaml"), shop.path().join("provider.yaml")];
    let state = folder([]);
    let by_folder = Up::start(shop.path());
    let by_name = Up::start_with(weir().arg("up").args(&named).arg("--state").arg(state.path()));
    is_seen(&by_folder, "other", || fs::write(&real, route("other")).unwrap());
    by_name.hears("reloaded");
    assert_eq!(by_name.chat("other").0, 200);
}

#[test]
fn s8_14_a_folder_that_is_a_link_to_another_now_is_seen() {
    let home = folder([]);
    version(&home.path().join("v1"), "one");
    version(&home.path().join("v2"), "two");
    let current = home.path().join("current");
    symlink("v1", &current).unwrap();
    let up = Up::start(&current);
    assert_eq!(up.chat("one").0, 200);
    is_seen(&up, "two", || relink(&current, "v2"));
    is_seen(&up, "three", || fs::write(home.path().join("v2/route.yaml"), route("three")).unwrap());
}

/// As the kubelet changes a mounted ConfigMap.
#[test]
fn s8_14_a_mounted_config_map_that_is_swapped_is_seen() {
    let mount = folder([]);
    version(&mount.path().join("..2026_1"), "one");
    version(&mount.path().join("..2026_2"), "two");
    symlink("..2026_1", mount.path().join("..data")).unwrap();
    for name in ["provider.yaml", "key.yaml", "route.yaml"] {
        symlink(format!("..data/{name}"), mount.path().join(name)).unwrap();
    }
    let up = Up::start(mount.path());
    is_seen(&up, "two", || {
        relink(&mount.path().join("..data"), "..2026_2");
        fs::remove_dir_all(mount.path().join("..2026_1")).unwrap();
    });
}

#[test]
fn s8_14_a_folder_that_was_replaced_is_seen_and_so_are_edits_in_the_new_one() {
    let home = folder([]);
    let manifests = home.path().join("manifests");
    version(&manifests, "one");
    version(&home.path().join("next"), "two");
    let up = Up::start(&manifests);
    is_seen(&up, "two", || {
        fs::rename(&manifests, home.path().join("before")).unwrap();
        fs::rename(home.path().join("next"), &manifests).unwrap();
    });
    is_seen(&up, "three", || fs::write(manifests.join("route.yaml"), route("three")).unwrap());
}

/// What lint says of a folder with the shop's three objects, if it is clean.
fn is_clean(manifests: &Path) {
    let (code, out, _) = run(weir().arg("lint").arg(manifests));
    // That the key is still to be made is said at any rate.
    assert!(code == Some(0) && out.lines().count() <= 2, "{out}");
    assert!(out.ends_with("3 files, 3 objects: 0 errors, 0 warnings\n"), "{out}");
}

#[test]
fn s8_14_links_to_parent_folders_double_nothing_and_stop_no_edit() {
    let home = folder([]);
    let manifests = home.path().join("manifests");
    version(&manifests, "one");
    fs::create_dir(manifests.join("below")).unwrap();
    symlink(".", manifests.join("self")).unwrap();
    symlink("..", manifests.join("below/up")).unwrap();
    symlink(&manifests, manifests.join("below/whole")).unwrap();
    is_clean(&manifests);
    let up = Up::start(&manifests);
    is_seen(&up, "two", || fs::write(manifests.join("route.yaml"), route("two")).unwrap());
    // Such as come and go.
    symlink("self", manifests.join("another")).unwrap();
    is_seen(&up, "three", || fs::write(manifests.join("self/route.yaml"), route("three")).unwrap());
    fs::remove_file(manifests.join("self")).unwrap();
    is_seen(&up, "four", || fs::write(manifests.join("route.yaml"), route("four")).unwrap());
}

#[test]
fn s8_14_a_link_above_the_folder_is_named_and_nothing_there_is_read() {
    let home = folder([("beside.yaml", PROVIDER)]);
    let manifests = home.path().join("manifests");
    version(&manifests, "one");
    symlink("..", manifests.join("up")).unwrap();
    let (code, out, _) = run(weir().arg("lint").arg(&manifests));
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("manifests/up is a link to a folder that contains it"), "{out}");
    assert!(out.ends_with("3 files, 3 objects: 0 errors, 0 warnings\n"), "{out}");
}

#[test]
fn s8_14_a_file_with_several_names_is_declared_once() {
    let shop = shop();
    symlink("route.yaml", shop.path().join("alias.yaml")).unwrap();
    symlink("alias.yaml", shop.path().join("third.yaml")).unwrap();
    fs::hard_link(shop.path().join("route.yaml"), shop.path().join("hard.yaml")).unwrap();
    is_clean(shop.path());
    let up = Up::start(shop.path());
    is_seen(&up, "two", || fs::write(shop.path().join("third.yaml"), route("two")).unwrap());
    // The name it is known by goes, the file stays.
    fs::remove_file(shop.path().join("hard.yaml")).unwrap();
    is_seen(&up, "three", || fs::write(shop.path().join("alias.yaml"), route("three")).unwrap());
    assert_eq!(up.chat("two").0, 404);
}

#[test]
fn s8_14_a_link_to_a_folder_outside_is_followed_and_so_is_the_next_in_its_place() {
    let (home, shop) = (folder([]), shop());
    for model in ["one", "two"] {
        fs::create_dir(home.path().join(model)).unwrap();
        fs::write(home.path().join(model).join("route.yaml"), route(model)).unwrap();
    }
    fs::remove_file(shop.path().join("route.yaml")).unwrap();
    let (link, to) =
        (shop.path().join("routes"), |model: &str| home.path().join(model).display().to_string());
    symlink(to("one"), &link).unwrap();
    let up = Up::start(shop.path());
    assert_eq!(up.chat("one").0, 200);
    is_seen(&up, "two", || relink(&link, &to("two")));
    is_seen(&up, "three", || fs::write(home.path().join("two/route.yaml"), route("three")).unwrap());
}

#[test]
fn s8_14_a_link_that_leads_nowhere_is_named_and_what_it_led_to_is_gone() {
    let (shop, elsewhere) =
        (shop(), folder([("real.yaml", &route("far").replace("name: chat", "name: far"))]));
    let (link, real) = (shop.path().join("far.yaml"), elsewhere.path().join("real.yaml"));
    symlink(&real, &link).unwrap();
    let up = Up::start(shop.path());
    assert_eq!(up.chat("far").0, 200);
    fs::remove_file(&real).unwrap();
    let said = up.hears("far.yaml is a link to ");
    assert!(said.starts_with("error: ") && said.contains("which is not there: put it there"), "{said}");
    assert!(up.hears("reloaded").contains("removed LLMRoute default/far"));
    assert_eq!(up.chat("chat").0, 200);
    let (code, out, _) = run(weir().arg("lint").arg(shop.path()));
    assert!(code == Some(2) && out.contains("far.yaml is a link to "), "{out}");
}
