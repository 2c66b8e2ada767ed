//! S10.2: what is meant for TLS goes to whom TLS has proven, or nowhere.

use crate::harness::{Config, MODEL};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use weir_config::{Backend, Endpoint};
use weir_upstream::Upstream;

/// A TLS server with a certificate that nobody issued; counts connections and finished handshakes.
async fn self_signed(tasks: &mut JoinSet<()>) -> (u16, Arc<[AtomicUsize; 2]>) {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let seen = Arc::clone(&counts);
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            seen[0].fetch_add(1, Ordering::Relaxed);
            if acceptor.accept(stream).await.is_ok() {
                seen[1].fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (port, counts)
}

fn over_tls(port: u16) -> Config {
    let mut config = Config::new();
    config.add("p1", port);
    config.provider_mut(0, |provider| {
        let (host, base_path) = ("localhost".to_owned(), "/v1".to_owned());
        provider.backend = Backend::Http(Endpoint { tls: true, host, port, base_path });
    });
    config
}

#[tokio::test]
async fn s10_2_an_untrusted_certificate_gets_nothing() {
    let mut tasks = JoinSet::new();
    let (port, counts) = self_signed(&mut tasks).await;
    let world = over_tls(port).start();
    for reply in [world.chat().await, world.stream().await] {
        assert_eq!((reply.status, reply.code().as_str()), (502, "upstream_unavailable"), "{reply:?}");
        assert_eq!(reply.header("x-should-retry"), Some("false"), "{reply:?}");
        assert_eq!(reply.json()["error"]["attempts"].as_array().unwrap().len(), 1, "{reply:?}");
        let attempt = &reply.json()["error"]["attempts"][0];
        assert_eq!(attempt["outcome"], "misdirected");
        let reason = attempt["reason"].as_str().unwrap();
        assert!(reason.contains("certificate is not trusted") && !reason.contains("localhost"), "{reason}");
    }
    assert_eq!(counts[0].load(Ordering::Relaxed), 2, "each request asked once");
    assert_eq!(counts[1].load(Ordering::Relaxed), 0, "no handshake was finished, so nothing could be sent");
}

#[tokio::test]
async fn s10_2_plaintext_never_goes_where_tls_is_meant() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = Arc::new(over_tls(listener.local_addr().unwrap().port()).start());
    let mut tasks = JoinSet::new();
    tasks.spawn({
        let world = Arc::clone(&world);
        async move {
            let reply = world.chat().await;
            assert_eq!(reply.status, 503);
            let reason = reply.json()["error"]["attempts"][0]["reason"].as_str().unwrap().to_owned();
            assert!(reason.contains("TLS handshake failed"), "{reason}");
        }
    });
    let mut connections = 0;
    let mut all = Vec::new();
    while !tasks.is_empty() {
        tokio::select! {
            done = tasks.join_next() => done.unwrap().unwrap(),
            accepted = listener.accept() => {
                let (mut stream, _) = accepted.unwrap();
                let mut bytes = vec![0; 64 << 10];
                let read = stream.read(&mut bytes).await.unwrap();
                assert_eq!(bytes[0], 0x16, "a TLS handshake record");
                all.extend_from_slice(&bytes[..read]);
                // An answer in the clear, as a port without TLS gives; then a close.
                stream.try_write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").unwrap();
                connections += 1;
            }
        }
    }
    assert!(connections > 0);
    let text = String::from_utf8_lossy(&all);
    for secret in ["sentinel", "Say hello", "POST", MODEL] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn s10_2_behind_an_untrusted_certificate_the_next_target_answers() {
    let mut tasks = JoinSet::new();
    let (port, _) = self_signed(&mut tasks).await;
    let upstream = Upstream::start();
    let mut config = over_tls(port);
    config.add("p2", upstream.port());
    let reply = config.start().chat().await;
    assert!(reply.is_whole(), "{reply:?}");
    assert_eq!(reply.header("x-weir-provider"), Some("default/p2"));
}
