//! What a caller is told of upstreams' failures: by verdict, disclosure and, of a vendor's words, as much as judges the
//! caller's own request (semantics S1.5, S10.3).

use super::call::Call;
use super::plan::Offer;
use crate::fault::{Fault, FaultKind, Retry, ToldAttempt};
use crate::label::Chosen;
use crate::live::LiveTarget;
use std::borrow::Cow;
use std::time::{Duration, Instant};
use weir_config::{Disclosure, Failure, FailureClass};
use weir_policy::{Attempted, Reason, Verdict, verdict, verdict_of_some};
use weir_wire::Unsayable;

/// The attempts of a request that failed so far.
#[derive(Default)]
pub(crate) struct Failures {
    attempted: Vec<Attempted>,
    told: Vec<ToldAttempt>,
    /// As long as `attempted`: each with what the vendor of its target is known to refuse requests with.
    all: Vec<(&'static [&'static str], Failure)>,
    /// The retry budget left out targets that were still to be asked.
    left_out: bool,
    /// A target was not asked for want of a port.
    unasked: bool,
    /// What the first of the targets that were not asked for it has no words for, and who that is.
    unsayable: Option<(Chosen, Unsayable)>,
}

impl Failures {
    /// Adds `failure` of `offer`, which is target number `target`; it happened `now`.
    pub(crate) fn add(&mut self, call: &Call, target: usize, offer: &Offer, failure: Failure, now: Instant) {
        self.attempted.push(Attempted::new(target, offer.model.context_window, &failure, now));
        if failure.unasked {
            self.unasked = true;
        } else {
            self.told.extend(tell(call, &offer.chosen, &failure));
        }
        self.all.push((known_codes(&offer.target), failure));
    }

    /// What is spoken at `offer` has no words for the request: it was not asked.
    pub(crate) fn cannot_say(&mut self, offer: &Offer, unsayable: Unsayable) {
        self.unsayable.get_or_insert_with(|| (offer.chosen.clone(), unsayable));
    }

    /// Targets were left, and were not asked: the retry budget was spent.
    pub(crate) fn leave_out_the_rest(&mut self) {
        self.left_out = true;
    }

    /// What the upstreams' words come to; `None`: with a port there might have been an answer.
    fn verdict(&self, now: Instant) -> Option<Verdict> {
        let judge = if self.left_out { verdict_of_some } else { verdict };
        let verdict = judge(now, &self.attempted);
        (!self.unasked || matches!(verdict, Verdict::Caller { .. })).then_some(verdict)
    }

    /// What the caller is told (semantics S1.5). `left_out`: why targets were not asked; `broken`: how many nobody could
    /// ask.
    pub(crate) fn fault(mut self, call: &Call, left_out: &[Reason], broken: usize, now: Instant) -> Fault {
        let model = &call.request.facts().model;
        if let (true, Some((chosen, unsayable))) = (self.attempted.is_empty(), &self.unsayable) {
            return unsaid(chosen, unsayable, call.settings.listener.disclosure);
        }
        let Some(verdict) = self.verdict(now) else {
            let fault = Fault::overloaded(NO_PORT, call.worker.random());
            return Fault { attempts: self.told, ..fault };
        };
        let fault = match verdict {
            Verdict::Caller { attempt } if attempt < self.all.len() => {
                let (known, failure) = self.all.swap_remove(attempt);
                return passed_on(failure, known, call.settings.listener.disclosure);
            }
            Verdict::Unavailable { retry_after } => unavailable(model, self.left_out, retry_after),
            Verdict::TimedOut => {
                let text = format!("No upstream answered for model {model:?} in time. See `attempts`.");
                Fault::new(FaultKind::UpstreamTimeout, text).retry(Retry::Never)
            }
            Verdict::Broken => {
                let text = format!(
                    "No upstream accepts this gateway's account, model or address for {model:?}. Whoever runs the \
                     gateway must mend it: retrying does not help."
                );
                Fault::new(FaultKind::UpstreamBroken, text).retry(Retry::Never)
            }
            Verdict::RequestTooLarge => {
                let text = "This one request is larger than the limit per minute of every upstream account. Send a \
                            smaller one.";
                Fault::new(FaultKind::RequestTooLarge, text).retry(Retry::Never)
            }
            Verdict::NoTargets | Verdict::Caller { .. } => {
                no_targets(model, left_out, broken, call.settings.listener.disclosure)
            }
        };
        Fault { attempts: self.told, ..fault }
    }
}

/// Every target that there is speaks an API that has no words for the request.
fn unsaid(chosen: &Chosen, unsayable: &Unsayable, disclosure: Disclosure) -> Fault {
    let who = match disclosure {
        Disclosure::None => "the upstream".to_owned(),
        _ => format!("{} of {}", chosen.model.text, chosen.provider.text),
    };
    let text = format!("{} (asked of {who}, and no other target takes it)", unsayable.message);
    let param = Some(unsayable.param.clone()).filter(|param| !param.is_empty());
    Fault { param: param.map(Cow::Owned), ..Fault::new(FaultKind::Unsayable, text) }
}

const NO_PORT: &str = "The gateway has no port left to ask an upstream from.";

/// Where nobody knows when one recovers, SDKs are told not to retry, also where not all were asked: in an outage that is
/// almost everybody, and they would triple the load that the retry budget has just held down.
fn unavailable(model: &str, left_out: bool, retry_after: Option<Duration>) -> Fault {
    let why = if left_out {
        "an attempt failed, and the targets that were left were not asked, because too many requests have just failed \
         on all of theirs (this route's retry budget is spent)"
    } else {
        "every attempt failed"
    };
    let text = format!("No upstream could answer for model {model:?}: {why}. ");
    let (advice, retry) = match retry_after {
        Some(wait) => (format!("One recovers in {:.3} s.", wait.as_secs_f64()), Retry::After(wait)),
        None => ("See `attempts`, or the gateway's usage log.".to_owned(), Retry::Never),
    };
    Fault::new(FaultKind::UpstreamUnavailable, text + &advice).retry(retry)
}

/// Nobody was asked: how many targets were left out for each reason, as far as it may be told.
fn no_targets(model: &str, left_out: &[Reason], broken: usize, disclosure: Disclosure) -> Fault {
    let count = |reason: Reason| left_out.iter().filter(|other| **other == reason).count();
    let why = [
        (count(Reason::Suspended), "suspended"),
        (count(Reason::NotOffered), "without this model"),
        (broken, "broken"),
    ];
    let why: Vec<String> = why
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{count} {why}"))
        .collect();
    let why = match disclosure {
        Disclosure::None => "all are suspended, missing or broken".to_owned(),
        _ if why.is_empty() => "it has none".to_owned(),
        _ => why.join(", "),
    };
    let text = format!(
        "No target of model {model:?} can be used now: {why}. Whoever runs the gateway sees more in its LLMRoute."
    );
    Fault::new(FaultKind::UpstreamUnavailable, text).retry(Retry::Never)
}

/// An attempt as far as `listener.disclosure` lets it be told.
fn tell(call: &Call, chosen: &Chosen, failure: &Failure) -> Option<ToldAttempt> {
    let full = match call.settings.listener.disclosure {
        Disclosure::None => return None,
        Disclosure::Names => false,
        Disclosure::Full => true,
    };
    Some(ToldAttempt {
        provider: chosen.provider.text.to_string(),
        model: chosen.model.text.to_string(),
        outcome: failure.class.name(),
        status: failure.status.filter(|_| full),
        reason: full.then(|| failure.message.clone()),
    })
}

/// The types and codes that the vendor of `target` is known to refuse requests with.
pub(crate) fn known_codes(target: &LiveTarget) -> &'static [&'static str] {
    target.provider.vendor.row().request_codes
}

/// What a caller is told of an upstream's refusal of its request, wherever that is: in an answer of its own, or in the
/// last event of a stream that has begun (semantics S1.10).
struct Refused {
    /// The upstream's sentence, sanitised.
    message: Option<String>,
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
}

impl Refused {
    /// All that the upstream said. At None no word of its own: only the type and code that are among `known`, which
    /// programs decide by.
    fn of(failure: Failure, known: &[&str], disclosure: Disclosure) -> Self {
        let is_told = disclosure != Disclosure::None;
        let code = match failure.class {
            // Clients cut their conversation short on this one and no other, and vendors have ten for it.
            FailureClass::ContextLength => Some(Cow::Borrowed("context_length_exceeded")),
            _ => failure.code.map(Cow::Owned).filter(|code| is_told || known.contains(&&**code)),
        };
        Self {
            code: code.map(Cow::into_owned),
            kind: failure.kind.filter(|kind| is_told || known.contains(&kind.as_str())),
            param: failure.param.filter(|_| is_told),
            message: Some(failure.message).filter(|_| is_told),
        }
    }

    /// As a fault with this status and message.
    fn fault(self, status: u16, message: String) -> Fault {
        Fault {
            upstream_code: self.code,
            upstream_type: self.kind,
            param: self.param.map(Cow::Owned),
            ..Fault::new(FaultKind::Upstream(status), message)
        }
    }
}

/// The upstream's own 4xx: the request is the matter, and its words say why.
fn passed_on(failure: Failure, known: &[&str], disclosure: Disclosure) -> Fault {
    // 401, 403, 429 and the like would speak of the caller's own key and limits, which are not the matter.
    let status = failure.status.filter(|status| matches!(status, 400 | 404 | 413 | 415 | 422)).unwrap_or(400);
    let mut refused = Refused::of(failure, known, disclosure);
    let untold = || "The upstream refused this request. Its own words are not passed on here.".to_owned();
    let message = refused.message.take().unwrap_or_else(untold);
    refused.fault(status, message)
}

/// What the caller of a stream is told when it breaks off after its first content. What is no refusal of the request is
/// told in the upstream's words at Full alone.
pub(crate) fn broken_stream(failure: Failure, known: &[&str], disclosure: Disclosure) -> Fault {
    let told = |why: &str| {
        format!("The answer broke off: {}. What was sent so far is all there is", why.trim_end_matches('.'))
    };
    if failure.class.is_callers() {
        let mut refused = Refused::of(failure, known, disclosure);
        let message = refused.message.take();
        let why = message.as_deref().unwrap_or("the upstream refused to go on with this request");
        return refused.fault(400, told(why) + ".");
    }
    let why = match failure.own_words() {
        Some(own) => own,
        None if disclosure == Disclosure::Full => &failure.message,
        None => "the upstream reported an error",
    };
    let kind = match failure.class {
        FailureClass::Timeout => FaultKind::UpstreamTimeout,
        _ => FaultKind::UpstreamUnavailable,
    };
    Fault::new(kind, told(why) + "; send the request again for a whole one.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_config::Vendor;

    /// Groq's, when the model writes a call that is none.
    fn refusal(code: &str) -> Failure {
        Failure {
            status: Some(400),
            kind: Some("invalid_request_error".to_owned()),
            code: Some(code.to_owned()),
            ..Failure::new(FailureClass::CallerFault, "Failed to call a function.")
        }
    }

    fn known() -> &'static [&'static str] {
        Vendor::OpenAICompatible.row().request_codes
    }

    fn told(failure: &Failure, disclosure: Disclosure) -> (String, Option<String>, Option<String>) {
        let fault = broken_stream(failure.clone(), known(), disclosure);
        (fault.message.into_owned(), fault.upstream_type, fault.upstream_code)
    }

    #[test]
    fn s9_12_without_a_port_nobody_is_to_blame_unless_the_request_is_at_fault() {
        let now = Instant::now();
        let attempted = |target, class| Attempted::new(target, None, &Failure::new(class, ""), now);
        let no_port = attempted(0, FailureClass::ServerError);
        for (class, told) in [
            (FailureClass::ServerError, None),
            (FailureClass::Credential, None),
            (FailureClass::ContextLength, None), // it might have fitted there
            (FailureClass::CallerFault, Some(Verdict::Caller { attempt: 1 })),
        ] {
            let attempted = vec![no_port, attempted(1, class)];
            let failures = Failures { attempted, unasked: true, ..Failures::default() };
            assert_eq!(failures.verdict(now), told, "{class:?}");
            let asked = Failures { unasked: false, ..failures };
            assert!(asked.verdict(now).is_some());
        }
    }

    #[test]
    fn s1_10_a_refusal_inside_a_stream_keeps_the_type_and_code_that_its_vendor_is_known_for() {
        let kept = |word: &str| Some(word.to_owned());
        for disclosure in [Disclosure::None, Disclosure::Names, Disclosure::Full] {
            let (message, kind, code) = told(&refusal("tool_use_failed"), disclosure);
            assert_eq!((kind, code), (kept("invalid_request_error"), kept("tool_use_failed")));
            assert_eq!(message.contains("call a function"), disclosure != Disclosure::None, "{message}");
            assert!(!message.contains("again"), "it would be refused again: {message}");
            let too_long = Failure { class: FailureClass::ContextLength, ..refusal("too_many_tokens") };
            assert_eq!(told(&too_long, disclosure).2, kept("context_length_exceeded"));
        }
    }

    #[test]
    fn s1_10_a_refusal_is_told_in_a_stream_as_it_is_outside_and_at_none_in_no_word_of_the_vendors() {
        for code in ["tool_use_failed", "your_prompt_said_so"] {
            for disclosure in [Disclosure::None, Disclosure::Names, Disclosure::Full] {
                let refusal = Failure { param: Some("messages.1".to_owned()), ..refusal(code) };
                let outside = passed_on(refusal.clone(), known(), disclosure);
                let inside = broken_stream(refusal, known(), disclosure);
                let words = |fault: &Fault| {
                    let sentence = fault.message.contains("Failed to call a function");
                    (sentence, fault.upstream_type.clone(), fault.upstream_code.clone(), fault.param.clone())
                };
                assert_eq!(words(&outside), words(&inside), "{code} {disclosure:?}");
                let is_told = disclosure != Disclosure::None;
                assert_eq!((words(&outside).0, outside.param.is_some()), (is_told, is_told));
                assert_eq!(outside.upstream_code.is_some(), is_told || code == "tool_use_failed");
            }
        }
    }

    #[test]
    fn s1_10_what_is_no_refusal_tells_of_no_limit_of_the_vendors() {
        for class in FailureClass::ALL.into_iter().filter(|class| !class.is_callers()) {
            let failure = Failure { class, ..refusal("rate_limit_exceeded") };
            for (disclosure, shown) in
                [(Disclosure::None, false), (Disclosure::Names, false), (Disclosure::Full, true)]
            {
                let (message, kind, code) = told(&failure, disclosure);
                assert_eq!((kind, code), (None, None), "{class:?}");
                assert_eq!(message.contains("call a function"), shown, "{class:?} {message}");
                assert!(message.contains("again"), "{message}");
            }
        }
        let own = Failure::new(FailureClass::Timeout, "the upstream's stream fell silent");
        assert!(told(&own, Disclosure::None).0.contains("fell silent"));
    }
}
