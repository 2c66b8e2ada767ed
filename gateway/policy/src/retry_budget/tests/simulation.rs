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

/// Those who call alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    pub(super) arrivals: Arrivals,
    pub(super) requests: u64,
    /// How many keys they have, used by turns.
    pub(super) keys: u64,
    /// Their requests fail at once wherever they go.
    pub(super) poisoned: bool,
    /// How long they stay for an answer.
    pub(super) patience: Option<Duration>,
}

impl Crowd {
    /// Well-meaning callers with one key and all the time in the world.
    pub(super) fn of(arrivals: Arrivals, requests: u64) -> Self {
        Self { arrivals, requests, keys: 1, poisoned: false, patience: None }
    }
}

/// What is simulated.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) targets: Vec<Target>,
    /// How long an answer takes: from, to.
    pub(super) latency: (Duration, Duration),
    pub(super) crowds: Vec<Crowd>,
}

/// What came of it. Instants are counted from the start.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) requests: u64,
    /// Of each crowd.
    pub(super) answered: Vec<u64>,
    pub(super) longest_wait: Duration,
    pub(super) lasted: Duration,
    /// When a request was refused a token, and of which crowd it was.
    pub(super) refused: Vec<(Duration, usize)>,
    /// When an attempt beyond a request's first began.
    pub(super) extra: Vec<Duration>,
    /// The most tokens that were held at a time.
    pub(super) most_held: u32,
}

impl Outcome {
    pub(super) fn committed(&self) -> u64 {
        self.answered.iter().sum()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive { crowd: usize },
    Start { request: usize, target: usize },
    End { request: usize, target: usize, ok: bool },
    Leave { request: usize },
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Committed,
    Failed,
    Abandoned,
}

struct Request {
    crowd: usize,
    walk: Walk,
    /// None once it has ended.
    tokens: Option<Tokens>,
    /// Whether it has made its first attempt.
    tried: bool,
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
    /// Of each crowd.
    arrivals: Vec<u64>,
    budget: RetryBudget,
    requests: Vec<Request>,
    waiters: VecDeque<usize>,
    random: u64,
    outcome: Outcome,
}

impl World {
    /// One crowd with one key.
    pub(super) fn of(
        targets: Vec<Target>,
        arrivals: Arrivals,
        latency: (Duration, Duration),
        requests: u64,
    ) -> Self {
        Self { targets, latency, crowds: vec![Crowd::of(arrivals, requests)] }
    }

    pub(super) fn run(self) -> Outcome {
        let start = Instant::now();
        let crowds = self.crowds.len();
        let mut simulation = Simulation {
            start,
            now: start,
            events: BinaryHeap::new(),
            sequence: 0,
            arrivals: vec![0; crowds],
            budget: RetryBudget::new(start),
            requests: Vec::new(),
            waiters: VecDeque::new(),
            random: 42,
            outcome: Outcome { answered: vec![0; crowds], ..Outcome::default() },
            world: self,
        };
        simulation.run();
        assert!(simulation.waiters.is_empty(), "a waiter was never woken");
        let budget = &simulation.budget;
        assert_eq!((held(budget), budget.under_way, budget.has_pilot), (0, 0, false), "tokens leaked");
        simulation.outcome
    }
}

impl Simulation {
    fn run(&mut self) {
        for crowd in 0..self.world.crowds.len() {
            match self.world.crowds[crowd].arrivals {
                Arrivals::Rate(_) => self.expect_another(crowd),
                Arrivals::Concurrency(count) => (0..count).for_each(|_| self.expect_another(crowd)),
            }
        }
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            self.now = now;
            match event {
                Event::Arrive { crowd } => self.arrive(crowd),
                Event::Start { request, .. } | Event::End { request, .. } | Event::Leave { request }
                    if self.requests[request].tokens.is_none() => {} // it has ended
                Event::Start { request, target } => self.attempt(request, target),
                Event::End { request, ok: true, .. } => self.finish(request, End::Committed),
                Event::End { request, target, ok: false } => self.go_on(request, target),
                Event::Leave { request } => self.finish(request, End::Abandoned),
            }
            self.outcome.most_held = self.outcome.most_held.max(held(&self.budget));
        }
        self.outcome.lasted = self.now - self.start;
    }

    fn at(&mut self, when: Instant, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((when, self.sequence, event)));
    }

    fn expect_another(&mut self, crowd: usize) {
        let arrivals = self.arrivals[crowd];
        if arrivals < self.world.crowds[crowd].requests {
            let when = match self.world.crowds[crowd].arrivals {
                Arrivals::Rate(rate) => self.start + Duration::from_nanos(arrivals * 1_000_000_000 / rate),
                Arrivals::Concurrency(_) => self.now,
            };
            self.arrivals[crowd] += 1;
            self.at(when, Event::Arrive { crowd });
        }
    }

    fn arrive(&mut self, crowd: usize) {
        let Crowd { arrivals, keys, patience, .. } = self.world.crowds[crowd];
        let key = key(crowd as u64, self.arrivals[crowd] % keys);
        if matches!(arrivals, Arrivals::Rate(_)) {
            self.expect_another(crowd);
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
        let tokens = Some(Tokens::new(key));
        self.requests.push(Request { crowd, walk, tokens, tried: false, began: self.now, waiting: None });
        let request = self.requests.len() - 1;
        if let Some(patience) = patience {
            self.at(self.now + patience, Event::Leave { request });
        }
        self.attempt(request, target);
    }

    fn attempt(&mut self, request: usize, target: usize) {
        let asks = &mut self.requests[request];
        if std::mem::replace(&mut asks.tried, true) {
            self.outcome.extra.push(self.now - self.start);
        }
        asks.began = self.now;
        let (ok, takes) = match self.world.crowds[asks.crowd].poisoned {
            true => (false, Duration::from_millis(1)),
            false => self.answer(target),
        };
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
                self.ask(request, Waiting { target, pause: wait, since: self.now });
            }
            Next::TryPlain { .. } | Next::TryFresh { .. } | Next::GiveUp => {
                self.finish(request, End::Failed);
            }
        }
    }

    fn ask(&mut self, request: usize, waiting: Waiting) {
        let asks = &mut self.requests[request];
        asks.waiting = None;
        let Some(tokens) = &mut asks.tokens else { return };
        let waited = self.now - waiting.since;
        match self.budget.take(self.now, tokens, asks.walk.ahead()) {
            Take::Granted => {
                asks.walk.does_not_count(waited);
                self.at(self.now + waiting.pause, Event::Start { request, target: waiting.target });
            }
            Take::Wait => {
                asks.waiting = Some(waiting);
                self.waiters.push_back(request);
                return;
            }
            Take::Refused => {
                self.outcome.refused.push((self.now - self.start, asks.crowd));
                self.finish(request, End::Failed);
            }
        }
        self.outcome.longest_wait = self.outcome.longest_wait.max(waited);
    }

    fn finish(&mut self, request: usize, end: End) {
        let Request { crowd, ref mut tokens, .. } = self.requests[request];
        let Some(tokens) = tokens.take() else { return };
        self.outcome.answered[crowd] += u64::from(end == End::Committed);
        if self.requests[request].waiting.take().is_some() {
            self.waiters.retain(|waiter| *waiter != request);
        }
        let wake = match end {
            End::Committed => self.budget.committed(self.now, tokens),
            End::Failed => self.budget.failed(self.now, tokens),
            End::Abandoned => self.budget.abandoned(self.now, tokens),
        };
        if matches!(self.world.crowds[crowd].arrivals, Arrivals::Concurrency(_)) {
            self.expect_another(crowd);
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
