//! Virtual time and an event queue: requests that walk through targets as the gateway lets them, with the real
//! `Walk` and `RetryBudget`. Nothing here is clever; the gateway's own loop has the same order of steps.

use super::*;
use crate::{Next, Planned, Rules, Walk};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use weir_config::{Failure, FailureClass, FailureSet};

/// How a target answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// Always.
    Healthy,
    /// Never; fails after so long.
    Dead(Duration),
    /// So many of a hundred fail: half of these at once, half as late as an answer.
    Flaky(u64),
    /// Fails at once in every other second: the odd ones, or the even ones.
    Flapping { odd: bool },
    /// Healthy until then, fails at once afterwards.
    DiesAt(Duration),
    /// Fails at once until then, healthy afterwards.
    RecoversAt(Duration),
}

/// How requests come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arrivals {
    /// So many a second, whatever happens.
    Rate(u64),
    /// So many at a time, each followed by the next.
    Concurrency(u64),
}

/// What is simulated.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) targets: Vec<Target>,
    pub(super) arrivals: Arrivals,
    /// How long an answer takes: from, to.
    pub(super) latency: (Duration, Duration),
    pub(super) requests: u64,
}

/// What came of it. Instants are counted from the start.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) requests: u64,
    pub(super) committed: u64,
    pub(super) gave_up_waiting: u64,
    pub(super) longest_wait: Duration,
    pub(super) lasted: Duration,
    /// When a request was refused a token.
    pub(super) refused: Vec<Duration>,
    /// When an attempt beyond a request's first began.
    pub(super) extra: Vec<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive,
    Start { request: usize, target: usize },
    End { request: usize, target: usize, ok: bool },
    Deadline { request: usize },
}

struct Request {
    walk: Walk,
    tokens: Tokens,
    /// When its attempt began.
    began: Instant,
    waiting: Option<Waiting>,
}

/// An attempt that waits for a token.
#[derive(Clone, Copy)]
struct Waiting {
    target: usize,
    pause: Duration,
    since: Instant,
}

struct Simulation {
    world: World,
    start: Instant,
    now: Instant,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    sequence: u64,
    arrivals: u64,
    budget: RetryBudget,
    requests: Vec<Request>,
    waiters: VecDeque<usize>,
    random: u64,
    outcome: Outcome,
}

impl World {
    pub(super) fn run(self) -> Outcome {
        let start = Instant::now();
        let mut simulation = Simulation {
            start,
            now: start,
            events: BinaryHeap::new(),
            sequence: 0,
            arrivals: 0,
            budget: RetryBudget::new(start),
            requests: Vec::new(),
            waiters: VecDeque::new(),
            random: 42,
            outcome: Outcome::default(),
            world: self,
        };
        simulation.run();
        assert!(simulation.waiters.is_empty(), "a waiter was never woken");
        assert_eq!((simulation.budget.held, simulation.budget.under_way), (0, 0), "tokens leaked");
        simulation.outcome
    }
}

impl Simulation {
    fn run(&mut self) {
        match self.world.arrivals {
            Arrivals::Rate(_) => self.expect_another(),
            Arrivals::Concurrency(count) => (0..count).for_each(|_| self.expect_another()),
        }
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            self.now = now;
            match event {
                Event::Arrive => self.arrive(),
                Event::Start { request, target } => self.attempt(request, target),
                Event::End { request, ok: true, .. } => self.finish(request, true),
                Event::End { request, target, ok: false } => self.go_on(request, target),
                Event::Deadline { request } => self.run_out(request),
            }
        }
        self.outcome.lasted = self.now - self.start;
    }

    fn at(&mut self, when: Instant, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((when, self.sequence, event)));
    }

    fn expect_another(&mut self) {
        if self.arrivals < self.world.requests {
            let when = match self.world.arrivals {
                Arrivals::Rate(rate) => {
                    self.start + Duration::from_nanos(self.arrivals * 1_000_000_000 / rate)
                }
                Arrivals::Concurrency(_) => self.now,
            };
            self.arrivals += 1;
            self.at(when, Event::Arrive);
        }
    }

    fn arrive(&mut self) {
        if matches!(self.world.arrivals, Arrivals::Rate(_)) {
            self.expect_another();
        }
        self.outcome.requests += 1;
        self.budget.request(self.now, PERCENT);
        let rules = Rules {
            on: FailureSet::default(),
            max_attempts: None,
            deadline: self.now + secs(120),
            backoff_base: Duration::from_millis(200),
            backoff_max: secs(5),
        };
        let planned = |target| Planned { target, context_window: None };
        let mut walk = Walk::new((0..self.world.targets.len()).map(planned).collect(), rules);
        let target = walk.first(self.now).unwrap();
        let (tokens, began) = (Tokens::default(), self.now);
        self.requests.push(Request { walk, tokens, began, waiting: None });
        self.attempt(self.requests.len() - 1, target);
    }

    fn attempt(&mut self, request: usize, target: usize) {
        if self.requests[request].tokens.used > 0 {
            self.outcome.extra.push(self.now - self.start);
        }
        self.requests[request].began = self.now;
        let (ok, takes) = self.answer(target);
        self.at(self.now + takes, Event::End { request, target, ok });
    }

    fn answer(&mut self, target: usize) -> (bool, Duration) {
        let (from, to) = self.world.latency;
        let takes = from + Duration::from_micros(self.random() % ((to - from).as_micros() as u64 + 1));
        let at_once = Duration::from_millis(1);
        let since = self.now - self.start;
        let ok = match self.world.targets[target] {
            Target::Healthy => true,
            Target::Dead(after) => return (false, after),
            Target::Flaky(percent) => match self.random() % 200 {
                draw if draw < percent => false,
                draw => return (draw >= 2 * percent, takes),
            },
            Target::Flapping { odd } => since.as_secs().is_multiple_of(2) == odd,
            Target::DiesAt(when) => since < when,
            Target::RecoversAt(when) => since >= when,
        };
        (ok, if ok { takes } else { at_once })
    }

    fn go_on(&mut self, request: usize, target: usize) {
        let random = self.random();
        let failure = Failure::new(FailureClass::ServerError, "");
        let Request { walk, began, .. } = &mut self.requests[request];
        match walk.after(*began, self.now, target, &failure, random) {
            Next::Try { target, wait } => {
                let waiting = Waiting { target, pause: wait, since: self.now };
                let deadline = self.requests[request].walk.deadline();
                self.ask(request, waiting);
                if self.requests[request].waiting.is_some() {
                    self.at(deadline, Event::Deadline { request });
                }
            }
            Next::TryPlain { .. } | Next::TryFresh { .. } | Next::GiveUp => self.finish(request, false),
        }
    }

    fn ask(&mut self, request: usize, waiting: Waiting) {
        let asks = &mut self.requests[request];
        asks.waiting = None;
        match self.budget.take(self.now, &mut asks.tokens, asks.walk.ahead()) {
            Take::Granted => {
                self.outcome.longest_wait = self.outcome.longest_wait.max(self.now - waiting.since);
                self.at(self.now + waiting.pause, Event::Start { request, target: waiting.target });
            }
            Take::Wait => {
                asks.waiting = Some(waiting);
                self.waiters.push_back(request);
            }
            Take::Refused => {
                self.outcome.refused.push(self.now - self.start);
                self.finish(request, false);
            }
        }
    }

    fn run_out(&mut self, request: usize) {
        // It may have gone on meanwhile, and wait once more.
        if self.requests[request].walk.deadline() == self.now
            && self.requests[request].waiting.take().is_some()
        {
            self.waiters.retain(|waiter| *waiter != request);
            self.outcome.gave_up_waiting += 1;
            self.finish(request, false);
        }
    }

    fn finish(&mut self, request: usize, committed: bool) {
        let tokens = std::mem::take(&mut self.requests[request].tokens);
        let wake = if committed {
            self.outcome.committed += 1;
            self.budget.committed(self.now, tokens)
        } else {
            self.budget.failed(self.now, tokens)
        };
        if matches!(self.world.arrivals, Arrivals::Concurrency(_)) {
            self.expect_another();
        }
        let woken = match wake {
            Wake::All => self.waiters.len(),
            Wake::Some(count) => self.waiters.len().min(count as usize),
        };
        let woken: Vec<usize> = self.waiters.drain(..woken).collect();
        for waiter in woken {
            if let Some(waiting) = self.requests[waiter].waiting {
                self.ask(waiter, waiting);
            }
        }
    }

    fn random(&mut self) -> u64 {
        // splitmix64: the same run every time.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
