//! Serving.

use crate::process::{PATIENCE, PROVIDER, Up, folder, request, run, shop, weir};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

fn quickstart() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/quickstart"))
}

#[test]
fn the_quickstart_answers_whole_and_streamed_and_lists_its_models() {
    let up = Up::start(quickstart());
    for _ in 0..20 {
        let (status, answer) = up.chat("chat");
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("Hello") && answer.contains("x-weir-cost-usd: 0."), "{answer}");
    }
    let stream = r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Hello"}]}"#;
    let (status, answer) = up.ask(stream);
    assert_eq!(status, 200);
    assert!(answer.contains("Hello") && answer.contains("data: [DONE]"), "{answer}");
    let (status, models) = up.get("base_url", "/models");
    assert!(status == 200 && models.contains(r#""id":"chat""#), "{models}");
    assert_eq!(up.ready["models"], serde_json::json!(["chat", "gpt-4o-mini"]));
    assert_eq!(up.get("admin_url", "/readyz").0, 200);
    assert_eq!(up.chat("nonsense").0, 404);
    let other = "weir_0000000000_0000000000000000000000000000000000000000000000000";
    let refused = request(up.base_url(), "GET", "/models", Some(other), "").finish();
    assert_eq!(refused.0, 401);
}

#[test]
fn without_a_manifest_it_serves_the_quickstart() {
    let state = folder([]);
    let with = Up::start(quickstart());
    let without = Up::start_with(weir().args(["up", "--state"]).arg(state.path()));
    assert_eq!(without.ready["models"], with.ready["models"]);
    assert_eq!(without.ready["keys"][0]["name"], "default/quickstart");
    assert_eq!(without.chat("chat").0, 200);
}

#[test]
fn in_words_it_says_all_that_is_needed_to_call_it() {
    let (shop, state) = (shop(), folder([]));
    let mut child = weir()
        .arg("up")
        .arg(shop.path())
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--state"])
        .arg(state.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut stdout = child.stdout.take().unwrap();
    while !text.contains("OPENAI_API_KEY") {
        let mut bytes = [0; 4096];
        let read = stdout.read(&mut bytes).unwrap();
        assert_ne!(read, 0, "{text}");
        text += std::str::from_utf8(&bytes[..read]).unwrap();
    }
    // The line to paste works as it is.
    let curl = text.split_once("  curl ").unwrap().1.split_once("\n\n").unwrap().0;
    let (code, answer, _) = run(std::process::Command::new("sh").args(["-c", &format!("curl -sS {curl}")]));
    assert!(code == Some(0) && answer.contains("Hello"), "{curl}\n{answer}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn s10_4_providers_on_this_machine_may_be_called() {
    let vendor = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = vendor.local_addr().unwrap().port();
    thread::spawn(move || vendor.incoming().flatten().for_each(answer_pong));
    let provider = PROVIDER.replace(
        "vendor: Mock",
        &format!(
            "vendor: OpenAICompatible\n  endpoint: {{url: 'http://127.0.0.1:{port}/v1', allowInsecure: true}}\n  \
             credentials: {{none: {{}}}}"
        ),
    );
    let shop = shop();
    std::fs::write(shop.path().join("provider.yaml"), &provider).unwrap();
    let up = Up::start(shop.path());
    let (status, answer) = up.chat("chat");
    assert!(status == 200 && answer.contains("pong"), "{answer}");
    // A gateway of one's own that says otherwise is obeyed.
    let gateway = "apiVersion: weir.dev/v1alpha1\nkind: LLMGateway\nmetadata: {name: default}\nspec: {egress: {allowPrivate: []}}\n";
    std::fs::write(shop.path().join("gateway.yaml"), gateway).unwrap();
    up.hears("reloaded");
    assert_ne!(up.chat("chat").0, 200);
}

fn answer_pong(mut caller: TcpStream) {
    let mut request = [0; 4096];
    if caller.read(&mut request).is_ok_and(|read| read > 0) {
        let body = r#"{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"pong"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        drop(write!(caller, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    }
}

#[test]
fn a_closed_standard_output_is_no_reason_to_end() {
    let (shop, state) = (shop(), folder([]));
    let [data, admin] = [free_address(), free_address()];
    let mut child = weir()
        .arg("up")
        .arg(shop.path())
        .args(["--listen", &data, "--admin-listen", &admin, "--usage-log", "-", "--state"])
        .arg(state.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(&data).is_err() {
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < until);
        thread::yield_now();
    }
    let key = loop {
        // The key is written before the port opens; the route may come a moment later.
        if let Ok(key) = std::fs::read_to_string(state.path().join("keys/default/app.key")) {
            break key;
        }
    };
    let body = r#"{"model":"chat","messages":[{"role":"user","content":"Hello"}]}"#;
    let base = format!("http://{data}/v1");
    let answers =
        (0..50).map(|_| request(&base, "POST", "/chat/completions", Some(key.trim()), body).finish());
    let served = answers.filter(|(status, _)| *status == 200).count();
    assert!(served > 0 && child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let (shop, state) = (shop(), folder([]));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (option, other) in [("--listen", "--admin-listen"), ("--admin-listen", "--listen")] {
        let (code, out, errors) = run(weir()
            .arg("up")
            .arg(shop.path())
            .args([option, &address, other, "127.0.0.1:0", "--state"])
            .arg(state.path()));
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(errors.contains(&address) && errors.contains(&format!("{option} 127.0.0.1:0")), "{errors}");
    }
}

#[test]
fn the_usage_log_goes_where_it_is_told() {
    let (shop, state) = (shop(), folder([]));
    let log = state.path().join("usage.jsonl");
    let up = Up::start_with(
        weir().arg("up").arg(shop.path()).arg("--state").arg(state.path()).arg("--usage-log").arg(&log),
    );
    assert_eq!(up.chat("chat").0, 200);
    up.signal("TERM");
    assert_eq!(up.ends(), Some(0));
    let text = std::fs::read_to_string(log).unwrap();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert!(line.to_string().contains("default/app"), "{line}");
}
