//! A real control plane for tests: etcd, kube-apiserver, the controller manager and the scheduler as ordinary
//! processes on loopback, built from Go modules. No root, no container engine, no node: pods are never run.
//!
//! It starts, stops and waits, and stands in the way on request ([`proxy`]). It knows nothing of what Weir does
//! with an API server; of Weir it knows the CRDs, which nearly every test wants.

mod access;
pub mod binaries;
mod crds;
mod flags;
mod kubeconfig;
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
