//! What kind of address one is, as far as it decides whether a gateway may connect to it (semantics S10.4).
//!
//! One table for both who ask: compile, which makes a hopeless endpoint known before its first request, and the
//! gateway, which decides at each connect. It says nothing of names, ports or who listens there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// A cloud's metadata service outside of the link-local range.
    Metadata,
    /// Link-local, where most metadata services are.
    LinkLocal,
    /// The unspecified address, or one of its network.
    Unspecified,
    /// Multicast.
    Multicast,
    /// Reserved or broadcast.
    Reserved,
    /// An IPv4 address in IPv6 clothes, which would slip past the rules for IPv4.
    EmbedsV4,
    /// Loopback, private and other ranges that are only reached where `egress.allowPrivate` names them.
    Private,
    /// Any other.
    Public,
}

/// Metadata services outside of the link-local range: AWS and Google Cloud over IPv6, Alibaba Cloud, Azure's wire
/// server, Oracle Cloud. Source: the vendors' instance metadata documentation.
const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Where a connection to `address` comes out, which is what decides: of NAT64's well-known prefix the IPv4 address
/// inside (RFC 6052, section 2.1); of any other, the address itself. In a cluster that has IPv6 alone, DNS64
/// tells such addresses for every vendor that has IPv4 alone.
pub fn leads_to(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
                let [.., a, b, c, d] = address.octets();
                Ipv4Addr::new(a, b, c, d).into()
            }
            _ => address.into(),
        },
        IpAddr::V4(_) => address,
    }
}

impl AddressKind {
    /// The kind of `address`; of one behind NAT64, that of what it [`leads_to`].
    pub fn of(address: IpAddr) -> Self {
        let address = leads_to(address);
        if METADATA.contains(&address) {
            return Self::Metadata;
        }
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    /// Whether nobody may ever connect there, whatever `egress.allowPrivate` says.
    pub fn is_never_allowed(self) -> bool {
        !matches!(self, Self::Private | Self::Public)
    }

    /// The kind in words, as in "its address is …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Metadata => "a cloud's metadata service",
            Self::LinkLocal => "a link-local address, as clouds' metadata services have",
            Self::Unspecified => "the unspecified address",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved or broadcast address",
            Self::EmbedsV4 => "an IPv4 address inside IPv6",
            Self::Private => "a private or loopback address",
            Self::Public => "a public address",
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [169, 254, ..] => Self::LinkLocal,
            [0, ..] => Self::Unspecified,
            [224..=239, ..] => Self::Multicast,
            [240..=255, ..] => Self::Reserved,
            _ if address.is_loopback() || address.is_private() => Self::Private,
            [100, 64..=127, ..] => Self::Private, // carrier-grade NAT, RFC 6598
            [192, 0, 0, _] => Self::Private,      // protocol assignments, RFC 6890
            [198, 18..=19, ..] => Self::Private,  // benchmarking, RFC 2544
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            _ if address.is_unspecified() => Self::Unspecified,
            _ if address.is_loopback() => Self::Private,
            _ if address.is_multicast() => Self::Multicast,
            _ if address.is_unicast_link_local() => Self::LinkLocal,
            [0x64, 0xff9b, 1, ..] => Self::Private, // a network's own NAT64, RFC 8215
            // Compatible, mapped, what lies around NAT64's prefix, 6to4, Teredo.
            [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0, ..] => {
                Self::EmbedsV4
            }
            [0xfec0..=0xfeff, ..] => Self::Private, // site-local, RFC 3879
            _ if address.is_unique_local() => Self::Private,
            _ => Self::Public,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(kind: AddressKind, texts: &[&str]) {
        for text in texts {
            assert_eq!(AddressKind::of(text.parse().unwrap()), kind, "{text}");
        }
    }

    #[test]
    fn s10_4_metadata_and_its_disguises_are_known() {
        use AddressKind::{EmbedsV4, LinkLocal, Metadata, Multicast, Reserved, Unspecified};
        let metadata = ["fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"];
        all(Metadata, &metadata);
        all(LinkLocal, &["169.254.169.254", "fe80::1"]);
        all(Unspecified, &["0.0.0.0", "0.1.2.3", "::"]);
        all(Multicast, &["224.0.0.1", "239.255.255.255", "ff02::1"]);
        all(Reserved, &["240.0.0.1", "255.255.255.255"]);
        let disguises = [
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "::169.254.169.254",
            "::8.8.8.8",
            "64:ff9b:0:1::8.8.8.8",
            "64:ff9b:2::1",
            "2002:a00:1::",
            "2002:808:808::",
            "2001::1",
        ];
        all(EmbedsV4, &disguises);
        for kind in [Metadata, LinkLocal, Unspecified, Multicast, Reserved, EmbedsV4] {
            assert!(kind.is_never_allowed(), "{kind:?}");
        }
    }

    #[test]
    fn s10_4_private_is_what_must_be_allowed() {
        let private = [
            "127.0.0.1",
            "::1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.1",
            "198.19.0.1",
            "fd12::1",
            "fec0::1",
            "64:ff9b:1::8.8.8.8",
            "64:ff9b:1:ffff::169.254.169.254",
        ];
        all(AddressKind::Private, &private);
        let public = ["8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111"];
        all(AddressKind::Public, &public);
        all(AddressKind::Public, &["64:ff9a::1", "64:ff9c::1", "2001:4860::1", "2003::1", "1::ffff:8.8.8.8"]);
        assert!(!AddressKind::Private.is_never_allowed() && !AddressKind::Public.is_never_allowed());
    }

    #[test]
    fn s10_4_behind_nat64_the_address_inside_decides() {
        use AddressKind::{LinkLocal, Metadata, Multicast, Private, Public, Reserved, Unspecified};
        for (text, kind) in [
            ("64:ff9b::8.8.8.8", Public),
            ("64:ff9b::808:808", Public),
            ("64:ff9b::10.0.0.1", Private),
            ("64:ff9b::127.0.0.1", Private),
            ("64:ff9b::100.64.0.1", Private),
            ("64:ff9b::169.254.169.254", LinkLocal),
            ("64:ff9b::168.63.129.16", Metadata),
            ("64:ff9b::100.100.100.200", Metadata),
            ("64:ff9b::0.0.0.0", Unspecified),
            ("64:ff9b::224.0.0.1", Multicast),
            ("64:ff9b::255.255.255.255", Reserved),
        ] {
            all(kind, &[text]);
        }
        let inside: IpAddr = "8.8.8.8".parse().unwrap();
        assert_eq!(leads_to("64:ff9b::8.8.8.8".parse().unwrap()), inside);
        for itself in ["8.8.8.8", "64:ff9b:1::8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111"] {
            assert_eq!(leads_to(itself.parse().unwrap()), itself.parse::<IpAddr>().unwrap());
        }
    }
}
