//! A plane's folder: keys, kubeconfigs, etcd's data, logs. It goes with the plane; what a killed run could not
//! remove, the next start does.
//!
//! Whose owner lives is told by a lock that the owner holds on a file inside: a process id may be another's by now.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PREFIX: &str = "weir-cluster-";
/// Not yet locked.
const UNFINISHED: &str = "weir-cluster.unfinished-";
const LOCK: &str = "lock";

pub(crate) struct WorkDir {
    path: PathBuf,
    /// Held by the owner; without it the folder is another's.
    lock: Option<File>,
}

impl WorkDir {
    /// A fresh folder, readable by us alone.
    pub(crate) fn create() -> Result<Self> {
        let root = std::env::temp_dir();
        sweep(&root);
        let ours_alone = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(UNFINISHED).permissions(ours_alone).tempdir_in(&root);
        let folder = folder.with_context(|| format!("create a folder in {}", root.display()))?;
        let lock = File::create(folder.path().join(LOCK)).context("create a lock")?;
        lock.lock().context("lock a fresh file")?;
        fs::create_dir(folder.path().join("logs")).context("create a folder for logs")?;
        // Only now it may be taken for a leftover.
        let name = folder.path().to_string_lossy().replace(UNFINISHED, PREFIX);
        let path = PathBuf::from(name);
        fs::rename(folder.path(), &path).context("rename a fresh folder")?;
        let _ = folder.keep();
        Ok(Self { path, lock: Some(lock) })
    }

    /// A folder that another made with [`WorkDir::create`], and will remove.
    pub(crate) fn of_another(path: PathBuf) -> Self {
        Self { path, lock: None }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.lock.is_some()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn log(&self, role: &str) -> PathBuf {
        self.path.join("logs").join(format!("{role}.log"))
    }

    /// Writes `text` to the file `name` and says where that is.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes the folders in `root` whose owners are gone; another user's can't be removed and stay.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let left = name.starts_with(PREFIX) && is_unlocked(&entry.path())
            || name.starts_with(UNFINISHED) && is_old(&entry.path());
        if left {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_unlocked(folder: &Path) -> bool {
    // Without a lock its owner is just removing it, or was killed while doing so.
    File::open(folder.join(LOCK)).map_or_else(|_| is_old(folder), |lock| lock.try_lock().is_ok())
}

fn is_old(folder: &Path) -> bool {
    let changed = fs::metadata(folder).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > Duration::from_secs(60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_whose_owner_is_gone_is_swept_and_no_other() {
        let root = tempfile::tempdir().unwrap();
        let [lives, gone, foreign] =
            ["weir-cluster-lives", "weir-cluster-gone", "another"].map(|name| root.path().join(name));
        for folder in [&lives, &gone, &foreign] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join(LOCK), "").unwrap();
        }
        let lock = File::open(lives.join(LOCK)).unwrap();
        lock.lock().unwrap();
        sweep(root.path());
        assert_eq!([lives.exists(), gone.exists(), foreign.exists()], [true, false, true]);
    }

    #[test]
    fn a_folder_goes_with_its_owner() {
        let work = WorkDir::create().unwrap();
        let path = work.path().to_owned();
        work.write("a", "text").unwrap();
        sweep(path.parent().unwrap());
        assert!(path.join("a").exists());
        drop(WorkDir::of_another(path.clone()));
        assert!(path.exists());
        drop(work);
        assert!(!path.exists());
    }
}
