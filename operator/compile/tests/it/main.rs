//! compile from outside: checked-in cases and generated worlds.

#[cfg(test)]
mod attached;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod load;
#[cfg(test)]
mod random;
#[cfg(test)]
mod related;
#[cfg(test)]
mod tenancy;
#[cfg(test)]
mod worlds;
