//! Where the API server is: no upstream may be there (semantics S10.4).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long looking up its name may take. Addresses of pods' configuration are literal, so nothing is looked up.
const LOOKUP: Duration = Duration::from_secs(2);

/// The sockets of the API server that `config` leads to. Empty if its name does not resolve in two seconds.
pub async fn addresses(config: &kube::Config) -> Vec<SocketAddr> {
    let url = &config.cluster_url;
    let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("http") { 80 } else { 443 });
    let host = url.host().unwrap_or_default();
    // In a URL an IPv6 address stands in brackets.
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = literal.parse::<IpAddr>() {
        return vec![SocketAddr::new(ip, port)];
    }
    match tokio::time::timeout(LOOKUP, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => found.collect(),
        _ => {
            tracing::warn!(host, "the API server's name does not resolve: upstreams may reach its address");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn s10_4_the_api_servers_address_is_known() {
        for (url, expected) in [
            ("https://10.96.0.1:443", "10.96.0.1:443"),
            ("https://10.96.0.1", "10.96.0.1:443"),
            ("http://127.0.0.1/", "127.0.0.1:80"),
            ("https://[fd00::1]:6443", "[fd00::1]:6443"),
        ] {
            let config = kube::Config::new(url.parse().unwrap());
            assert_eq!(addresses(&config).await, [expected.parse().unwrap()], "{url}");
        }
        let localhost = kube::Config::new("https://localhost:6443".parse().unwrap());
        assert!(addresses(&localhost).await.contains(&"127.0.0.1:6443".parse().unwrap()));
    }
}
