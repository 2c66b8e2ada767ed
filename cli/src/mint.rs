//! Generated keys: what the operator does in a cluster, on a laptop.
//!
//! Each key is made once and kept in a file of its own that only its owner can read, so that a restart changes no
//! key. Nothing is ever deleted: a key whose object is gone opens nothing.

use crate::manifest::{Problem, What, World, dotted};
use anyhow::{Context, bail, ensure};
use std::collections::btree_map::Entry;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use weir_compile::{SecretContent, Secrets, minted_data};
use weir_config::{MintedKey, ObjectName, Secret};
use weir_crds::Kind;

/// Where keys are kept unless told otherwise.
pub(crate) fn default_folder() -> anyhow::Result<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
    Ok(state.context("there is no home folder for generated keys: name one with --state")?.join("weir"))
}

/// Adds to `secrets` the Secret of every LLMKey that asks for one, as if the operator had written it, unless the
/// manifests bring it themselves. Gives a problem for each key that cannot be had; the others do not wait for it.
pub(crate) fn add(folder: &Path, world: &World, secrets: &mut Secrets) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, held) in world.all(What::Ours(Kind::Key)) {
        const FIELD: &str = "/spec/source/generate/secretName";
        let Some(secret_name) = held.value.pointer(FIELD).and_then(|name| name.as_str()) else { continue };
        let secret_name = ObjectName::new(id.name.namespace.as_str(), secret_name);
        if let Entry::Vacant(secrets) = secrets.entry(secret_name) {
            match kept(folder, &id.name).and_then(|key| Ok(minted_data(&key, None)?)) {
                Ok(data) => drop(secrets.insert(SecretContent { data, labelled: false })),
                Err(error) => {
                    let problem = Problem::at(Some(held.origin.spot(FIELD)), format!("{error:#}"));
                    problems.push(problem.about(id.to_string(), dotted(FIELD)));
                }
            }
        }
    }
    problems
}

/// The key of the LLMKey `name`: read, or made and written first.
fn kept(folder: &Path, name: &ObjectName) -> anyhow::Result<Secret> {
    let is_plain =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['/', '\\', '\0']);
    ensure!(is_plain(&name.namespace) && is_plain(&name.name), "{name} cannot name a file");
    let folder = folder.join("keys").join(&name.namespace);
    let file = folder.join(format!("{}.key", name.name));
    let shown = file.display();
    match fs::read_to_string(&file) {
        Ok(text) => return checked(&file, &text),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => bail!("the key in {shown} cannot be read: {error}"),
    }
    make(&folder, &file)
        .with_context(|| format!("a new key cannot be kept in {shown}; name another folder with --state"))?;
    checked(&file, &fs::read_to_string(&file)?)
}

fn checked(file: &Path, text: &str) -> anyhow::Result<Secret> {
    let text = text.trim_end_matches(['\n', '\r']);
    let shown = file.display();
    ensure!(
        MintedKey::is_well_formed(text),
        "{shown} holds no key of Weir: remove it to have a new one made"
    );
    Ok(Secret::new(text))
}

/// Writes a new key; if another process was faster, its key stays.
fn make(folder: &Path, file: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut random = [0; 40];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    let key = MintedKey::from_random(&random);
    let unfinished = folder.join(format!(".{}.{}", key.id, std::process::id()));
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).and_then(|mut to| {
            to.set_permissions(fs::Permissions::from_mode(0o600))?;
            writeln!(to, "{}", key.text.expose())?;
            to.sync_all()
        });
    // A link fails where something is already; a rename would replace it.
    let linked = written.and_then(|()| fs::hard_link(&unfinished, file));
    drop(fs::remove_file(&unfinished));
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> ObjectName {
        ObjectName::new("team-a", "my.app")
    }

    #[test]
    fn s10_5_a_key_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = kept(&state, &name()).unwrap();
        assert!(MintedKey::is_well_formed(first.expose()));
        assert_eq!(kept(&state, &name()).unwrap(), first);
        assert_ne!(kept(&state, &ObjectName::new("team-b", "my.app")).unwrap(), first);
        let mode = |path: &str| fs::metadata(state.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("keys/team-a/my.app.key"), mode("keys/team-a"), mode("")), (0o600, 0o700, 0o700));
        assert_eq!(fs::read_dir(state.join("keys/team-a")).unwrap().count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn two_that_start_at_once_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<Secret> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| kept(folder.path(), &name()).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_file_that_holds_no_key_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/team-a/my.app.key");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "hunter2\n").unwrap();
        let error = kept(folder.path(), &name()).unwrap_err().to_string();
        assert!(error.contains("my.app.key") && !error.contains("hunter2"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "hunter2\n");
        let odd = kept(folder.path(), &ObjectName::new("..", "x")).unwrap_err().to_string();
        assert!(odd.contains("cannot name a file"), "{odd}");
    }
}
