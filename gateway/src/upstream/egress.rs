//! Which addresses an upstream connection may go to (semantics S10.4).
//!
//! Decided on the resolved address, right before the connect, for names and literals alike: what a name
//! resolved to at another time proves nothing. It never looks at names.

use ipnet::IpNet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use weir_config::{AddressKind, leads_to};

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("a link-local or metadata address")]
    Metadata,
    #[error("an unspecified, multicast, broadcast or mapped address")]
    Unroutable,
    #[error("this gateway itself")]
    Ourselves,
    #[error("an address that this gateway was started never to reach")]
    Withheld,
    #[error("a private or loopback address that spec.egress.allowPrivate does not name")]
    Private,
}

/// The sockets that are refused whatever is allowed.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Those that this process listens on.
    pub(crate) ours: Vec<SocketAddr>,
    /// Those that it was started never to reach: the API server's, in a pod.
    pub(crate) withheld: Vec<SocketAddr>,
}

/// Whether `to` may be connected to. `is_local` says whether an address is this machine's, and is asked only where it
/// matters.
///
/// # Errors
/// That could not be told, for want of a descriptor or because nothing leads there: then it may not.
pub(crate) fn permit(
    to: SocketAddr,
    allow_private: &[IpNet],
    closed: &Closed,
    is_local: IsLocal,
) -> io::Result<Result<(), Refused>> {
    let ip = leads_to(to.ip());
    let to = SocketAddr::new(ip, to.port());
    let kind = AddressKind::of(ip);
    match kind {
        AddressKind::Metadata | AddressKind::LinkLocal => return Ok(Err(Refused::Metadata)),
        AddressKind::Private | AddressKind::Public => {}
        AddressKind::Unspecified | AddressKind::Multicast | AddressKind::Reserved | AddressKind::EmbedsV4 => {
            return Ok(Err(Refused::Unroutable));
        }
    }
    // Field by field: an IPv6 address may come with a scope, which makes it no other.
    if closed.withheld.iter().any(|one| (one.ip(), one.port()) == (ip, to.port())) {
        return Ok(Err(Refused::Withheld));
    }
    for own in &closed.ours {
        if is_own(to, *own, is_local)? {
            return Ok(Err(Refused::Ourselves));
        }
    }
    if kind == AddressKind::Private && !allow_private.iter().any(|range| range.contains(&ip)) {
        return Ok(Err(Refused::Private));
    }
    Ok(Ok(()))
}

/// Whether an address is this machine's.
type IsLocal = fn(IpAddr) -> io::Result<bool>;

/// Whether `to` reaches the listener `own`. One that listens on every address is reached through any of this
/// machine's: in a pod, through the pod's own.
fn is_own(to: SocketAddr, own: SocketAddr, is_local: IsLocal) -> io::Result<bool> {
    if to.port() != own.port() {
        return Ok(false);
    }
    if to.ip() == own.ip() || own.ip().is_unspecified() && to.ip().is_loopback() {
        return Ok(true);
    }
    if own.ip().is_unspecified() { is_local(to.ip()) } else { Ok(false) }
}

/// Whether `ip` is an address of this machine: the kernel would send from where it sends to.
pub(crate) fn is_local(ip: IpAddr) -> io::Result<bool> {
    source(ip).map(|from| from == ip)
}

/// The address that the kernel would send to `ip` from. Sends nothing.
pub(super) fn source(ip: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((ip, 9))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(to: &str, allowed: &[&str], expected: Result<(), Refused>) {
        let allowed: Vec<IpNet> = allowed.iter().map(|range| range.parse().unwrap()).collect();
        let closed = Closed {
            ours: vec!["0.0.0.0:8080".parse().unwrap(), "127.0.0.1:9090".parse().unwrap()],
            withheld: vec!["10.96.0.1:443".parse().unwrap(), "[fd12::1]:6443".parse().unwrap()],
        };
        let is_local = |ip: IpAddr| Ok(ip == Ipv4Addr::new(10, 9, 9, 9));
        assert_eq!(permit(to.parse().unwrap(), &allowed, &closed, is_local).unwrap(), expected, "{to}");
    }

    #[test]
    fn s10_4_where_nobody_can_tell_whether_it_is_the_gateway_itself_it_is_refused() {
        let closed = Closed { ours: vec!["0.0.0.0:8080".parse().unwrap()], withheld: Vec::new() };
        let spent = |_: IpAddr| Err(rustix::io::Errno::MFILE.into());
        let asked = permit("8.8.8.8:8080".parse().unwrap(), &[], &closed, spent);
        assert!(crate::descriptors::are_spent(&asked.unwrap_err()));
        assert_eq!(permit("8.8.8.8:443".parse().unwrap(), &[], &closed, spent).unwrap(), Ok(()), "not asked");
    }

    #[test]
    fn s10_4_some_addresses_are_refused_always() {
        let everything = ["0.0.0.0/0", "::/0"];
        for metadata in [
            "169.254.169.254:80",
            "[fe80::1]:80",
            "[fd00:ec2::254]:80",
            "[fd20:ce::254]:80",
            "100.100.100.200:80",
            "168.63.129.16:80",
        ] {
            check(metadata, &everything, Err(Refused::Metadata));
        }
        for unroutable in [
            "0.0.0.0:80",
            "224.0.0.1:80",
            "255.255.255.255:80",
            "[::]:80",
            "[ff02::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[::7f00:1]:80",
            "[64:ff9b:2::a00:1]:80",
            "[2002:a00:1::]:80",
            "[2001::1]:80",
        ] {
            check(unroutable, &everything, Err(Refused::Unroutable));
        }
        for ours in ["127.0.0.1:8080", "127.9.9.9:8080", "127.0.0.1:9090", "10.9.9.9:8080"] {
            check(ours, &everything, Err(Refused::Ourselves));
        }
        check("10.9.9.9:9090", &everything, Ok(())); // that one listens on the loopback alone
        for withheld in ["10.96.0.1:443", "[fd12::1]:6443"] {
            check(withheld, &everything, Err(Refused::Withheld));
        }
        check("10.96.0.1:80", &everything, Ok(())); // other ports of that address are other servers
    }

    #[test]
    fn s10_4_private_addresses_need_to_be_named() {
        for private in [
            "127.0.0.1:80",
            "10.1.2.3:80",
            "172.31.0.1:80",
            "192.168.0.1:80",
            "100.64.0.1:80",
            "[::1]:80",
            "[fd12::1]:80",
            "198.19.0.1:80",
        ] {
            check(private, &[], Err(Refused::Private));
        }
        check("10.1.2.3:80", &["10.0.0.0/8"], Ok(()));
        check("10.1.2.3:80", &["127.0.0.0/8"], Err(Refused::Private));
        check("127.0.0.1:8081", &["127.0.0.0/8"], Ok(()));
        check("[::1]:80", &["::1/128"], Ok(()));
    }

    #[test]
    fn s10_4_behind_nat64_everything_is_judged_by_the_address_inside() {
        let everything = ["0.0.0.0/0", "::/0"];
        check("[64:ff9b::8.8.8.8]:443", &[], Ok(()));
        check("[64:ff9b::10.1.2.3]:80", &[], Err(Refused::Private));
        check("[64:ff9b::10.1.2.3]:80", &["64:ff9b::/96"], Err(Refused::Private));
        check("[64:ff9b::10.1.2.3]:80", &["10.0.0.0/8"], Ok(()));
        check("[64:ff9b::169.254.169.254]:80", &everything, Err(Refused::Metadata));
        check("[64:ff9b::100.100.100.200]:80", &everything, Err(Refused::Metadata));
        check("[64:ff9b::255.255.255.255]:80", &everything, Err(Refused::Unroutable));
        check("[64:ff9b::10.96.0.1]:443", &everything, Err(Refused::Withheld));
        check("[64:ff9b::10.9.9.9]:8080", &everything, Err(Refused::Ourselves));
        // A network's own NAT64 may lead anywhere: only where it is named.
        check("[64:ff9b:1::8.8.8.8]:443", &[], Err(Refused::Private));
        check("[64:ff9b:1::8.8.8.8]:443", &["64:ff9b:1::/48"], Ok(()));
    }

    #[test]
    fn s10_4_public_addresses_are_allowed() {
        for public in ["1.1.1.1:443", "[2606:4700::1111]:443", "172.32.0.1:443", "100.128.0.1:443"] {
            check(public, &[], Ok(()));
        }
    }
}
