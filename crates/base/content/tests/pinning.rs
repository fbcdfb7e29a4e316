//! The client of pinning services against the service that the authors of the API give for tests, which holds each
//! request against the API's definition. `./test` installs it (`npm ci` in `tests/pinning`).

#![allow(clippy::unwrap_used)]

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use enliven_content::{MemoryBlocks, Mirror, PinningConfig, PinningService};
use enliven_types::{Codec, cid_of};

struct Service {
    child: Child,
    endpoint: String,
}

impl Service {
    fn start() -> Service {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pinning");
        let child = Command::new("node")
            .current_dir(folder)
            .arg("node_modules/mock-ipfs-pinning-service/cli.js")
            .args(["--port", &port.to_string(), "--token", "secret", "--loglevel", "error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the service does not start: npm ci in tests/pinning");
            std::thread::sleep(Duration::from_millis(50));
        }
        Service { child, endpoint: format!("http://127.0.0.1:{port}") }
    }

    fn client(&self, token: &str) -> PinningService {
        let config = PinningConfig {
            endpoint: self.endpoint.clone(),
            origins: vec!["/ip4/127.0.0.1/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ".into()],
            wait_s: 1,
        };
        PinningService::new(&config, token.into()).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The service does what the start of a pin's name says.
#[test]
#[ignore = "needs npm ci in tests/pinning"]
fn pins_are_asked_for_once_and_waited_for() {
    let service = Service::start();
    let client = service.client("secret");
    let blocks = MemoryBlocks::new();
    let keep = |text: &str, name: &str| client.keep(&cid_of(Codec::DagCbor, text.as_bytes()), name, None, &blocks, &[]);
    client.check().unwrap();
    keep("one", "pinned-epoch 1").unwrap();
    keep("one", "pinned-epoch 1").unwrap();
    let root = |text: &str| cid_of(Codec::DagCbor, text.as_bytes());
    assert!(client.has_root(&root("one")).unwrap() && !client.has_root(&root("none")).unwrap());
    let error = keep("two", "failed-epoch 2").unwrap_err().to_string();
    assert!(error.contains("it failed to pin bafy"), "{error}");
    let error = keep("three", "pinning-epoch 3").unwrap_err().to_string();
    assert!(error.contains("has not pinned") && error.contains("within 1 s"), "{error}");

    let stranger = service.client("wrong");
    let error = stranger.check().unwrap_err().to_string();
    assert!(error.contains("ENLIVEN_PINNING_TOKEN") && !error.contains("wrong"), "{error}");
    assert!(!format!("{client:?}").contains("secret"));
    drop(service);
    let error = keep("four", "pinned-epoch 4").unwrap_err().to_string();
    assert!(error.contains("the pinning service http://127.0.0.1"), "{error}");
}
