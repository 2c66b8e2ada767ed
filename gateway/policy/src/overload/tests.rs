use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

/// A worker of a simulated gateway, its connections, and who calls on them. Every cost is in microseconds.
struct Worker {
    now: u64,
    overload: Overload,
    /// When each waiting request came.
    waiting: VecDeque<u64>,
    /// When each connection asks next, the soonest first.
    callers: VecDeque<u64>,
    /// How long callers rest after a refusal and after an answer.
    rest: u64,
    pressed: bool,
    served: u64,
    refused: u64,
    longest_pass: u64,
    longest_wait: u64,
}

/// To take a request in, to serve one, to refuse one; a pass around nothing.
const TAKE: u64 = 15;
const SERVE: u64 = 45;
const REFUSE: u64 = 8;
const TURN: u64 = 3;
/// What a worker serves in a second that does nothing else.
const CAPACITY: u64 = 1_000_000 / (TAKE + SERVE);

impl Worker {
    fn new(connections: usize, rest: u64) -> Self {
        Self {
            now: 0,
            overload: Overload::default(),
            waiting: VecDeque::new(),
            callers: (0..connections).map(|_| 0).collect(),
            rest,
            pressed: false,
            served: 0,
            refused: 0,
            longest_pass: 0,
            longest_wait: 0,
        }
    }

    /// Whoever is due asks: taken in, and served at once unless the worker has too much to do.
    fn take_in(&mut self) {
        for _ in 0..self.callers.len() {
            if self.callers.front().is_none_or(|due| *due > self.now) {
                return;
            }
            self.callers.pop_front();
            self.now += TAKE;
            if self.pressed {
                self.waiting.push_back(self.now);
            } else {
                self.serve();
            }
        }
    }

    fn serve(&mut self) {
        self.now += SERVE;
        self.served += 1;
        self.callers.push_back(self.now + self.rest);
    }

    /// Runs for `micros`; streams that run already want `busy` of 100 parts of the time.
    fn run(&mut self, micros: u64, busy: u64) {
        let until = self.now + micros;
        let mut began = self.now;
        while self.now < until {
            let took = self.now - began;
            began = self.now;
            self.longest_pass = self.longest_pass.max(took);
            let mut pass = self.overload.pass(Duration::from_micros(took));
            let (mut admitted, mut refused) = (0, 0);
            while let Some(since) = self.waiting.front() {
                let waited = self.now - since;
                match pass.next(Duration::from_micros(waited)) {
                    None => break,
                    Some(Turn::Admitted) => admitted += 1,
                    Some(Turn::Refused) => refused += 1,
                }
                self.longest_wait = self.longest_wait.max(waited);
                self.waiting.pop_front();
            }
            for _ in 0..refused {
                self.now += REFUSE;
                self.refused += 1;
                self.callers.push_back(self.now + self.rest);
            }
            (0..admitted).for_each(|_| self.serve());
            self.now += took.max(1) * busy / 100;
            self.take_in();
            self.now += TURN;
            self.pressed =
                !self.waiting.is_empty() || Overload::is_late(Duration::from_micros(self.now - began));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Callers that come again at once, ten times what is served and more: what is asked for each second is the
    /// connections over the time that each waits.
    #[test]
    fn s9_13_goodput_stays_at_nine_tenths_of_the_capacity_however_many_ask(connections in 200usize..15_000) {
        let mut worker = Worker::new(connections, 0);
        worker.run(2_000_000, 0);
        let (before, seconds) = (worker.served, 5);
        worker.run(seconds * 1_000_000, 0);
        let goodput = (worker.served - before) / seconds;
        prop_assert!(goodput * 10 >= CAPACITY * 9, "{goodput} of {CAPACITY}");
        prop_assert!(worker.longest_wait < 5_500_000, "{}", worker.longest_wait);
    }

    #[test]
    fn s9_13_once_the_rush_is_over_nobody_is_kept_waiting_within_two_seconds(connections in 200usize..15_000) {
        let mut worker = Worker::new(connections, 0);
        worker.run(3_000_000, 0);
        worker.rest = connections as u64 * 1_000_000 / (CAPACITY / 2); // half of what it can
        worker.run(2_000_000, 0);
        let refused = worker.refused;
        worker.longest_wait = 0;
        worker.run(2_000_000, 0);
        prop_assert!(worker.longest_wait < 250_000, "{} us", worker.longest_wait);
        prop_assert_eq!(worker.refused, refused);
    }

    /// Streams are not held up, and who asks is told in seconds that there is no room.
    #[test]
    fn s9_13_streams_that_run_are_not_held_up_by_who_waits(connections in 200usize..6_000, busy in 10u64..95) {
        let mut worker = Worker::new(connections, 0);
        worker.run(1_000_000, busy);
        worker.longest_pass = 0;
        worker.run(10_000_000, busy);
        prop_assert!(worker.longest_pass < 30_000, "a pass took {} us", worker.longest_pass);
        prop_assert!(worker.longest_wait < 5_500_000, "{}", worker.longest_wait);
    }
}

#[test]
fn s9_13_nobody_waits_and_nobody_is_refused_below_the_capacity() {
    let mut worker = Worker::new(100, 100 * 1_000_000 / (CAPACITY * 8 / 10));
    worker.run(5_000_000, 0);
    assert!(worker.served > CAPACITY * 3, "{}", worker.served);
    assert_eq!((worker.refused, worker.longest_wait), (0, 0));
}

#[test]
fn s9_13_who_has_waited_for_a_second_may_be_turned_away_and_after_five_is() {
    let mut overload = Overload::default();
    let (short, long, longest) = (Duration::from_millis(999), PATIENCE, END);
    let mut pass = overload.pass(Duration::ZERO);
    assert_eq!(pass.next(short), Some(Turn::Admitted));
    assert_eq!(pass.next(long), Some(Turn::Admitted), "nobody is turned away before eight were let in");
    assert_eq!(pass.next(longest), Some(Turn::Refused), "but after five seconds");
    assert_eq!((pass.next(long), pass.next(short)), (None, None), "the batch is two now");
    let mut turns = Vec::new();
    for _ in 0..20 {
        let mut pass = overload.pass(Duration::ZERO);
        turns.extend(std::iter::from_fn(|| pass.next(long)));
    }
    let refused = turns.iter().filter(|turn| **turn == Turn::Refused).count();
    assert!(refused * 9 <= turns.len() && refused * 10 >= turns.len(), "{refused} of {}", turns.len());
}

#[test]
fn s9_13_a_long_pass_halves_the_batch_and_short_ones_make_it_grow() {
    let mut overload = Overload::default();
    let mut sizes = Vec::new();
    for took in [0, 0, 0, 0, 0, 6, 6, 6, 6, 0].map(Duration::from_millis) {
        let mut pass = overload.pass(took);
        sizes.push(std::iter::from_fn(|| pass.next(Duration::ZERO)).count());
    }
    assert_eq!(sizes, [2, 3, 4, 5, 6, 3, 1, 1, 1, 2]);
}
