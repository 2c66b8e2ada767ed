//! What each process is started with. A flag without a comment is what any cluster sets.

use crate::ports::Ports;
use std::path::Path;

/// Not synced to disk: the data is thrown away.
pub(crate) fn etcd(work: &Path, ports: &Ports) -> Vec<String> {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    vec![
        format!("--data-dir={}", work.join("etcd").display()),
        "--unsafe-no-fsync".into(),
        "--log-level=warn".into(),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
    ]
}

/// Services' addresses. A shared plane holds the Services of every test before: 254 of them are not enough.
pub(crate) const SERVICES: &str = "10.96.0.0/16";

pub(crate) fn api_server(work: &Path, ports: &Ports) -> Vec<String> {
    let file = |name: &str| work.join(name).display().to_string();
    let mut flags = vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
        format!("--bind-address={}", ports.host),
        format!("--advertise-address={}", ports.host),
        format!("--secure-port={}", ports.api),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--allow-privileged=true".into(),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        format!("--service-account-key-file={}", file("accounts.pub")),
        format!("--service-account-signing-key-file={}", file("accounts.key")),
        format!("--audit-policy-file={}", file("audit-policy.yaml")),
        format!("--audit-log-path={}", file("logs/audit.log")),
    ];
    if ports.host.is_loopback() {
        // No endpoint of the service `kubernetes` may be on loopback.
        flags.push("--endpoint-reconciler-type=none".into());
    } else {
        flags.extend(kubelet_client(&file));
    }
    flags
}

/// How the API server calls kubelets, for logs and exec.
fn kubelet_client(file: &impl Fn(&str) -> String) -> [String; 4] {
    [
        format!("--kubelet-client-certificate={}", file("kubelet-client.crt")),
        format!("--kubelet-client-key={}", file("kubelet-client.key")),
        format!("--kubelet-certificate-authority={}", file("ca.crt")),
        "--kubelet-preferred-address-types=InternalIP".into(),
    ]
}

/// Without the rates each controller gets 20 requests a second, and the first objects come 5 s late.
pub(crate) fn controllers(work: &Path) -> Vec<String> {
    let mut flags = client(work, "controllers");
    flags.extend([
        "--use-service-account-credentials".into(),
        format!("--service-account-private-key-file={}", work.join("accounts.key").display()),
        format!("--root-ca-file={}", work.join("ca.crt").display()),
        "--kube-api-qps=500".into(),
        "--kube-api-burst=1000".into(),
    ]);
    flags
}

pub(crate) fn scheduler(work: &Path) -> Vec<String> {
    client(work, "scheduler")
}

/// Nobody asks them anything: they need no port.
fn client(work: &Path, name: &str) -> Vec<String> {
    let kubeconfig = work.join(format!("{name}.kubeconfig"));
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        "--leader-elect=false".into(),
        "--secure-port=0".into(),
    ]
}

/// Every call with who made it, without bodies.
pub(crate) const AUDIT_POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";
