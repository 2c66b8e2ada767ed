//! A real control plane for tests: etcd, kube-apiserver, the controller manager and the scheduler as ordinary
//! processes on loopback, built from Go modules. No root, no container engine, and no node: pods are never run. Who
//! wants them run takes a [`node`], which needs root.
//!
//! It starts, stops and waits, and stands in the way on request ([`proxy`]). What it runs of Weir on such a plane, for
//! tests and the benchmark alike, is in [`world`]; the rest knows nothing of Weir but its CRDs, which nearly every test
//! wants. It asserts nothing: that is the tests' part.

mod access;
pub mod binaries;
mod crds;
mod flags;
pub mod helm;
mod kubeconfig;
pub mod kustomize;
pub mod node;
mod pki;
mod plane;
mod ports;
mod process;
pub mod proxy;
pub mod wait;
mod work;
pub mod world;

pub use crds::crd_files;
pub use plane::Plane;
