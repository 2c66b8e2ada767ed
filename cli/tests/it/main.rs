//! Runs the real `weir` and looks at it from outside.
#![cfg(test)]

mod bad_input;
mod descriptors;
mod docs;
mod end;
mod folders;
mod keys;
mod links;
mod lint;
mod namespaces;
mod process;
mod reload;
mod rotation;
mod unread;
mod up;
mod writes;
