//! S10.4: which addresses an upstream may have.

use crate::harness::{Config, World};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use weir_config::{Backend, Endpoint};
use weir_upstream::Upstream;

/// A gateway over one provider at `host` and `port`, with these ranges allowed; its refusal of a chat.
async fn refused(world: &World, host: &str, port: u16, allowed: &[&str]) -> String {
    let mut config = Config::new();
    config.add("p1", port);
    config.provider_mut(0, |provider| {
        let base_path = "/v1".to_owned();
        provider.backend = Backend::Http(Endpoint { tls: false, host: host.to_owned(), port, base_path });
    });
    config.gateway_mut(|gateway| {
        gateway.egress.allow_private = allowed.iter().map(|range| range.parse().unwrap()).collect();
    });
    world.running().apply(config.0.clone());
    let began = Instant::now();
    let reply = world.chat().await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "upstream_unavailable"), "{host}: {reply:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{host}: refused, not tried: {:?}", began.elapsed());
    let error = &reply.json()["error"];
    assert_eq!(error["attempts"][0]["outcome"], "server_error");
    let reason = error["attempts"][0]["reason"].as_str().unwrap().to_owned();
    assert!(!reply.text.contains(&port.to_string()), "{reply:?}");
    assert!(host.len() < 4 || !reply.text.contains(host), "{reply:?}");
    reason
}

const EVERYTHING: [&str; 2] = ["0.0.0.0/0", "::/0"];

#[tokio::test]
async fn s10_4_the_loopback_is_reached_only_where_it_is_allowed() {
    let upstream = Upstream::start();
    let world = World::start();
    for host in ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "127.200.3.4", "::1"] {
        let reason = refused(&world, host, upstream.port(), &[]).await;
        assert!(reason.contains("spec.egress.allowPrivate"), "{host}: {reason}");
        let reason = refused(&world, host, upstream.port(), &["10.0.0.0/8", "fd00::/8"]).await;
        assert!(reason.contains("spec.egress.allowPrivate"), "{host}: {reason}");
    }
    assert_eq!(upstream.connections(), 0, "nothing was connected");
    let mut config = Config::over(&[&upstream]);
    config.provider_mut(0, |provider| {
        if let Backend::Http(endpoint) = &mut provider.backend {
            endpoint.host = "localhost".to_owned();
        }
    });
    world.running().apply(config.0.clone());
    assert_eq!(world.chat().await.status, 200, "a name is judged by what it resolves to");
}

#[tokio::test]
async fn s10_4_a_kept_connection_is_not_used_once_its_address_is_forbidden() {
    let upstream = Upstream::start();
    let mut config = Config::over(&[&upstream]);
    let world = config.start_with(|options| options.workers = std::num::NonZeroUsize::new(1));
    for _ in 0..2 {
        assert_eq!(world.chat().await.status, 200);
    }
    assert_eq!(upstream.connections(), 1, "it is kept");
    config.gateway_mut(|gateway| gateway.egress.allow_private = vec!["10.0.0.0/8".parse().unwrap()]);
    world.running().apply(config.0.clone());
    let reply = world.chat().await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "upstream_unavailable"), "{reply:?}");
    assert_eq!((upstream.connections(), upstream.count()), (1, 2), "nothing more was sent");
}

#[tokio::test]
async fn s10_4_some_addresses_are_never_reached() {
    let upstream = Upstream::start();
    let world = World::start();
    for (host, why) in [
        ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("fe80::1", "metadata"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("::ffff:127.0.0.1", "mapped"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
    ] {
        let reason = refused(&world, host, upstream.port(), &EVERYTHING).await;
        assert!(reason.contains(why), "{host}: {reason}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn s10_4_a_gateway_never_calls_itself() {
    let world = World::start();
    for port in [world.data.port(), world.admin.port()] {
        for host in ["127.0.0.1", "localhost"] {
            let reason = refused(&world, host, port, &EVERYTHING).await;
            assert!(reason.contains("this gateway itself"), "{host}: {reason}");
        }
    }
    assert_eq!(world.usage().len(), 4, "no request came back to us");
}

#[tokio::test]
async fn s10_4_what_is_withheld_is_never_reached() {
    let (api_server, other) = (Upstream::start(), Upstream::start());
    let address = SocketAddr::from(([127, 0, 0, 1], api_server.port()));
    let world = World::start_with(|options| options.withheld = vec![address]);
    for host in ["127.0.0.1", "localhost"] {
        let reason = refused(&world, host, api_server.port(), &EVERYTHING).await;
        assert!(reason.contains("never to reach"), "{host}: {reason}");
    }
    assert_eq!(api_server.connections(), 0);
    world.running().apply(Config::over(&[&other]).0);
    assert_eq!(world.chat().await.status, 200, "its neighbour on the same address is another server");
}

/// An address of this machine that others can reach. Nothing is sent to find it.
fn outer_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("203.0.113.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[tokio::test]
async fn s10_4_a_gateway_that_listens_everywhere_knows_all_its_addresses() {
    let world = World::start_with(|options| {
        options.listen.set_ip([0, 0, 0, 0].into());
        options.admin_listen.set_ip([0, 0, 0, 0].into());
    });
    let hosts = ["127.0.0.1".to_owned(), "127.3.2.1".to_owned()];
    for host in hosts.into_iter().chain(outer_address().map(|ip| ip.to_string())) {
        for port in [world.data.port(), world.admin.port()] {
            let reason = refused(&world, &host, port, &EVERYTHING).await;
            assert!(reason.contains("this gateway itself"), "{host}: {reason}");
        }
    }
}
