//! The network: pods find services by name and address, and the API server as whom their account says.

use crate::shared::scene;
use std::collections::BTreeSet;
use weir_cluster::node::pods::SOON;
use weir_cluster::wait;

/// Two pods that say which of them answers, behind a service.
const WEB: &str = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: web
        image: test.local/python:1
        args:
        - -c
        - |
          import http.server, os
          class Answer(http.server.BaseHTTPRequestHandler):
              def do_GET(self):
                  self.send_response(200)
                  self.end_headers()
                  self.wfile.write(os.uname().nodename.encode())
          http.server.ThreadingHTTPServer(('', 8080), Answer).serve_forever()
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {port: http}, periodSeconds: 1}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
";

/// A program that asks each of these and prints what it says.
fn ask(urls: &[&str]) -> String {
    format!(
        "import urllib.request as r\nfor url in {urls:?}: print(r.urlopen(url, timeout=20).read().decode())"
    )
}

#[tokio::test]
async fn a_service_spreads_callers_over_ready_pods_by_address_and_by_name() {
    let scene = scene("web").await;
    let (node, namespace) = (scene.node, scene.namespace.as_str());
    node.apply_text(namespace, WEB).await.unwrap();
    node.rolled_out(namespace, "deployment/web").await.unwrap();
    let pods: BTreeSet<String> = node
        .pods(namespace, "app=web")
        .await
        .unwrap()
        .into_iter()
        .filter_map(|pod| pod.metadata.name)
        .collect();
    assert_eq!(pods.len(), 2);

    // The test itself is on the node.
    let jsonpath = ["get", "service", "web", "--namespace", namespace, "--output=jsonpath={.spec.clusterIP}"];
    let url = format!("http://{}/", node.kubectl(&jsonpath).await.unwrap());
    let mut answered = BTreeSet::new();
    let both = wait::until("both pods answer", SOON, async || {
        // Ready pods are told to kube-proxy a moment after they are ready.
        if let Ok(answer) = reqwest::get(&url).await {
            answered.insert(answer.text().await?);
        }
        Ok((answered == pods).then_some(()))
    });
    both.await.unwrap();

    let urls = [&url, "http://web/", &format!("http://web.{namespace}.svc.cluster.local/")];
    let ran = node.python(namespace, "asks", &ask(&urls), None).await.unwrap().successfully().unwrap();
    assert_eq!(ran.lines().filter(|line| pods.contains(*line)).count(), urls.len(), "{ran}");
}

#[tokio::test]
async fn addresses_outside_are_unreachable_at_once() {
    let scene = scene("outside").await;
    let program = "
import socket
for address in ('198.51.100.1', 'example.com'):
    try:
        socket.create_connection((address, 443), timeout=20)
    except OSError as error:
        print(type(error).__name__, error)
";
    let ran =
        scene.node.python(&scene.namespace, "asks", program, None).await.unwrap().successfully().unwrap();
    let lines: Vec<&str> = ran.lines().collect();
    assert!(lines[0].contains("unreachable") && lines[1].starts_with("gaierror"), "{ran}");
}

#[tokio::test]
async fn a_pod_is_to_the_api_server_whom_its_account_says() {
    let scene = scene("account").await;
    let (node, namespace) = (scene.node, scene.namespace.as_str());
    let role = ["create", "role", "reader", "--namespace", namespace, "--verb=get", "--resource=configmaps"];
    node.kubectl(&role).await.unwrap();
    let account = format!("--serviceaccount={namespace}:default");
    let binding = ["create", "rolebinding", "reader", "--namespace", namespace, "--role=reader", &account];
    node.kubectl(&binding).await.unwrap();
    let program = format!(
        "
import os, ssl, urllib.error, urllib.request as r
folder = '/var/run/secrets/kubernetes.io/serviceaccount/'
trust = ssl.create_default_context(cafile=folder + 'ca.crt')
for host in (os.environ['KUBERNETES_SERVICE_HOST'], 'kubernetes.default.svc'):
    for path in ('configmaps/kube-root-ca.crt', 'secrets/any'):
        call = r.Request(f'https://{{host}}/api/v1/namespaces/{namespace}/{{path}}')
        call.add_header('Authorization', 'Bearer ' + open(folder + 'token').read())
        try:
            print(r.urlopen(call, timeout=20, context=trust).status)
        except urllib.error.HTTPError as error:
            print(error.code)
"
    );
    let ran = node.python(namespace, "asks", &program, None).await.unwrap().successfully().unwrap();
    assert_eq!(ran, "200\n403\n200\n403\n");
}
