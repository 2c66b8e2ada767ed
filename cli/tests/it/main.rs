//! Runs the real `weir` and looks at it from outside.

mod bad_input;
mod end;
mod keys;
mod lint;
mod process;
mod reload;
mod up;
