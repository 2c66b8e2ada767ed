//! What a caller is told of upstreams' failures: by verdict, disclosure and, of a vendor's words, as much as judges the
//! caller's own request (semantics S1.5, S10.3).

use crate::call::Call;
use crate::fault::{Fault, FaultKind, Retry, ToldAttempt};
use crate::observe::Chosen;
use std::borrow::Cow;
use std::time::{Duration, Instant};
use weir_config::{Disclosure, Failure, FailureClass, VendorRow};
use weir_policy::{Attempted, Verdict, verdict, verdict_of_some};

/// The attempts of a request that failed so far.
#[derive(Default)]
pub(crate) struct Failures {
    attempted: Vec<Attempted>,
    told: Vec<ToldAttempt>,
    /// As long as `attempted`.
    all: Vec<Failure>,
    /// The retry budget left out targets that were still to be asked.
    left_out: bool,
}

impl Failures {
    /// Adds `failure` of `target`, which happened `now`.
    pub(crate) fn add(&mut self, call: &Call, target: usize, failure: Failure, now: Instant) {
        let offer = call.offer(target);
        let window = offer.as_ref().and_then(|offer| offer.model.context_window);
        self.attempted.push(Attempted::new(target, window, &failure, now));
        self.told.extend(offer.and_then(|offer| tell(call, &offer.chosen, &failure)));
        self.all.push(failure);
    }

    /// Targets were left, and were not asked: the retry budget was spent.
    pub(crate) fn leave_out_the_rest(&mut self) {
        self.left_out = true;
    }

    /// What the caller is told (semantics S1.5).
    pub(crate) fn fault(mut self, call: &Call, now: Instant) -> Fault {
        let model = call.request.model();
        let judge = if self.left_out { verdict_of_some } else { verdict };
        let fault = match judge(now, &self.attempted) {
            Verdict::Caller { attempt } if attempt < self.all.len() => {
                return passed_on(self.all.swap_remove(attempt));
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
                let text = format!(
                    "No target of model {model:?} can be used now: all are suspended, missing or broken. Whoever runs \
                     the gateway sees why in its LLMRoute."
                );
                Fault::new(FaultKind::UpstreamUnavailable, text).retry(Retry::Never)
            }
        };
        Fault { attempts: self.told, ..fault }
    }
}

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

/// What may be logged of a failure's message: a vendor's own may quote the prompt (semantics S10.10), and comes
/// with a status.
pub(crate) fn own_words(failure: &Failure) -> Option<&str> {
    failure.status.is_none().then_some(failure.message.as_str())
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

/// The upstream's own 4xx: the request is the matter, and its words (sanitised) say why.
fn passed_on(failure: Failure) -> Fault {
    // 401, 403, 429 and the like would speak of the caller's own key and limits, which are not the matter.
    let status = failure.status.filter(|status| matches!(status, 400 | 404 | 413 | 415 | 422)).unwrap_or(400);
    Fault {
        upstream_code: code(&failure),
        param: failure.param.map(Cow::Owned),
        upstream_type: failure.kind,
        ..Fault::new(FaultKind::Upstream(status), failure.message)
    }
}

/// The code that a refusal has for its caller. Clients cut their conversation short on this one and no other, and
/// vendors have ten for it.
fn code(failure: &Failure) -> Option<String> {
    match failure.class {
        FailureClass::ContextLength => Some("context_length_exceeded".to_owned()),
        _ => failure.code.clone(),
    }
}

/// What the caller of a stream is told when it breaks off after its first content: in the words of a vendor with this
/// `row` only as far as the disclosure goes, and never at None.
pub(crate) fn broken_stream(failure: &Failure, row: &VendorRow, disclosure: Disclosure) -> Fault {
    let is_callers = failure.class.is_callers();
    let shown = match disclosure {
        Disclosure::None => false,
        Disclosure::Names => is_callers,
        Disclosure::Full => true,
    };
    let why = match own_words(failure) {
        Some(own) => own,
        None if shown => &failure.message,
        None if is_callers => "the upstream refused to go on with this request",
        None => "the upstream reported an error",
    };
    let text =
        format!("The answer broke off: {}. What was sent so far is all there is", why.trim_end_matches('.'));
    if !is_callers {
        let kind = match failure.class {
            FailureClass::Timeout => FaultKind::UpstreamTimeout,
            _ => FaultKind::UpstreamUnavailable,
        };
        return Fault::new(kind, text + "; send the request again for a whole one.");
    }
    let known = |word: Option<String>| word.filter(|word| row.request_codes.contains(&word.as_str()));
    Fault {
        upstream_type: known(failure.kind.clone()),
        upstream_code: known(code(failure)),
        ..Fault::new(FaultKind::Upstream(400), text + ".")
    }
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

    fn told(failure: &Failure, disclosure: Disclosure) -> (String, Option<String>, Option<String>) {
        let fault = broken_stream(failure, Vendor::OpenAICompatible.row(), disclosure);
        (fault.message.into_owned(), fault.upstream_type, fault.upstream_code)
    }

    #[test]
    fn s1_10_a_refusal_inside_a_stream_keeps_the_type_and_code_that_its_vendor_is_known_for() {
        let kept = |word: &str| Some(word.to_owned());
        for disclosure in [Disclosure::None, Disclosure::Names, Disclosure::Full] {
            let (message, kind, code) = told(&refusal("tool_use_failed"), disclosure);
            assert_eq!((kind, code), (kept("invalid_request_error"), kept("tool_use_failed")));
            assert_eq!(message.contains("call a function"), disclosure != Disclosure::None, "{message}");
            assert!(!message.contains("again"), "it would be refused again: {message}");
            let (_, _, code) = told(&refusal("your_prompt_said_so"), disclosure);
            assert_eq!(code, None);
        }
        let too_long = Failure { class: FailureClass::ContextLength, ..refusal("too_many_tokens") };
        assert_eq!(told(&too_long, Disclosure::Names).2, kept("context_length_exceeded"));
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
