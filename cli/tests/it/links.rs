//! Edits that no watch of a folder tells of: behind links, and where the folder itself is another.

use crate::process::{KEY, PROVIDER, ROUTE, Up, folder, shop, weir};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

/// As long as a person looks at the screen before restarting it.
const SECONDS: Duration = Duration::from_secs(10);

/// Makes an edit; the model `now` is served within seconds.
fn is_seen(up: &Up, now: &str, edit: impl FnOnce()) {
    assert_eq!(up.chat(now).0, 404, "{now} is not served yet");
    edit();
    let edited = Instant::now();
    up.hears("reloaded");
    assert!(edited.elapsed() < SECONDS, "{now} took {:?}", edited.elapsed());
    assert_eq!(up.chat(now).0, 200);
}

/// The route, for another model.
fn route(model: &str) -> String {
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
