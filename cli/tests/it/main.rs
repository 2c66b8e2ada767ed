//! Runs the real `weir` and looks at it from outside.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod end;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod process;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod up;
