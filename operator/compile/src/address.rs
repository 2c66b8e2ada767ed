//! Which literal addresses no gateway ever connects to, whatever `egress.allowPrivate` says (semantics S10.4).
//!
//! Gateways check again at connect, where names have become addresses. Here the same rule only makes a hopeless
//! endpoint known before its first request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services outside the link-local ranges: AWS and GCP over IPv6, Alibaba Cloud.
/// Sources: docs.aws.amazon.com (IMDS), cloud.google.com (metadata server), alibabacloud.com (ECS metadata).
const METADATA: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
];

/// Why nobody may connect to `address`, or `None`.
pub(crate) fn refused(address: IpAddr) -> Option<&'static str> {
    if METADATA.contains(&address) {
        return Some("a cloud's metadata service");
    }
    match address {
        IpAddr::V4(v4) => refused_v4(v4),
        IpAddr::V6(v6) => refused_v6(v6),
    }
}

fn refused_v4(v4: Ipv4Addr) -> Option<&'static str> {
    let [first, ..] = v4.octets();
    match first {
        _ if v4.is_link_local() => Some("a link-local address, as clouds' metadata services have"),
        0 => Some("the unspecified address"),
        224..=239 => Some("a multicast address"),
        240..=255 => Some("a reserved or broadcast address"),
        _ => None,
    }
}

fn refused_v6(v6: Ipv6Addr) -> Option<&'static str> {
    match v6.segments() {
        _ if v6.is_unspecified() => Some("the unspecified address"),
        _ if v6.is_multicast() => Some("a multicast address"),
        _ if v6.is_unicast_link_local() => Some("a link-local address"),
        [0, 0, 0, 0, 0, 0xffff, ..] => Some("an IPv4 address mapped into IPv6"),
        // ::/96 and NAT64: the same trick under other prefixes. ::1 is loopback.
        [0, 0, 0, 0, 0, 0, ..] if !v6.is_loopback() => Some("an IPv4 address inside IPv6"),
        [0x64, 0xff9b, ..] => Some("an IPv4 address inside IPv6"),
        _ => None,
    }
}

/// Whether `address` needs a range of `egress.allowPrivate`: loopback, private, shared (RFC 6598), unique local.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_loopback() || v4.is_private() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_4_metadata_and_its_disguises_are_refused() {
        for text in [
            "169.254.169.254",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
        ] {
            assert!(refused(text.parse().unwrap()).is_some(), "{text}");
        }
        for text in ["127.0.0.1", "::1", "10.1.2.3", "fd12::1", "8.8.8.8", "2606:4700::1111"] {
            assert_eq!(refused(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn s10_4_private_is_what_must_be_allowed() {
        for text in ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1"] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        assert!(!is_private("8.8.8.8".parse().unwrap()) && !is_private("2606:4700::1111".parse().unwrap()));
    }
}
