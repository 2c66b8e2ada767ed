//! How images are made: what `images/` takes and writes. The programs themselves take minutes to build; `make images`
//! does it, and holds them to `images/check`.

use cargo_metadata::MetadataCommand;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

fn tool(name: &str, arguments: &[&str]) -> Output {
    Command::new("python3").arg(Path::new(ROOT).join("images").join(name)).args(arguments).output().unwrap()
}

/// An image of `program`, with what else `arguments` say.
fn image(folder: &Path, program: &Path, arguments: &[&str]) -> PathBuf {
    let out = folder.join("image.tar");
    let file = format!("{}=/program", program.display());
    let fixed = ["--name", "weir-test:1", "--entrypoint", "/program", "--out", out.to_str().unwrap()];
    let output = tool("oci.py", &[&fixed[..], arguments, &[&file]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

fn checked(image: &Path) -> Result<String, String> {
    let output = tool("check", &[image.to_str().unwrap()]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The shortest program that needs nothing: an ELF header without segments.
fn needs_nothing(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(64, 0);
    let path = folder.join("program");
    std::fs::write(&path, header).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_same_files_give_the_same_image_wherever_and_whenever() {
    let written = || {
        let folder = tempfile::tempdir().unwrap();
        let image = image(folder.path(), &needs_nothing(folder.path()), &["--label", "a=b"]);
        (checked(&image).unwrap(), std::fs::read(image).unwrap())
    };
    let (said, bytes) = written();
    assert!(said.starts_with("weir-test:1  sha256:"), "{said}");
    assert!((said, bytes) == written());
}

#[test]
fn an_image_that_is_not_what_it_should_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, program) = (folder.path(), needs_nothing(folder.path()));
    let ourselves = std::env::current_exe().unwrap();
    let dynamic = folder.join("dynamic");
    // The size of an executable made for tests is no matter here.
    std::fs::write(&dynamic, &std::fs::read(ourselves).unwrap()[..20_000_000]).unwrap();
    std::fs::set_permissions(&dynamic, std::fs::metadata(&program).unwrap().permissions()).unwrap();
    let shell = format!("{}=/bin/sh", program.display());
    let large = folder.join("large");
    std::fs::write(&large, vec![0; 30_000_000]).unwrap();
    for (program, arguments, said) in [
        (&dynamic, &[][..], "wants an interpreter"),
        (&program, &["--user", "0:0"], "it runs as 0:0"),
        (&program, &[shell.as_str()], "it holds ['bin', 'bin/sh', 'program']"),
        (&large, &[], "bytes"),
    ] {
        let error = checked(&image(folder, program, arguments)).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

/// No engine runs where this is tested; what can be said without one.
#[test]
fn the_dockerfile_builds_as_make_images_does_from_files_that_it_is_given() {
    let dockerfile = read("images/Dockerfile");
    assert!(dockerfile.contains("CARGO_TARGET_DIR=/target images/build /programs"));
    assert!(read("Makefile").contains("\timages/build $(IMAGES)/programs\n"));
    let made = read("images/build");
    for program in ["weir-gateway", "weir-operator"] {
        assert!(made.contains(&format!("--bin {program}")));
        assert!(dockerfile.contains(&format!("COPY --from=build /programs/{program} /{program}\n")));
        assert!(dockerfile.contains(&format!("ENTRYPOINT [\"/{program}\"]")));
    }
    assert_eq!(dockerfile.matches("USER 65532:65532").count(), 2);

    let metadata =
        MetadataCommand::new().manifest_path(format!("{ROOT}/Cargo.toml")).no_deps().exec().unwrap();
    let wanted = metadata.workspace_members.len();
    let ignored = read("images/Dockerfile.dockerignore");
    let given: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(given.iter().all(|path| Path::new(ROOT).join(path).exists()), "{given:?}");
    let members = metadata.packages.iter().filter(|package| {
        let folder = package.manifest_path.strip_prefix(metadata.workspace_root.as_path()).unwrap();
        given.iter().any(|path| folder.starts_with(path))
    });
    assert_eq!(members.count(), wanted, "cargo wants every member of the workspace");
}

#[test]
fn the_builder_is_the_oldest_rust_that_will_do() {
    let cargo = read("Cargo.toml");
    let version =
        cargo.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(
        read("images/Dockerfile").contains(&format!("FROM rust:{version}.0-bookworm AS build")),
        "{version}"
    );
}
