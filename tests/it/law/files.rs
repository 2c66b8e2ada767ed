//! Within a crate: no file uses what leads back to itself. What two files name lies in a third, below both.

use super::graph::Graph;
use super::modules::Modules;
use super::{ROOT, metadata};
use cargo_metadata::TargetKind;
use std::fs;
use std::path::Path;

/// The crates that are read.
const CRATES: &[&str] =
    &["weir-config", "weir-policy", "weir-wire", "weir-gateway", "weir-source-kube", "weir-crds"];

/// Circles that still are there: their files, sorted. One that is opened is to be taken out here.
const STANDING: &[&[&str]] = &[];

/// The rooms of `gateway/src`, floor by floor, the uppermost first: none uses one above it. Without floors there is no
/// order.
const FLOORS: &[&[&str]] = &[
    &["lib"],
    &["process"],
    &["http"],
    &["pipeline"],
    &["app"],
    &["worker"],
    &["live"],
    &["limits", "upstream"],
    &["observe"],
    &["words"],
    &["fault", "label", "timer", "collected", "shutdown"],
    &["bounds", "clock", "coding", "descriptors", "sockets", "tasks"],
];

/// Where sockets of the kernel are named, and nowhere else; what they are called.
const SOCKETS: &str = "gateway/src/sockets";
const KERNELS: &[&str] =
    &["TcpStream", "TcpListener", "TcpSocket", "UnixStream", "UnixListener", "UnixDatagram", "socket2"];

/// The dialects that the wire speaks, or may one day: the gateway names none.
const DIALECTS: &[&str] = &["openai", "anthropic", "gemini"];

/// Those of each target of `package`, for use: what a test alone needs is not in it. Files by their paths within the
/// workspace.
fn modules(package: &str) -> Vec<Modules> {
    let folder = Path::new(ROOT).parent().unwrap();
    let source = |file: &str| fs::read_to_string(folder.join(file)).ok();
    let metadata = metadata();
    let package = metadata.workspace_packages().into_iter().find(|known| known.name == package).unwrap();
    let built = |kind: &TargetKind| matches!(kind, TargetKind::Lib | TargetKind::Bin);
    let targets = package.targets.iter().filter(|target| target.kind.iter().any(built));
    let roots = targets.map(|target| target.src_path.strip_prefix(&metadata.workspace_root).unwrap());
    roots.map(|root| Modules::read(root.as_str(), &source)).collect()
}

fn graph(package: &str) -> Graph {
    let mut graph = Graph::default();
    modules(package).iter().for_each(|modules| graph.add(modules));
    graph
}

/// Where `modules` name a dialect, in whatever letters, and in which word.
fn dialects_in(modules: &Modules) -> Vec<(&str, &str)> {
    let names_one = |word: &str| DIALECTS.iter().any(|name| word.to_lowercase().contains(name));
    modules.words().filter(|(_, word)| names_one(word)).collect()
}

#[test]
fn law_no_file_leads_back_to_itself() {
    let mut open = STANDING.to_vec();
    let mut wrong = String::new();
    for name in CRATES {
        let graph = graph(name);
        let circles = graph.circles();
        println!("{name}: {} uses of one file by another, {} circles", graph.len(), circles.len());
        let news = circles.iter().filter(|circle| !STANDING.iter().any(|known| known == circle));
        wrong.extend(news.map(|circle| graph.told(circle)));
        open.retain(|known| !circles.iter().any(|circle| circle == known));
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(open.is_empty(), "these are circles no more: take them off the list: {open:?}");
}

#[test]
fn law_no_room_of_the_gateway_uses_one_above_it() {
    let wrong = graph("weir-gateway").upward("gateway/src", FLOORS);
    assert!(FLOORS.is_empty() || wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a request, an answer or an error looks like is asked of the wire, by API: an API's own folder is private there,
/// and nothing here is called by its name.
#[test]
fn law_no_file_of_the_gateway_names_a_dialect() {
    let all = modules("weir-gateway");
    let named: Vec<_> = all.iter().flat_map(dialects_in).collect();
    assert!(named.is_empty(), "these name a dialect: {named:?}");
}

/// All sockets but those that send nothing: a datagram's tells which address the kernel would send from.
#[test]
fn law_the_gateway_has_its_sockets_in_one_place() {
    let all = modules("weir-gateway");
    let named: Vec<_> =
        all.iter().flat_map(Modules::words).filter(|(_, word)| KERNELS.contains(word)).collect();
    assert!(named.iter().any(|(file, _)| file.starts_with(SOCKETS)), "those that there are, are not found");
    let elsewhere: Vec<_> = named.iter().filter(|(file, _)| !file.starts_with(SOCKETS)).collect();
    assert!(elsewhere.is_empty(), "these name a socket of the kernel: {elsewhere:?}");
}

#[test]
fn law_a_dialect_is_found_wherever_it_is_named() {
    for text in [
        "use weir_wire::openai::Chat;",
        "use weir_wire::{sse, openai as other};",
        "mod openai {}",
        "fn a() { wire::openai::failure() }",
        "fn a(openai: u8) {}",
        "fn as_openai() {}",
        "fn a() { b.to_openai().openai }",
        "fn a() { format!(\"{}\", b.openai) }",
        "enum Api { OpenAI }",
        "impl A { fn a(_: Gemini) {} }",
        "fn a() { let is_anthropic = true; }",
    ] {
        let modules = modules_of(&[("lib.rs", text)]);
        assert!(!dialects_in(&modules).is_empty(), "{text}");
    }
    let none = "//! As OpenAI has it.\n#[cfg(test)] mod tests { use w::openai; } fn a() { \"openai\"; }";
    assert_eq!(dialects_in(&modules_of(&[("lib.rs", none)])), []);
}

/// Those of a crate with these files below `src`.
fn modules_of(files: &[(&str, &str)]) -> Modules {
    let source = |file: &str| {
        let found = files.iter().find(|(name, _)| file.strip_prefix("src/") == Some(name));
        found.map(|(_, text)| (*text).to_owned())
    };
    Modules::read("src/lib.rs", &source)
}

fn made_of(files: &[(&str, &str)]) -> Graph {
    let mut graph = Graph::default();
    graph.add(&modules_of(files));
    graph
}

/// A crate of `a`, `b` with a child `b/c`, and `d`, in which `a` is this text.
fn with(a: &str) -> Graph {
    let b = "mod c; pub use c::{C, c, Says}; pub struct B; pub const MOST: u8 = 1; use crate::d::D; fn b(_: D) {}";
    let c =
        "pub struct C; pub fn c() {} pub mod inner { pub struct Inner; } pub trait Says { fn say(&self) {} }";
    let d = "pub struct D; pub enum Kind { One, Two } macro_rules! made { () => {} } pub use made; made!();";
    let root = "mod a; mod b; mod d; pub use b::B;";
    made_of(&[("lib.rs", root), ("a.rs", a), ("b.rs", b), ("b/c.rs", c), ("d.rs", d)])
}

#[track_caller]
fn check_names(a: &str, expected: &[(&str, &[&str])]) {
    let graph = with(a);
    for file in ["lib", "b", "b/c", "d"] {
        let names = expected.iter().find(|(other, _)| *other == file).map_or(&[][..], |(_, names)| names);
        assert_eq!(graph.names("src/a.rs", &format!("src/{file}.rs")), names, "of {file} in {a}");
    }
}

#[test]
fn law_what_a_file_names_is_found_where_it_is_declared() {
    check_names("use crate::b::B; fn a(_: B) {}", &[("b", &["B"])]);
    check_names("use super::b::{self, B as Other}; fn a(_: Other) { b::MOST; }", &[("b", &["B", "MOST"])]);
    check_names("fn a() -> super::d::D { crate::b::MOST; }", &[("b", &["MOST"]), ("d", &["D"])]);
    check_names("use crate::d::Kind::{One, Two}; fn a() { match 1 { One => Two } }", &[("d", &["Kind"])]);
    // What is handed on is what it was.
    check_names("use crate::b::C; fn a(_: C) {}", &[("b/c", &["C"])]);
    check_names("use crate::b; fn a() { b::c(); b::MOST; }", &[("b", &["MOST"]), ("b/c", &["c"])]);
    check_names("use crate::B; fn a(_: B) {}", &[("b", &["B"])]);
    check_names("fn a(_: super::b::c::inner::Inner) {}", &[("b/c", &["Inner"])]);
    check_names("use super::b::D; fn a(_: D) {}", &[("d", &["D"])]);
    // Everything, of which only what is used counts.
    check_names("use super::b::*; fn a(_: C) { MOST }", &[("b", &["MOST"]), ("b/c", &["C"])]);
    check_names("use super::*; fn a(_: B, _: d::D, _: Vec<u8>) {}", &[("b", &["B"]), ("d", &["D"])]);
    // A trait is used without its name.
    check_names("use crate::b::Says; fn a() { 1.say() }", &[("b/c", &["Says"])]);
    check_names("use crate::b::Says as _;", &[("b/c", &["Says"])]);
    // Macros, and paths within them.
    check_names("use crate::d::made; made!();", &[("d", &["made"])]);
    check_names("fn a() { println!(\"{}\", [crate::b::MOST]) }", &[("b", &["MOST"])]);
    check_names(
        "use crate::d::D; macro_rules! m { ($c:ident) => { x.$c(D, $crate::b::B) } }",
        &[("b", &["B"]), ("d", &["D"])],
    );
    check_names("mod inner { use super::super::d::D; fn a(_: D, _: super::D) {} }", &[("d", &["D"])]);
}

#[test]
fn law_what_is_not_used_is_no_use() {
    check_names("pub use crate::b::B; pub(crate) use crate::b::{c, Says};", &[]);
    check_names("use crate::d; pub(in crate::d) fn a() {} #[crate::d::D] fn b() {}", &[]);
    check_names("use crate::b::C; impl C { fn a(&self) { self.b() } }", &[]);
    check_names("use crate::b::C; impl C { fn a(_: super::d::D) {} }", &[("d", &["D"])]);
    check_names("use std::b::MOST; fn a(_: std::d::D) { println!(\"{}\", x.MOST) }", &[]);
    check_names(
        "#[cfg(test)] mod tests { fn a(_: crate::b::B) {} } #[cfg(all(test, unix))] use crate::b::Says;",
        &[],
    );
    check_names("#[cfg(test)] fn a(_: crate::b::B) {} impl A { #[cfg(test)] fn a(_: crate::b::B) {} }", &[]);
    check_names("#[cfg(unix)] fn a(_: crate::b::B) {}", &[("b", &["B"])]);
    check_names("#[cfg(test)] mod in_no_file;", &[]);
}

#[test]
fn law_circles_are_found_whole() {
    assert_eq!(with("pub struct A;").circles(), Vec::<Vec<&str>>::new());
    let graph = with("fn a(_: crate::e::E) {}");
    assert!(graph.circles().is_empty());
    let graph = made_of(&[
        ("lib.rs", "mod a; mod b; mod c; mod d; pub mod e;"),
        ("a.rs", "pub struct A(crate::b::B);"),
        ("b.rs", "pub struct B(crate::c::C, crate::d::D);"),
        ("c.rs", "pub struct C(Vec<crate::a::A>); impl C { fn c(_: crate::b::B) {} }"),
        ("d.rs", "pub struct D(Vec<crate::d::D>);"),
        ("e/mod.rs", "mod f; use f::F; fn e(_: F) {} const MOST: u8 = 1;"),
        ("e/f.rs", "pub struct F([u8; super::MOST]);"),
    ]);
    let circles = graph.circles();
    assert_eq!(circles, [vec!["src/a.rs", "src/b.rs", "src/c.rs"], vec!["src/e/f.rs", "src/e/mod.rs"]]);
    let expected = "these lead to each other: src/a.rs, src/b.rs, src/c.rs\n  src/a.rs -> src/b.rs: B\n  \
                    src/b.rs -> src/c.rs: C\n  src/c.rs -> src/a.rs: A\n  src/c.rs -> src/b.rs: B\n";
    assert_eq!(graph.told(&circles[0]), expected);
}

#[test]
fn law_what_leads_upward_is_found() {
    let graph = made_of(&[
        ("lib.rs", "mod top; mod http; mod ground;"),
        ("top.rs", "use crate::http::serve; fn run() { serve(); crate::ground::LAST; }"),
        ("http/mod.rs", "mod body; mod names; pub use body::serve;"),
        ("http/body.rs", "pub fn serve() { super::names::NAME; crate::ground::LAST; }"),
        ("http/names.rs", "pub const NAME: u8 = 1;"),
        ("ground.rs", "pub const LAST: u8 = crate::http::names::NAME;"),
    ]);
    let upward = |floors| graph.upward("src", floors);
    assert_eq!(upward(&[&["top"], &["http"], &["ground"]]), ["src/ground.rs -> src/http/names.rs: NAME"]);
    assert!(upward(&[&["top"], &["http"], &["ground", "http/names"]]).is_empty());
    assert!(upward(&[&["top", "http", "ground"]]).is_empty());
    let upside_down: &[&[&str]] = &[&["ground"], &["http"], &["top"]];
    assert_eq!(upward(upside_down).len(), 3);
    assert_eq!(upward(&[&["top"], &["http"]]), ["src/ground.rs is on no floor"]);
}
