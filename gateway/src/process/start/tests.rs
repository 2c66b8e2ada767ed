use super::*;
use crate::Signals;
use crate::bounds::Bounds;
use crate::observe::UsageLogTo;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use weir_config::{Disclosure, Egress, Gateway as Settings, Listener, ObjectName};

const PATIENCE: Duration = Duration::from_secs(20);

fn options() -> Options {
    Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin_listen: "127.0.0.1:0".parse().unwrap(),
        workers: NonZeroUsize::new(2),
        usage_log: UsageLogTo::Off,
        log: None,
        memory_budget: Some(1 << 20),
        bounds: Bounds::default(),
        keep_alive: Options::KEEP_ALIVE,
        withheld: Vec::new(),
    }
}

fn snapshot() -> Snapshot {
    let listener = Listener {
        max_body_bytes: 1 << 20,
        drain_timeout: PATIENCE,
        removal_delay: Duration::ZERO,
        disclosure: Disclosure::Full,
    };
    let name = ObjectName::new("default", "default");
    Snapshot::empty(Settings { name, listener, egress: Egress { allow_private: Vec::new() } })
}

/// The head of the answer on a connection of its own; empty where that was closed without one.
fn get(address: SocketAddr, path: &str) -> String {
    ask(address, "GET", path)
}

fn ask(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n\r\n");
    let mut text = Vec::new();
    // Whoever was with a worker that died sees a reset, at either of these.
    drop(stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut text)));
    String::from_utf8(text).unwrap()
}

/// A gateway whose first worker dies of the first connection that it is given.
fn with_a_mortal_worker() -> Running {
    let running = start_with(&options(), async |gateway, worker: Arc<Worker>, mut arrivals: Arrivals| {
        if worker.index == 0 {
            drop(arrivals.recv().await);
            panic!("a worker dies: this is the test");
        }
        serve(gateway, worker, arrivals).await;
    });
    let running = running.unwrap();
    running.apply(snapshot());
    running
}

#[test]
fn s9_11_a_worker_that_dies_ends_the_process_in_order_and_takes_no_further_connection() {
    let running = with_a_mortal_worker();
    let (said, heard) = channel();
    let signals = Signals::listen(move || said.send(()).unwrap_or_default()).unwrap();
    running.obey(&signals);
    assert!(get(running.admin_address, "/readyz").contains(" 200 "));
    // Both workers have none: the first gets this one, and dies of it.
    assert_eq!(get(running.data_address, "/v1/models"), "");
    heard.recv_timeout(PATIENCE).expect("whoever runs the gateway hears of it");
    let ready = get(running.admin_address, "/readyz");
    assert!(ready.contains(" 503 ") && ready.ends_with("a part of the gateway has ended\n"), "{ready}");
    for _ in 0..20 {
        assert!(get(running.data_address, "/v1/models").contains(" 401 "), "the other worker serves");
    }
    let began = Instant::now();
    assert!(!running.end(&signals), "the process says that it did not end well");
    assert!(began.elapsed() < PATIENCE / 2, "nothing runs any more: {:?}", began.elapsed());
}

#[test]
fn s9_11_an_end_in_order_is_no_loss() {
    let signals = Signals::listen(|| {}).unwrap();
    let running = start(&options()).unwrap();
    running.apply(snapshot());
    running.obey(&signals);
    assert!(get(running.data_address, "/v1/models").contains(" 401 "));
    assert!(running.end(&signals));
}

/// A listener that nobody can wait on.
fn broken_listener() -> Bound {
    const NONBLOCK: i32 = 0o4000;
    let null = std::fs::OpenOptions::new().read(true).custom_flags(NONBLOCK).open("/dev/null").unwrap();
    TcpListener::from(std::os::fd::OwnedFd::from(null)).into()
}

#[test]
fn s9_11_a_gateway_that_can_wait_for_no_caller_does_not_start() {
    let running = start(&options()).unwrap();
    let sound = || Network::kernel().listen("127.0.0.1:0".parse().unwrap()).unwrap().0;
    for (data, admin) in [(broken_listener(), sound()), (sound(), broken_listener())] {
        let started = control_thread(&running.gateway, data, admin, Vec::new());
        assert!(started.is_err(), "it must not look ready with nobody who accepts");
    }
    running.stop();
}

#[test]
fn s9_2_connections_that_say_nothing_keep_no_probe_from_its_answer() {
    let running = start(&options()).unwrap();
    running.apply(snapshot());
    let began = Instant::now();
    let mut silent: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(running.admin_address).unwrap()).collect();
    for stream in &mut silent {
        stream.write_all(b"GET /livez HTTP/1.1\r\nx: ").unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    assert!(get(running.admin_address, "/readyz").contains(" 200 "));
    assert!(began.elapsed() < Bounds::default().headers / 2, "{:?}", began.elapsed());
    for stream in &mut silent[..60] {
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest)); // an end or a reset
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
    }
    running.stop();
}

#[test]
fn s9_12_a_connection_to_the_admin_port_that_sends_no_head_ends() {
    let bounds = Bounds { headers: Duration::from_millis(300), ..Bounds::default() };
    let running = start(&Options { bounds, ..options() }).unwrap();
    let mut silent = TcpStream::connect(running.admin_address).unwrap();
    silent.write_all(b"GET /livez HTTP/1.1\r\nx: ").unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    assert!(silent.read_to_end(&mut rest).is_ok(), "it ends before anybody loses patience");
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
    running.stop();
}

#[test]
fn s9_1_the_end_waits_for_no_name_lookup() {
    let (release, held) = channel::<()>();
    let held = Mutex::new(Some(held));
    let (began, begun) = channel();
    let running = start_with(&options(), move |gateway, worker, arrivals| {
        let (held, began) = (held.lock().unwrap().take(), began.clone());
        async move {
            // As getaddrinfo on a name server that does not answer.
            tokio::task::spawn_blocking(move || {
                began.send(()).unwrap();
                held.map(|held| held.recv())
            });
            serve(gateway, worker, arrivals).await;
        }
    });
    let running = running.unwrap();
    (0..2).for_each(|_| begun.recv_timeout(PATIENCE).unwrap());
    let (ended, end) = channel();
    let stopping = thread::spawn(move || {
        running.stop();
        ended.send(()).unwrap();
    });
    end.recv_timeout(PATIENCE).expect("it ends while the lookup goes on");
    drop(release);
    stopping.join().unwrap();
}

#[test]
fn s9_11_a_source_of_configuration_that_ends_ends_the_process_in_order() {
    let (said, heard) = channel();
    let signals = Signals::listen(move || said.send(()).unwrap_or_default()).unwrap();
    let running = start(&options()).unwrap();
    running.apply(snapshot());
    running.obey(&signals);
    let feed = running.feed();
    let source = thread::spawn(move || feed.needs("source", || panic!("a source dies: this is the test")));
    assert!(source.join().is_err());
    heard.recv_timeout(PATIENCE).expect("whoever runs the gateway hears of it");
    assert!(get(running.admin_address, "/readyz").contains(" 503 "), "it is not ready any more");
    assert!(get(running.data_address, "/v1/models").contains(" 401 "), "it serves to its end");
    assert!(!running.end(&signals), "the process says that it did not end well");
}

#[test]
fn s9_14_telling_holds_up_neither_a_worker_nor_who_accepts() {
    let running = start(&options()).unwrap();
    running.apply(snapshot());
    let (data, admin) = (running.data_address, running.admin_address);
    let mut scrape = TcpStream::connect(admin).unwrap();
    scrape.set_read_timeout(Some(PATIENCE)).unwrap();
    // As while thousands of series are written out, for as long as anybody likes.
    running.gateway.totals.while_told(|| {
        scrape.write_all(b"GET /metrics HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n\r\n").unwrap();
        for _ in 0..20 {
            assert!(get(admin, "/readyz").contains(" 200 "), "probes are answered");
            let refused = ask(data, "POST", "/v1/chat/completions");
            assert!(refused.contains(" 401 "), "callers are accepted, answered and counted: {refused}");
        }
        scrape.set_nonblocking(true).unwrap();
        assert_eq!(scrape.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock, "it tells still");
        scrape.set_nonblocking(false).unwrap();
    });
    let mut text = String::new();
    scrape.read_to_string(&mut text).unwrap();
    assert!(text.contains("code=\"401\"") || text.contains(" 200 "), "{text}");
    running.stop();
}
