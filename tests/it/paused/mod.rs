//! Timers at the values that they have by default: a gateway, its callers and its upstreams in one runtime whose time is
//! paused. Time goes on only when nobody has anything to do, to the next timer: a quarter of an hour takes no time, and
//! how long something took is exact, however busy the machine is.

mod attempts;
mod callers;
mod ending;
mod pings;
mod pool;
mod waits;
mod world;
