//! What keeps an object, or a field of it, from pods that could be told of it (semantics S8.11): in words, with the pod
//! that is waited for and what to do about that.

use crate::pods::GatewayPod;
use weir_config::ObjectName;
use weir_config::published::LeftOut;

/// Why `left` is in none of the pods of `gateway`, for which `format` is written. Each of those comes with the formats that
/// it reads, if it has said so.
pub fn why<'a>(
    gateway: &ObjectName,
    left: &LeftOut,
    format: u32,
    pods: impl Iterator<Item = (&'a GatewayPod, Option<&'a [u32]>)>,
) -> String {
    let what = left.what;
    let so = if left.whole {
        "none of its pods serves the object"
    } else {
        "none of its pods goes by that, whatever else of the object they run"
    };
    // For whom nothing newer is written.
    let waited_for = pods.filter(|(_, reads)| reads.is_none_or(|reads| reads.iter().all(|it| *it <= format)));
    // One that is known to be of an older version first, and always the same of several.
    let Some((pod, reads)) = waited_for.min_by_key(|(pod, reads)| (reads.is_none(), &pod.name)) else {
        return format!(
            "what LLMGateway {gateway} has published is in the words of an older version, which cannot be told of {what}, \
             so {so}; no pod needs them any more, and it is published anew in a moment"
        );
    };
    let (name, remedy) = (&pod.name, remedy(pod, reads.is_some()));
    if reads.is_some() {
        format!(
            "pod {name} of LLMGateway {gateway} is of an older version, which cannot be told of {what}, so {so}; {remedy}"
        )
    } else {
        format!(
            "pod {name} of LLMGateway {gateway} has not said of which version it is, and an older one cannot be told of \
             {what}, so {so}; {remedy}"
        )
    }
}

fn remedy(pod: &GatewayPod, has_said: bool) -> &'static str {
    match (pod.leaving, has_said) {
        (true, _) => "it is leaving: wait until it is gone",
        (false, true) => {
            "update it (`spec.image`, if that names one), or do without that until all such pods are replaced"
        }
        (false, false) => {
            "see why it does not answer the operator on its admin port (a NetworkPolicy may be in the way), or delete it"
        }
    }
}

#[cfg(test)]
mod tests;
