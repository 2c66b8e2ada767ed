//! S10.1 to S10.3: what goes where, and what never does.

use crate::harness::{Config, KEY, Reply, streamed, unary};
use crate::raw::{Raw, chat_head};
use weir_upstream::{Answer, At, Chat, Gate, Upstream};

#[tokio::test]
async fn s10_1_the_admin_port_answers_gets_and_changes_nothing() {
    let world = Config::over(&[&Upstream::start()]).start();
    let before = world.admin("/status").await.json();
    for path in ["/livez", "/readyz", "/metrics", "/status"] {
        assert_eq!(world.admin(path).await.status, 200, "{path}");
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONFIGURE"] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let url = format!("http://{}{path}", world.admin);
            let response = world.client.request(method.clone(), url).body("{}").send().await.unwrap();
            assert_eq!(response.status(), 405, "{method} {path}");
        }
    }
    for path in
        ["/", "/v1/models", "/v1/chat/completions", "/reload", "/config", "/debug/pprof", "/quitquitquit"]
    {
        assert_eq!(world.admin(path).await.status, 404, "{path}");
    }
    assert_eq!(world.admin("/status").await.json()["config"], before["config"]);
}

#[tokio::test]
async fn s10_1_the_data_port_has_no_admin_paths() {
    let world = Config::over(&[&Upstream::start()]).start();
    for path in ["/livez", "/readyz", "/metrics", "/status", "/v1/status", "/admin/metrics"] {
        let response = world.client.get(world.url(path)).bearer_auth(KEY).send().await.unwrap();
        let reply = Reply::read(response).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "unknown_url"), "{path}");
    }
}

#[tokio::test]
async fn s10_2_a_redirect_is_not_followed() {
    let (first, elsewhere) = (Upstream::start(), Upstream::start());
    let world = Config::over(&[&first]).start();
    for status in [301, 302, 303, 307, 308] {
        first.always(Answer::redirect(status, format!("{}/chat/completions", elsewhere.url())));
        for reply in [world.chat().await, world.stream().await] {
            assert_eq!(reply.status, 502, "only an operator can mend the address: {status} {reply:?}");
            assert!(!reply.text.contains(&elsewhere.port().to_string()), "{reply:?}");
        }
    }
    assert_eq!((elsewhere.connections(), elsewhere.count()), (0, 0));
}

async fn answers_under_a_proxy() {
    let upstream = Upstream::start();
    let world = Config::over(&[&upstream]).start();
    assert_eq!(world.chat().await.status, 200);
    assert_eq!(world.stream().await.status, 200);
    assert_eq!(upstream.count(), 2);
}

/// Runs itself once more in a process whose environment names a proxy.
#[tokio::test]
async fn s10_2_no_proxy_of_the_environment_is_used() {
    const CHILD: &str = "WEIR_TEST_UNDER_A_PROXY";
    if std::env::var_os(CHILD).is_some() {
        return answers_under_a_proxy().await;
    }
    let proxy = Upstream::start();
    let url = format!("http://127.0.0.1:{}", proxy.port());
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "safety::s10_2_no_proxy_of_the_environment_is_used"]).env(CHILD, "1");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, &url);
    }
    let output = child.env("NO_PROXY", "").env("no_proxy", "").output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn s10_2_a_credential_goes_to_its_own_origin_alone() {
    let (first, second) = (Upstream::start(), Upstream::start());
    first.always(Answer::server_error(500));
    let world = Config::over(&[&first, &second]).start();
    for _ in 0..3 {
        assert_eq!(world.chat().await.status, 200);
        assert_eq!(world.stream().await.status, 200);
    }
    for (upstream, own) in [(&first, "p1"), (&second, "p2")] {
        assert!(upstream.count() >= 6);
        for seen in upstream.requests() {
            let own = format!("Bearer sk-{own}-credential-sentinel");
            assert_eq!(seen.header("authorization"), Some(own.as_str()));
            let all = format!("{:?} {}", seen.headers, String::from_utf8_lossy(&seen.body));
            assert_eq!(all.matches("credential-sentinel").count(), 1, "{all}");
            assert!(!all.contains(KEY), "{all}");
        }
    }
}

#[tokio::test]
async fn s10_3_what_an_upstream_gets_is_built_not_forwarded() {
    let upstream = Upstream::start();
    let world = Config::over(&[&upstream]).start();
    let strange = [
        "cookie: session=SENTINEL",
        "x-forwarded-for: 10.1.1.1, SENTINEL",
        "x-forwarded-host: SENTINEL",
        "x-real-ip: 10.9.9.9",
        "forwarded: for=SENTINEL",
        "via: 1.1 SENTINEL",
        "openai-organization: org-SENTINEL",
        "openai-project: proj-SENTINEL",
        "openai-beta: assistants=v2",
        "anthropic-version: SENTINEL",
        "x-stainless-lang: SENTINEL",
        "user-agent: SENTINEL/1.0",
        "referer: http://SENTINEL/",
        "origin: http://SENTINEL",
        "host-override: SENTINEL",
        "x-http-method-override: DELETE",
        "x-original-url: /SENTINEL",
        "idempotency-key: SENTINEL",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "baggage: user=SENTINEL",
        "accept: application/SENTINEL",
        "accept-encoding: gzip, br, zstd",
        "accept-language: x-SENTINEL",
        "content-type: text/SENTINEL",
        "proxy-authorization: Basic SENTINEL",
        "te: trailers",
        "connection: keep-alive, x-hop",
        "x-hop: SENTINEL",
        "x-goog-api-key: SENTINEL",
        "api-key: SENTINEL",
    ];
    for body in [unary(), streamed()] {
        let body = body.to_string();
        let head = chat_head(&format!("{}\r\ncontent-length: {}\r\n", strange.join("\r\n"), body.len()));
        let head =
            head.replace("/v1/chat/completions ", "/v1/chat/completions?api-version=SENTINEL&key=SENTINEL ");
        assert_eq!(Raw::to(&world).await.ask(head + &body).await.status, 200);
        let seen = upstream.last().unwrap();
        let mut names: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let allowed = [
            "accept",
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "user-agent",
        ];
        assert_eq!(names, allowed);
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/chat/completions"));
        assert_eq!(seen.header("host"), Some(format!("127.0.0.1:{}", upstream.port()).as_str()));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        let all = format!("{:?} {}", seen.headers, String::from_utf8_lossy(&seen.body));
        assert!(!all.contains("SENTINEL") && !all.contains(KEY), "{all}");
    }
}

#[tokio::test]
async fn s10_3_what_a_caller_gets_is_built_not_forwarded() {
    let upstream = Upstream::start();
    let strange = [
        "set-cookie",
        "server",
        "x-request-id",
        "openai-organization",
        "openai-processing-ms",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-limit-tokens",
        "retry-after",
        "location",
        "link",
        "alt-svc",
        "strict-transport-security",
        "access-control-allow-origin",
        "www-authenticate",
        "via",
        "cf-ray",
        "x-weir-provider",
        "x-weir-cost-usd",
        "x-should-retry",
        "etag",
        "age",
    ];
    let dressed =
        |answer: Answer| strange.iter().fold(answer, |answer, name| answer.header(*name, "SENTINEL"));
    let world = Config::over(&[&upstream]).start();
    let allowed = [
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "transfer-encoding",
        "x-accel-buffering",
        "x-request-id",
        "x-should-retry",
        "x-weir-attempts",
        "x-weir-cost-usd",
        "x-weir-error-source",
        "x-weir-model",
        "x-weir-overhead-ms",
        "x-weir-provider",
    ];
    for answer in [Answer::says("hi"), Answer::caller_fault(), Answer::server_error(500), Answer::bad_key()] {
        upstream.always(dressed(answer));
        for reply in [world.chat().await, world.stream().await] {
            for (name, value) in &reply.headers {
                assert!(allowed.contains(&name.as_str()), "{name}: {reply:?}");
                assert!(!value.contains("SENTINEL"), "{name}: {reply:?}");
            }
        }
    }
    upstream.always(
        dressed(Chat::says("hi").answer()).header("content-type", "application/json; charset=SENTINEL"),
    );
    assert_eq!(world.chat().await.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn s10_3_vendor_text_reaches_callers_sanitised() {
    let upstream = Upstream::start();
    let world = Config::over(&[&upstream]).start();
    let secrets = [
        "sk-p1-credential-sentinel",
        "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
        "https://internal.vendor.example/v1/chat?x=1",
        "org-AbCdEf0123456789AbCdEf01",
        "billing@customer.example",
    ];
    for secret in secrets {
        let message = format!("Invalid value for 'temperature' near {secret} in your request.");
        upstream.always(Answer::error(400, "invalid_request_error", Some("invalid_value"), &message));
        for reply in [world.chat().await, world.stream().await] {
            assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_value"), "{reply:?}");
            assert!(reply.text.contains("Invalid value for 'temperature'"), "it still helps: {reply:?}");
            assert!(!reply.text.contains(secret), "{reply:?}");
        }
        upstream.always(Answer::error(500, "server_error", None, &message));
        let reply = world.chat().await;
        assert!(reply.status == 503 && !reply.text.contains(secret), "{reply:?}");
        let error = serde_json::json!({"message": message, "type": "server_error"});
        let gate = Gate::new();
        upstream
            .always(Chat::says("a few words").error_after(2, error).answer().hold_at(At::Event(2), &gate));
        let stream = world.open_stream(streamed()).await; // committed, so that the error is told in it
        gate.open();
        let reply = Reply::read(stream).await;
        assert!(reply.stream_error().is_some() && !reply.text.contains(secret), "{reply:?}");
    }
}
