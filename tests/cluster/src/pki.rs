//! One authority, and what it vouches for: the API server, a node, their clients, and the key of service accounts'
//! tokens.
//! Everything is P-256, made in memory, and lives as long as the plane.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// The one node, if there is one.
pub(crate) const NODE_NAME: &str = "node-1";
pub(crate) const NODE_IP: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 99, 0, 1);

/// The API server towards kubelets.
pub(crate) const KUBELET_CLIENT: &str = "kube-apiserver-kubelet-client";

/// Names by which the API server is called: from here, and from a pod.
const SERVER_NAMES: [&str; 8] = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "127.0.0.1",
    "10.96.0.1",
    "10.99.0.1",
];
/// Names by which the API server calls the kubelet.
const KUBELET_NAMES: [&str; 3] = [NODE_NAME, "10.99.0.1", "127.0.0.1"];

/// Certificate and key, PEM.
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

pub(crate) struct Pki {
    /// Certificate of the authority, PEM.
    pub(crate) ca: String,
    pub(crate) ca_der: Vec<u8>,
    pub(crate) server: Pair,
    /// Of the group `system:masters`: may do everything.
    pub(crate) admin: Pair,
    pub(crate) controllers: Pair,
    pub(crate) scheduler: Pair,
    /// What the kubelet shows to whom calls it, and itself as a client: the node.
    pub(crate) kubelet: Pair,
    pub(crate) node: Pair,
    pub(crate) proxy: Pair,
    /// [`KUBELET_CLIENT`].
    pub(crate) kubelet_client: Pair,
    /// Public and private key of service accounts' tokens.
    pub(crate) accounts: Pair,
}

impl Pki {
    pub(crate) fn new() -> Result<Self> {
        let ca = authority()?;
        let server = |name, hosts| params(name, None, ExtendedKeyUsagePurpose::ServerAuth, hosts);
        let client = |name, group| params(name, group, ExtendedKeyUsagePurpose::ClientAuth, &[]);
        let accounts = KeyPair::generate()?;
        Ok(Self {
            server: issue(&ca, server("kube-apiserver", &SERVER_NAMES)?)?,
            admin: issue(&ca, client("admin", Some("system:masters"))?)?,
            controllers: issue(&ca, client("system:kube-controller-manager", None)?)?,
            scheduler: issue(&ca, client("system:kube-scheduler", None)?)?,
            kubelet: issue(&ca, server("kubelet", &KUBELET_NAMES)?)?,
            node: issue(&ca, client(&format!("system:node:{NODE_NAME}"), Some("system:nodes"))?)?,
            proxy: issue(&ca, client("system:kube-proxy", None)?)?,
            kubelet_client: issue(&ca, client(KUBELET_CLIENT, None)?)?,
            accounts: Pair { cert: accounts.public_key_pem(), key: accounts.serialize_pem() },
            ca: ca.pem(),
            ca_der: ca.der().to_vec(),
        })
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new([])?;
    params.distinguished_name.push(DnType::CommonName, "weir-cluster");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// `name` is the user and `group` its group, for a client.
fn params(
    name: &str,
    group: Option<&str>,
    purpose: ExtendedKeyUsagePurpose,
    hosts: &[&str],
) -> Result<CertificateParams> {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn issue(ca: &CertifiedIssuer<'static, KeyPair>, params: CertificateParams) -> Result<Pair> {
    let key = KeyPair::generate()?;
    let cert = params.signed_by(&key, ca)?;
    Ok(Pair { cert: cert.pem(), key: key.serialize_pem() })
}
