//! How many requests of one kind may be sent, and when.
//!
//! A vault takes so many in ten seconds. Where that is known, no more are sent. It is a quota for all its clients though, so
//! a refusal can come at any time, mostly without a word about when to come again. Then the gate is closed: now and then one
//! request is let out to see whether the vault takes more, and when it does, the others follow, few at first, so that other
//! processes that wait for the same moment get their share.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The time that a quota is for (<https://learn.microsoft.com/azure/key-vault/general/service-limits>), and a little more:
/// requests do not take equally long to arrive.
const WINDOW: Duration = Duration::from_millis(10_250);

/// From the first refusal to the first look, and by how much each later one takes longer.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// The longest time for which the vault's word to wait is taken: then it is looked whether it still holds.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How many may follow at once when the gate opens, and what part of the quota in each second from then on.
const FOLLOWERS: f64 = 8.0;
const REOPENING: f64 = 0.25;

/// What may be sent of one kind of request.
#[derive(Debug)]
pub(super) struct Budget {
    quota: usize,
    /// Whether the quota is kept before a refusal has shown that there is one.
    known: bool,
    /// When the last requests were sent, as far as they count: the oldest first, never more than the quota.
    sent: VecDeque<Instant>,
    gate: Gate,
    /// How often the gate was opened again. What was sent before that says nothing about now.
    opened: u64,
    /// Refusals since the gate was last open.
    refusals: u32,
}

#[derive(Debug, Clone, Copy)]
enum Gate {
    Open,
    /// The vault takes no more; nobody looks before that moment.
    Closed(Instant),
    /// One request is out to look.
    Looking,
    /// The vault takes requests again, since that moment, and so many have followed.
    Reopening(Instant, u32),
}

/// Whether a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Now(Ticket),
    /// Not before that moment.
    At(Instant),
    /// Not before the request that looks is back.
    WhenLooked,
}

/// The leave to send one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    at: Instant,
    opened: u64,
    looks: bool,
}

impl Budget {
    /// A budget of `quota` requests in ten seconds. If it is not `known`, there may be no quota at all: it is kept from the
    /// first refusal on.
    pub(super) fn new(quota: usize, known: bool) -> Self {
        Self { quota, known, sent: VecDeque::new(), gate: Gate::Open, opened: 0, refusals: 0 }
    }

    /// Whether a request may be sent now.
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        while self.sent.front().is_some_and(|sent| *sent + WINDOW <= now) {
            self.sent.pop_front();
        }
        if self.sent.len() >= self.quota {
            match self.sent.front() {
                Some(oldest) if self.known => return Turn::At(*oldest + WINDOW),
                _ => drop(self.sent.pop_front()),
            }
        }
        let mut looks = false;
        match self.gate {
            Gate::Open => {}
            Gate::Closed(until) if now < until => return Turn::At(until),
            Gate::Closed(_) => {
                self.gate = Gate::Looking;
                looks = true;
            }
            Gate::Looking => return Turn::WhenLooked,
            Gate::Reopening(since, followed) => {
                let rate = self.quota as f64 * REOPENING;
                let next = (f64::from(followed) + 1.0 - FOLLOWERS).max(0.0) / rate;
                let next = since + Duration::from_secs_f64(next);
                if now < next {
                    return Turn::At(next);
                }
                self.gate = match followed as usize {
                    all if all >= self.quota => Gate::Open,
                    _ => Gate::Reopening(since, followed + 1),
                };
            }
        }
        self.sent.push_back(now);
        Turn::Now(Ticket { at: now, opened: self.opened, looks })
    }

    /// The vault took the request.
    pub(super) fn taken(&mut self, ticket: Ticket, now: Instant) {
        if ticket.looks && matches!(self.gate, Gate::Looking) {
            self.gate = Gate::Reopening(now, 0);
            self.opened += 1;
            self.refusals = 0;
        }
    }

    /// The vault refused the request for its quota, and said when to come again, if it did. `jitter`, below 1, keeps those
    /// apart who were refused together.
    pub(super) fn refused(&mut self, ticket: Ticket, now: Instant, wait: Option<Duration>, jitter: f64) {
        self.known = true;
        // It does not count.
        if let Ok(index) = self.sent.binary_search(&ticket.at) {
            self.sent.remove(index);
        }
        let old_news = ticket.opened != self.opened;
        let for_another_to_say = matches!(self.gate, Gate::Looking | Gate::Closed(_)) && !ticket.looks;
        if old_news || for_another_to_say {
            return;
        }
        let wait = match wait {
            Some(wait) => wait.min(LONGEST_WAIT) + FIRST_LOOK.mul_f64(jitter),
            None => FIRST_LOOK
                .mul_f64(1.5_f64.powi(self.refusals.min(16) as i32))
                .min(LAST_LOOK)
                .mul_f64(1.0 + jitter / 4.0),
        };
        self.refusals += 1;
        self.gate = Gate::Closed(now + wait);
    }

    /// Nobody knows what the vault thinks of the request.
    pub(super) fn given_up(&mut self, ticket: Ticket, now: Instant) {
        if ticket.looks && matches!(self.gate, Gate::Looking) {
            self.gate = Gate::Closed(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: usize = 100;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn ticket(turn: Turn) -> Ticket {
        match turn {
            Turn::Now(ticket) => ticket,
            other => panic!("must be sent now, not {other:?}"),
        }
    }

    /// Sends all that may be sent at `now`.
    fn send_all(budget: &mut Budget, now: Instant) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        while let Turn::Now(ticket) = budget.turn(now) {
            tickets.push(ticket);
            assert!(tickets.len() <= 10 * QUOTA, "there must be an end");
        }
        tickets
    }

    #[test]
    fn a_known_quota_is_never_exceeded_in_any_ten_seconds() {
        let start = Instant::now();
        let mut budget = Budget::new(QUOTA, true);
        let mut sent = Vec::new();
        for step in 0..400 {
            let now = start + ms(step * 97);
            sent.extend(send_all(&mut budget, now).into_iter().map(|ticket| ticket.at));
        }
        for first in &sent {
            let within = sent.iter().filter(|other| *other >= first && **other < *first + ms(10_000)).count();
            assert!(within <= QUOTA, "{within}");
        }
        assert!(sent.len() >= 4 * QUOTA, "and it is used up: {}", sent.len());
    }

    #[test]
    fn where_none_is_known_there_is_no_limit_before_a_refusal() {
        let now = Instant::now();
        let mut budget = Budget::new(QUOTA, false);
        for _ in 0..5 * QUOTA {
            ticket(budget.turn(now));
        }
    }

    #[test]
    fn after_a_refusal_one_looks_while_the_others_wait() {
        let now = Instant::now();
        let mut budget = Budget::new(QUOTA, false);
        let (first, second) = (ticket(budget.turn(now)), ticket(budget.turn(now)));
        budget.refused(first, now, None, 0.0);
        budget.refused(second, now + ms(1), None, 0.0);
        assert_eq!(budget.turn(now + ms(2)), Turn::At(now + FIRST_LOOK), "the second refusal is no news");

        let looking = ticket(budget.turn(now + FIRST_LOOK));
        assert_eq!(budget.turn(now + FIRST_LOOK), Turn::WhenLooked);
        budget.refused(looking, now + ms(260), None, 0.0);
        assert_eq!(budget.turn(now + ms(260)), Turn::At(now + ms(260 + 375)), "each look takes longer");

        let looking = ticket(budget.turn(now + ms(635)));
        budget.taken(looking, now + ms(640));
        let followers = send_all(&mut budget, now + ms(640)).len();
        assert_eq!(followers, FOLLOWERS as usize, "few at first");
        let second_later = send_all(&mut budget, now + ms(1640)).len();
        assert_eq!(second_later, QUOTA / 4, "then a part of the quota a second");
    }

    #[test]
    fn looks_become_rarer_to_a_bound() {
        let mut now = Instant::now();
        let mut budget = Budget::new(QUOTA, true);
        for _ in 0..40 {
            let looking = ticket(budget.turn(now));
            budget.refused(looking, now, None, 0.999);
            let Turn::At(next) = budget.turn(now) else { panic!("the gate is closed") };
            assert!(next - now >= FIRST_LOOK && next - now <= LAST_LOOK.mul_f64(1.25), "{:?}", next - now);
            now = next;
        }
    }

    #[test]
    fn the_vaults_word_is_waited_for_but_not_for_ever() {
        let now = Instant::now();
        for (says, waits) in [(ms(7_000), ms(7_000)), (Duration::from_secs(86_400), LONGEST_WAIT)] {
            let mut budget = Budget::new(QUOTA, true);
            let refused = ticket(budget.turn(now));
            budget.refused(refused, now, Some(says), 0.0);
            assert_eq!(budget.turn(now + ms(1)), Turn::At(now + waits));
        }
    }

    #[test]
    fn a_look_that_comes_to_nothing_is_taken_over_at_once() {
        let now = Instant::now();
        let mut budget = Budget::new(QUOTA, true);
        let refused = ticket(budget.turn(now));
        budget.refused(refused, now, None, 0.0);
        let looking = ticket(budget.turn(now + ms(300)));
        budget.given_up(looking, now + ms(300));
        assert!(ticket(budget.turn(now + ms(300))).looks);
    }

    #[test]
    fn a_late_refusal_from_before_the_gate_was_opened_does_not_close_it() {
        let now = Instant::now();
        let mut budget = Budget::new(QUOTA, true);
        let (refused, late) = (ticket(budget.turn(now)), ticket(budget.turn(now)));
        budget.refused(refused, now, None, 0.0);
        let looking = ticket(budget.turn(now + ms(300)));
        budget.taken(looking, now + ms(310));
        budget.refused(late, now + ms(320), None, 0.0);
        ticket(budget.turn(now + ms(330)));
    }

    #[test]
    fn what_was_refused_does_not_count() {
        let now = Instant::now();
        let mut budget = Budget::new(2, true);
        let (kept, refused) = (ticket(budget.turn(now)), ticket(budget.turn(now)));
        budget.taken(kept, now);
        budget.refused(refused, now, None, 0.0);
        ticket(budget.turn(now + ms(300)));
        assert_eq!(budget.turn(now + ms(301)), Turn::At(now + WINDOW));
    }
}
