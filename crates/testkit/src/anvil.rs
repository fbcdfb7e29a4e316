use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// An anvil from `contracts/node_modules` (after `npm ci` there), with blocks as soon as there are transactions.
/// It ends with the value.
pub struct Anvil {
    child: Child,
    /// Its JSON-RPC endpoint.
    pub url: String,
}

impl Anvil {
    /// Starts one at a free port.
    pub fn start() -> Anvil {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let path = root.join("contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
        let mut command = Command::new(path);
        let mut child = command
            .args(["--port", "0", "--hardfork", "osaka"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("anvil starts (npm ci in contracts installs it)");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut listening = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("Listening on ").map(|address| format!("http://{}", address.trim())));
        let url = listening.next().expect("anvil says where it listens");
        // Anvil stops when nobody reads what it prints.
        std::thread::spawn(move || listening.for_each(drop));
        Anvil { child, url }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
