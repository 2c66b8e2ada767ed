//! compile from outside: checked-in cases, generated worlds, and every leaf of the API.

#[cfg(test)]
mod attached;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod leaves;
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
